// The service before a provider that was not written here: oidc-provider, through plain HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser } from "./browser.mjs";
import { addressOf, startProvider } from "./provider.mjs";
import { freeAddress, startService } from "./service.mjs";

const SCOPES = ["openid", "email", "profile", "offline_access", "notes:read"];
const SECRET = "a secret that has a % and a : in it";
const READ_ONLY = ["notes:read", "openid"];

let provider;
let service;
let jobKey;

/** Our providers by their names: how our client is registered there, and what our configuration says otherwise. */
const CLIENTS = {
  basic: { registered: { token_endpoint_auth_method: "client_secret_basic" } },
  post: {
    registered: { token_endpoint_auth_method: "client_secret_post" },
    configured: { client_authentication: "client_secret_post" },
  },
  posted: { configured: { response_mode: "form_post" } },
  hybrid: {
    registered: {
      // Whatever else gets an ID token in front must have https.
      application_type: "native",
      grant_types: ["authorization_code", "implicit", "refresh_token"],
      response_types: ["code id_token"],
    },
    configured: { response_type: "code id_token", response_mode: "form_post" },
  },
  online: { configured: { scopes: ["openid", "email"] } },
  mistaken: { configured: { client_secret: "another" } },
  unregistered: { registered: { redirect_uris: ["https://elsewhere.example/"] } },
};

before(async () => {
  const address = await freeAddress();
  provider = await startProvider();
  const clients = Object.entries(CLIENTS);
  provider.open(clients.map(([id, { registered }]) => ({ ...registration(address, id), ...registered })));
  service = await startService(
    address,
    clients.map(([id, { configured }]) => ({ ...configuration(id), ...configured })),
  );
  jobKey = service.addClient("job", "*");
});

after(async () => {
  await service?.stop();
  provider?.stop();
});

function registration(address, id) {
  return {
    client_id: id,
    client_secret: SECRET,
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: [`${address}/auth/${id}/callback`],
    post_logout_redirect_uris: [`${address}/auth/${id}/logged-out`],
    backchannel_logout_uri: `${address}/auth/${id}/backchannel-logout`,
    backchannel_logout_session_required: true,
  };
}

function configuration(id) {
  const { issuer } = provider;
  return { id, kind: "oidc", issuer, client_id: id, client_secret: SECRET, scopes: SCOPES };
}

/** Signs somebody in, by the pages as they come: the browser, the page where it ended, and what was asked. */
async function signIn(person, { at = "post", browser = new Browser(), denies } = {}) {
  let page = await browser.visit(`${service.address}/auth/${at}/login`);
  const asked = [];
  while (page.url.origin === provider.issuer && (page.text.includes('name="prompt"') || isAnswer(page))) {
    if (isAnswer(page)) {
      asked.push("post");
      page = await browser.submit(page);
      continue;
    }
    const [, prompt] = page.text.match(/name="prompt" value="(\w+)"/);
    asked.push(prompt);
    page =
      prompt === denies
        ? await browser.visit(`${page.url}/abort`)
        : await browser.submit(page, prompt === "login" ? { login: person, password: "any" } : {});
  }
  return { browser, page, asked };
}

/** The page that a provider answers with instead of an address: it posts itself to the service. */
const isAnswer = ({ text }) => text.includes(`action="${service.address}/auth/`);

/** Somebody who has signed in, as the service sees them. */
async function signedIn(person, options) {
  const done = await signIn(person, options);
  assert.equal(done.page.url.href, `${service.address}/`, done.page.text);
  return { ...done, ...(await session(done.browser)) };
}

/** Who is signed in, or the status that says nobody is. */
async function session(browser) {
  const response = await browser.send(`${service.address}/auth/session`);
  return response.status === 200 ? response.json() : response.status;
}

/** Posts as a page of the application does. */
async function post(browser, path, body) {
  const headers = {
    origin: service.address,
    "content-type": "application/json",
    "x-requested-with": "XMLHttpRequest",
  };
  const options = { method: "POST", headers, body: body && JSON.stringify(body) };
  return browser.send(`${service.address}${path}`, options);
}

