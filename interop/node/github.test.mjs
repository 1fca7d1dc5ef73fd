// The service before emulate's GitHub, which was not written here.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser } from "./browser.mjs";
import { startGitHub } from "./github.mjs";
import { freeAddress, startService } from "./service.mjs";

let github;
let service;
let jobKey;

before(async () => {
  const address = await freeAddress();
  github = await startGitHub(["github", "mistaken"].map((id) => `${address}/auth/${id}/callback`));
  const provider = {
    id: "github",
    kind: "github",
    base_url: github.origin,
    client_id: github.client_id,
    client_secret: github.client_secret,
    extra_scopes: ["repo"],
  };
  const mistaken = { ...provider, id: "mistaken", client_secret: "another" };
  service = await startService(address, [provider, mistaken]);
  jobKey = service.addClient("job", "*");
});

after(async () => {
  await service?.stop();
  github?.stop();
});

/** Presses the button of the Octocat, which is one of several on the page. */
async function choose(browser, page) {
  const forms = page.text.split("<form").map((text) => `<form${text}`);
  const form = forms.find((text) => text.includes('value="octocat"'));
  assert.ok(form, page.text);
  return browser.submit({ url: page.url, text: form.split("</form>", 1)[0].replaceAll('"/>', '">') });
}

async function signIn(query = "") {
  const browser = new Browser();
  const page = await browser.visit(`${service.address}/auth/github/login${query}`);
  const end = await choose(browser, page);
  assert.equal(end.url.href, `${service.address}/`, end.text);
  const session = await browser.send(`${service.address}/auth/session`);
  return { browser, session: await session.json() };
}

function vend(user, body = {}) {
  return fetch(`${service.address}/v1/users/${user}/grants/github/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${jobKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

test("somebody signs in, and the API says who it is", async () => {
  const { session } = await signIn();
  assert.equal(session.user.email, "octocat@people.example");
  assert.equal(session.user.email_verified, true);
  assert.equal(session.user.name, "The Octocat");
  assert.match(session.identities[0].subject, /^[0-9]+$/);
  assert.ok(github.asked.includes("GET /api/v3/user"));
  assert.ok(github.asked.includes("GET /api/v3/user/emails"));
});

test("a token that does not end is vended, and opens the API", async () => {
  const { session } = await signIn("?scope=repo");
  assert.equal(session.grants[0].offline, true);
  assert.deepEqual(session.grants[0].missing_scopes, []);
  const answer = await vend(session.user.id, { scopes: ["repo"] });
  assert.equal(answer.status, 200);
  const vended = await answer.json();
  assert.ok(vended.expires_in > 3500 && vended.expires_in <= 3600, `${vended.expires_in}`);
  const headers = { authorization: `Bearer ${vended.access_token}` };
  const user = await fetch(`${github.origin}/api/v3/user`, { headers });
  assert.equal((await user.json()).login, "octocat");
});

test("one person has one account, however often they sign in", async () => {
  const [first, second] = [await signIn("?scope=repo"), await signIn("?scope=repo")];
  assert.equal(first.session.user.id, second.session.user.id);
  assert.equal((await vend(first.session.user.id, { scopes: ["repo"] })).status, 200);
});

test("a wrong secret, which GitHub tells with status 200, is the operator's to mend", async () => {
  const browser = new Browser();
  const page = await browser.visit(`${service.address}/auth/mistaken/login`);
  const end = await choose(browser, page);
  assert.equal(end.status, 502, end.text);
  assert.match(end.text, /provider_refuses_client/);
});
