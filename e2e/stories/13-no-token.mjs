import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { inPopup, newestRun, session, signInFirst, signOut, signedIn, visit } from "../lib/people.mjs";

export const title = "SC-13: no token and no secret of a sign-in is in a page, in any storage, in a cookie or in any answer";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page, context } = await stage.browser(demo);
  const heard = listen(context, demo.app);
  const seen = [];
  const look = async (where) => seen.push({ where, text: await everything(page) });

  await signInFirst(page, demo);
  await newestRun(page, "ok");
  await look("after a sign-in");
  const me = await session(page);
  seen.push(...(await answers(page)));
  await page.goto(`${demo.app}/account`);
  await page.locator("#account").waitFor();
  await look("on the account's page");
  await visit(page, demo.app);
  await signOut(page);
  await look("after signing out");
  // The provider remembers the browser: nobody has to answer anything in this window.
  await inPopup(page, () => page.locator("#sign-in-popup").click(), () => signedIn(page));
  await look("after a popup");
  // The job's own token, and the one after it: what a job has is no browser's.
  const vended = (await demo.vend(me.user.id)).body.access_token;
  await demo.advance(2 * 3600);
  const later = (await demo.vend(me.user.id)).body.access_token;
  assert.notEqual(vended, later);
  await visit(page, demo.app);
  await look("two hours later");

  seen.push(...(await heard()));
  assert.ok(seen.length > 12, "there was something to look at");
  const secrets = await hashes(demo);
  assert.ok(secrets.size > 5, "the provider's ledger knows what is secret");
  assert.ok(secrets.has(sha256(vended)) && secrets.has(sha256(later)), "and knows the job's tokens");
  for (const { where, text } of seen) {
    for (const form of readings(text)) {
      assert.ok(!form.includes(vended) && !form.includes(later), `a job's token ${where}`);
      for (const word of words(form)) {
        assert.ok(!secrets.has(sha256(word)), `a secret ${where}: ${word.slice(0, 6)}…`);
      }
    }
  }
  // The search finds what it looks for.
  const planted = [...readings(JSON.stringify({ a: encodeURIComponent(`x ${vended} y`) }))];
  assert.ok(planted.some((form) => [...words(form)].some((word) => secrets.has(sha256(word)))));
}

/** Whatever a script on the page could read, of this page. */
async function everything(page) {
  const found = await page.evaluate(async () => {
    const rows = async (name) => {
      const open = indexedDB.open(name);
      await new Promise((done) => (open.onsuccess = open.onerror = done));
      const all = [];
      for (const store of open.result.objectStoreNames) {
        const read = open.result.transaction(store).objectStore(store).getAll();
        await new Promise((done) => (read.onsuccess = read.onerror = done));
        all.push(read.result);
      }
      open.result.close();
      return all;
    };
    const cached = async (name) => {
      const cache = await caches.open(name);
      return Promise.all((await cache.matchAll()).map((answer) => answer.text()));
    };
    const databases = await indexedDB.databases();
    return {
      address: location.href,
      history: JSON.stringify(history.state),
      name: window.name,
      dom: document.documentElement.outerHTML,
      local: { ...localStorage },
      session: { ...sessionStorage },
      cookies: document.cookie,
      databases: await Promise.all(databases.map(({ name }) => rows(name))),
      caches: await Promise.all((await caches.keys()).map(cached)),
      timing: performance.getEntries().map(({ name }) => name),
      globals: Object.keys(window).map((name) => {
        try {
          return typeof window[name] === "string" ? window[name] : JSON.stringify(window[name]);
        } catch {
          return "";
        }
      }),
    };
  });
  return JSON.stringify(found);
}

/** What the browser's routes say to a page of the app, whatever they are asked. */
async function answers(page) {
  const asked = [
    ["GET", "/auth/session"],
    ["GET", "/auth/sessions"],
    ["POST", "/auth/google/begin", {}],
    ["POST", "/auth/google/grant", { scopes: ["https://www.googleapis.com/auth/drive.file"] }],
    ["POST", "/auth/google/link", {}],
    ["POST", "/auth/google/access-token", {}],
    ["POST", "/auth/google/code", { code: "4/none", state: "none" }],
  ];
  const told = [];
  for (const [method, path, body] of asked) {
    const answer = await page.request.fetch(new URL(path, page.url()).href, {
      method,
      data: body,
      headers: { origin: new URL(page.url()).origin, "x-requested-with": "XmlHttpRequest", "sec-fetch-site": "same-origin" },
    });
    told.push({ where: `in the answer of ${method} ${path}`, text: own(await answer.text()) });
  }
  return told;
}

/** Every answer of the app's that any page of this browser gets, to be looked at in the end. */
function listen(context, app) {
  const reading = [];
  context.on("response", (response) => {
    if (!response.url().startsWith(app) || response.status() >= 300) return;
    const where = `in the answer of ${new URL(response.url()).pathname}`;
    reading.push(response.text().then((text) => ({ where, text: own(text) }), () => null));
  });
  return async () => (await Promise.all(reading)).filter(Boolean);
}

/** The address of the provider that a page is given protects the flow: state and nonce are for it to carry. */
function own(text) {
  return text.replace(/"(authorization_url|state|nonce)":"[^"]*"/g, '"$1":""');
}

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** The hash of everything secret that the provider has made or was shown. */
async function hashes(demo) {
  const named = (await demo.events()).flatMap((event) => Object.entries(event));
  return new Set(named.filter(([name]) => name.endsWith("_sha256")).map(([, value]) => value));
}

/** The text as it is, unescaped, and decoded where something in it is base64. */
function* readings(text) {
  yield text;
  yield text.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const byte = Number.parseInt(escape.slice(1), 16);
    return byte < 128 ? String.fromCharCode(byte) : escape;
  });
  for (const word of words(text)) {
    if (word.length > 40) yield Buffer.from(word, "base64url").toString("latin1");
  }
}

const words = (text) => new Set(text.match(/[A-Za-z0-9_./~+-]{8,}/g));