async function vend(user, { at = "post", key = jobKey, ...body } = {}) {
  const response = await fetch(`${service.address}/v1/users/${user.id}/grants/${at}/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
}

/** A token of somebody, which must be there. */
async function token(user, options) {
  const vended = await vend(user, options);
  assert.equal(vended.status, 200, JSON.stringify(vended));
  return vended;
}

/** What the provider says of a token. */
async function introspect(token) {
  const body = new URLSearchParams({ token, client_id: "post", client_secret: SECRET });
  return (await fetch(`${provider.issuer}/token/introspection`, { method: "POST", body })).json();
}

/** What happened at the provider from here on. */
function eventsFromNow() {
  const start = provider.events.length;
  return (what) => provider.events.slice(start).filter((event) => event.what === what);
}

const refreshes = (seen) => seen("granted").filter(({ grantType }) => grantType === "refresh_token");

/** Until this moment of the world outside has come. */
const until = (moment) => new Promise((resolve) => setTimeout(resolve, moment - Date.now()));

for (const at of ["basic", "post"]) {
  test(`a sign-in, a profile and a token, by a client that is registered for client_secret_${at}`, async () => {
    const seen = eventsFromNow();
    const { browser, asked, user, grants, identities } = await signedIn(`ada-${at}`, { at });
    assert.deepEqual(identities.map(({ provider, subject }) => [provider, subject]), [[at, `ada-${at}`]]);
    // This provider puts them into no ID token: its userinfo endpoint was asked.
    assert.equal(user.email, addressOf(`ada-${at}`));
    assert.equal(user.email_verified, true);
    assert.equal(user.name, `The ada-${at}`);
    // It gives a refresh token only with `prompt=consent`, which the service asks for when it needs one.
    assert.deepEqual(asked, ["login", "consent", "consent"]);
    assert.equal(grants[0].offline, true);
    assert.deepEqual(grants[0].missing_scopes, []);
    const { access_token } = await token(user, { at });
    assert.equal((await introspect(access_token)).sub, `ada-${at}`);
    assert.equal((await session(browser)).user.id, user.id);
    assert.deepEqual([...new Set(seen("granted").map(({ authenticated }) => authenticated))], [at]);
    assert.deepEqual(seen("refused"), []);
  });
}

for (const [at, what] of [["posted", "a code"], ["hybrid", "a code and an ID token"]]) {
  test(`${what} that the provider's page posts signs in as well as an address does`, async () => {
    const seen = eventsFromNow();
    const { asked, user, grants } = await signedIn(`annie-${at}`, { at });
    assert.deepEqual(asked, ["login", "consent", "post", "consent", "post"]);
    assert.equal(user.name, `The annie-${at}`);
    assert.equal(grants[0].offline, true);
    assert.equal((await introspect((await token(user, { at })).access_token)).sub, `annie-${at}`);
    assert.deepEqual(seen("refused"), []);
  });
}

test("who has given everything is asked nothing again, and jobs go on with the refresh token", async () => {
  const { browser, user } = await signedIn("grace");
  const again = await signedIn("grace", { browser });
  assert.deepEqual(again.asked, []);
  assert.equal(again.user.id, user.id);
  assert.equal(again.grants[0].offline, true);
  assert.deepEqual(again.grants[0].missing_scopes, []);
  const { access_token } = await token(user);
  const stale_token_sha256 = await sha256(access_token);
  assert.notEqual((await token(user, { stale_token_sha256 })).access_token, access_token);
});

test("where offline access is not asked for, nobody is sent for a second consent", async () => {
  const { browser, asked, grants } = await signedIn("linus", { at: "online" });
  assert.deepEqual(asked, ["login", "consent"]);
  assert.equal(grants[0].offline, false);
  assert.deepEqual((await signedIn("linus", { at: "online", browser })).asked, []);
});

test("ten tokens over several expiries: each refresh spends the newest refresh token, none twice", async () => {
  const { user } = await signedIn("margaret");
  const seen = eventsFromNow();
  provider.life = 2;
  const tokens = [];
  for (let round = 0; round < 10; round += 1) {
    // The first two were given for long; then every second one is asked for when the one before has died.
    const stale = round === 0 ? { stale_token_sha256: await sha256((await token(user)).access_token) } : {};
    const vended = await token(user, { min_ttl: 0, ...stale });
    assert.equal((await introspect(vended.access_token)).active, true);
    tokens.push(vended.access_token);
    if (round % 2) await until(Date.parse(vended.expires_at) + 10);
  }
  provider.life = 3600;
  assert.equal(new Set(tokens).size, refreshes(seen).length);
  assert.ok(refreshes(seen).length >= 5, `${refreshes(seen).length} refreshes`);
  assert.equal(seen("consumed").length, refreshes(seen).length);
  assert.deepEqual(seen("refused"), []);
  assert.deepEqual(seen("revoked"), []);
});

test("fifty jobs that ask at once for the token of an expired grant cost one refresh", async () => {
  provider.life = 1;
  const { user } = await signedIn("barbara");
  provider.life = 3600;
  const seen = eventsFromNow();
  const vended = await Promise.all(Array.from({ length: 50 }, () => token(user)));
  assert.equal(new Set(vended.map(({ access_token }) => access_token)).size, 1);
  assert.equal(refreshes(seen).length, 1);
  assert.deepEqual(seen("refused"), []);
});

