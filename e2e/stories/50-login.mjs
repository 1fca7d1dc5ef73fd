import assert from "node:assert/strict";
import { command } from "../lib/demo.mjs";
import { ADA, CALENDAR, DRIVE, GRACE, chooseAccount, consent } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "CB-16: `standin login` keeps what its person gave, in a browser here or by a code typed elsewhere";

const LINES = [
  `extra_scopes = ["${CALENDAR}", "${DRIVE}"]`,
  'installed_client_id = "desktop"',
  'installed_client_secret = "desktop-secret"',
  'device_client_id = "tv"',
  'device_client_secret = "tv-secret"',
];

export async function tell(stage) {
  const service = await stage.service(LINES);
  await registerClients(service);
  const at = ["--config", service.config, "--json"];
  const { key } = command(["clients", "add", "job", "--allow", "google", ...at]);

  await here(stage, service, at, key);
  await elsewhere(stage, service, at, key);
  await somebodyElse(stage, service, at);
}

/** The provider knows a client of each kind. */
async function registerClients({ emulator }) {
  const clients = [
    { client_id: "desktop", client_secret: "desktop-secret", kind: "desktop" },
    { client_id: "tv", client_secret: "tv-secret", kind: "limited_input" },
  ];
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(clients);
  const answer = await fetch(`${emulator}/_emulator/clients`, { method: "PUT", headers, body });
  assert.ok(answer.ok, await answer.text());
}

/** The browser of this machine comes back to a port of the command. */
async function here(stage, service, at, key) {
  const { page, context } = await stage.browser(service);
  const login = await stage.ask(["login", "--no-browser", "--scope", CALENDAR, ...at]);
  const url = new URL(login.first.authorization_url);
  assert.equal(url.searchParams.get("code_challenge_method"), "S256");
  assert.ok(!url.href.includes("desktop-secret"));
  await page.goto(url.href);
  await chooseAccount(page, ADA);
  await consent(page);
  await page.getByText("go back to the terminal").waitFor();
  await stage.screenshot(page, "here");
  const back = new URL(page.url());
  assert.equal(back.hostname, "127.0.0.1");
  assert.equal(back.port, new URL(url.searchParams.get("redirect_uri")).port);
  assert.deepEqual(await context.cookies(back.origin), [], "no browser is signed in by that");

  const { code, said } = await login.ended;
  assert.equal(code, 0, login.complained());
  assert.equal(said.email, ADA);
  assert.equal(said.offline, true);
  assert.ok(said.scopes.includes(CALENDAR));
  assert.deepEqual(said.missing_scopes, []);
  const [redeemed] = await service.of("code_redeemed");
  assert.equal(redeemed.client_id, "desktop");
  await isKept(service, at, said, CALENDAR);
  await vends(service, key, said, "desktop");
}

/** A code that is typed in a browser anywhere, and a question at the terminal. */
async function elsewhere(stage, service, at, key) {
  const login = await stage.ask(["login", "--device", "--scope", DRIVE, ...at]);
  const page = await typed(stage, service, login);
  await page.locator(`input[name=scope][value="${DRIVE}"]`).check();
  await page.locator("#continue").click();
  await page.getByText("Device connected").waitFor();
  await stage.screenshot(page, "elsewhere");
  await until("the terminal asks", () => login.complained().includes("Keep it?"));
  assert.match(login.complained(), /ada@example\.com gives:/);
  login.answer("yes\n");

  const { code, said } = await login.ended;
  assert.equal(code, 0, login.complained());
  assert.ok(said.scopes.includes(DRIVE));
  await isKept(service, at, said, DRIVE);
  await vends(service, key, said, "tv");
}

/** Whoever was talked into typing a code gives nothing, unless the one who waits for it says yes. */
async function somebodyElse(stage, service, at) {
  const before = command(["grants", "list", ...at]);
  const revoked = await service.count("revoked");
  const login = await stage.ask(["login", "--device", "--account", ADA, ...at]);
  const page = await typed(stage, service, login, GRACE);
  await page.locator("#continue").click();
  await page.getByText("Device connected").waitFor();
  const { code } = await login.ended;
  assert.equal(code, 1);
  assert.match(login.complained(), /nothing was kept/);
  assert.equal(command(["grants", "list", ...at]).length, before.length);
  assert.equal(await service.count("revoked"), revoked + 1, "and it is given back");
}

/** The provider's page for codes, up to the question whether to allow it. */
async function typed(stage, service, login, account = ADA) {
  const { page } = await stage.browser(service);
  await page.goto(login.first.verification_url);
  await page.locator("#user-code").fill(login.first.user_code);
  await page.locator("#next").click();
  await chooseAccount(page, account);
  return page;
}

/** The grant is in the vault, and no token of it in what is printed. */
async function isKept(service, at, said, scope) {
  const grants = command(["grants", "list", ...at]);
  const grant = grants.find(({ id }) => id === said.grant);
  assert.ok(grant, JSON.stringify(grants));
  assert.ok(JSON.stringify(grant).includes(scope), JSON.stringify(grant));
  assert.doesNotMatch(JSON.stringify(grants) + JSON.stringify(said), /ya29\.|1\/\/0/);
}

/** A job gets a token at once, and a new one when the first is over; both open what was given. */
async function vends(service, key, said, client) {
  const vend = async () => {
    const answer = await fetch(`${service.app}/v1/users/${said.user}/grants/google/token`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: "{}",
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    return (await answer.json()).access_token;
  };
  const opens = async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${service.emulator}/v1/userinfo`, { headers })).status;
  };
  const first = await vend();
  assert.equal(await opens(first), 200);
  const before = await service.of("token_refreshed");
  await refreshes(service, said, key, first);
  const refreshed = await service.of("token_refreshed");
  assert.equal(refreshed.length, before.length + 1);
  assert.equal(refreshed.at(-1).client_id, client, "with the client that it was given to");
}

/** The provider says that the token is none any more; the job says so, and gets another. */
async function refreshes(service, said, key, first) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(first));
  const stale_token_sha256 = Buffer.from(digest).toString("hex");
  const answer = await fetch(`${service.app}/v1/users/${said.user}/grants/google/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ stale_token_sha256 }),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.notEqual((await answer.json()).access_token, first);
}