test("a job that may have less gets a token for less, and the refresh token that came with it is kept", async () => {
  const { user } = await signedIn("katherine");
  const key = service.addClient("reader", ...READ_ONLY.map((scope) => `post:${scope}`));
  const seen = eventsFromNow();
  const { access_token, scopes } = await token(user, { key });
  assert.deepEqual(scopes.toSorted(), READ_ONLY);
  assert.deepEqual((await introspect(access_token)).scope.split(" ").toSorted(), READ_ONLY);
  const whole = await token(user, { stale_token_sha256: await sha256((await token(user)).access_token) });
  assert.ok((await introspect(whole.access_token)).scope.includes("email"));
  assert.equal(seen("consumed").length, refreshes(seen).length);
  assert.deepEqual(seen("refused"), []);
});

test("to disconnect revokes everything at the provider", async () => {
  const { browser, user } = await signedIn("dorothy");
  const { access_token } = await token(user);
  const seen = eventsFromNow();
  const answer = await post(browser, "/auth/post/disconnect");
  assert.deepEqual(await answer.json(), { revoked: "confirmed" });
  assert.equal((await introspect(access_token)).active, false);
  assert.equal(seen("revoked").length, 1);
  assert.equal((await vend(user)).status, 404);
});

test("a logout at the provider ends the session here, in that browser only, and jobs go on", async () => {
  const { browser, user } = await signedIn("frances");
  const elsewhere = await signedIn("frances");
  const seen = eventsFromNow();
  const page = await browser.visit(`${provider.issuer}/session/end`);
  await browser.submit(page, { logout: "yes" });
  assert.equal(seen("told of a logout").length, 1, JSON.stringify(seen("could not tell")));
  assert.equal(await session(browser), 401);
  assert.equal((await session(elsewhere.browser)).user.id, user.id);
  const { access_token } = await token(user);
  assert.notEqual((await token(user, { stale_token_sha256: await sha256(access_token) })).access_token, access_token);
});

test("who signs out here and names the provider signs out there too, and comes back", async () => {
  const { browser, user } = await signedIn("evelyn");
  const seen = eventsFromNow();
  const answer = await post(browser, "/auth/logout", { provider: "post", return_to: "/bye" });
  const { logout_url } = await answer.json();
  assert.ok(logout_url.startsWith(`${provider.issuer}/session/end?`), logout_url);
  assert.equal(await session(browser), 401);
  const page = await browser.visit(logout_url);
  assert.equal((await browser.submit(page, { logout: "yes" })).url.href, `${service.address}/bye`);
  // It tells through the back channel what is known here already.
  assert.equal(seen("told of a logout").length, 1, JSON.stringify(seen("could not tell")));
  assert.equal((await vend(user)).status, 200);
  assert.equal((await signIn("evelyn", { browser })).asked[0], "login");
});

test("who declines at the provider is told so, and nobody is signed in", async () => {
  for (const denies of ["login", "consent"]) {
    const { browser, page } = await signIn("jean", { denies });
    assert.equal(page.url.pathname, "/auth/post/callback");
    assert.match(page.text, /access_denied/);
    assert.equal(await session(browser), 401);
  }
});

test("a wrong client secret is the operator's matter: the person is told to ask them, and nothing is stored", async () => {
  const seen = eventsFromNow();
  const { browser, page } = await signIn("mary", { at: "mistaken" });
  assert.match(page.text, /provider_refuses_client/);
  assert.equal(await session(browser), 401);
  assert.deepEqual(seen("refused").map(({ error }) => error), ["invalid_client"]);
});

test("a redirect URI that is not registered ends at the provider, whatever happens to the browser", async () => {
  const { browser, page } = await signIn("ruth", { at: "unregistered" });
  assert.equal(page.url.origin, provider.issuer);
  assert.match(page.text, /redirect_uri/);
  assert.equal(await session(browser), 401);
});

test("a provider that comes back with another key is believed, at sign-ins and at refreshes", async () => {
  const { user } = await signedIn("joan");
  const before = await token(user);
  provider.restart("second");
  const { browser } = await signedIn("joan");
  assert.equal((await session(browser)).user.id, user.id);
  const again = await token(user, { stale_token_sha256: await sha256(before.access_token) });
  assert.equal((await introspect(again.access_token)).sub, "joan");
  assert.equal(service.log().includes("ID token of a refresh is ignored"), false);
});

test("a provider that has forgotten everything: jobs hear that the user is needed, whose next sign-in mends it", async () => {
  const { browser, user } = await signedIn("adele");
  const { access_token } = await token(user);
  provider.forget();
  const refused = await vend(user, { stale_token_sha256: await sha256(access_token) });
  assert.deepEqual([refused.status, refused.code], [409, "reauth_required"]);
  assert.ok(refused.reconnect_url.startsWith(`${service.address}/auth/post/login`));
  const again = await signedIn("adele", { browser });
  assert.equal(again.user.id, user.id);
  assert.equal((await introspect((await token(user)).access_token)).sub, "adele");
});

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Buffer.from(digest).toString("hex");
}
