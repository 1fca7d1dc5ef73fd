import assert from "node:assert/strict";
import { ADA, CALENDAR, DRIVE, chooseAccount, consent, inPopup } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";

export const title = "a token client gives the page a token that opens an API until the page revokes it";

const script = (emulator) => `
  window.client = google.accounts.oauth2.initTokenClient({
    client_id: "${emulator.client_id}",
    scope: "${CALENDAR} ${DRIVE}",
    callback: (response) => note("answer", response),
    error_callback: ({ type }) => note("error", type),
  });
  document.getElementById("ask").addEventListener("click", () => client.requestAccessToken(window.overrides));
  note("ready");`;

/** The page's own call, across origins, with the token in a header. */
const events = (page, base, token) =>
  page.evaluate(async ([url, bearer]) => {
    const answer = await fetch(url, { headers: { authorization: "Bearer " + bearer } });
    return { status: answer.status, body: await answer.json() };
  }, [`${base}/calendar/v3/calendars/primary/events`, token]);

const has = (page, method, token, ...scopes) =>
  page.evaluate((args) => google.accounts.oauth2[args[0]](...args.slice(1)), [method, token, ...scopes]);

export async function tell(stage) {
  const emulator = await stage.emulator();
  const body = '<button id="ask">Ask</button>';
  const site = await stage.site(emulator, { "/": sitePage({ ...emulator, body, then: script(emulator) }) });
  const expects = /status of 40[01]/;
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true, expects });
  await page.goto(site.origin);
  await noted(page, "ready");
  const ask = (overrides) =>
    page.evaluate((given) => (window.overrides = given), overrides).then(() => page.locator("#ask").click());

  await inPopup(page, () => ask(), async (window) => {
    await chooseAccount(window, ADA);
    await consent(window, [CALENDAR]);
  });
  const answer = await noted(page, "answer");
  assert.deepEqual([answer.token_type, answer.expires_in, answer.prompt], ["Bearer", 3599, "consent"]);
  assert.equal(answer.refresh_token, undefined);
  assert.equal(answer.id_token, undefined);
  assert.equal(await has(page, "hasGrantedAllScopes", answer, CALENDAR), true);
  assert.equal(await has(page, "hasGrantedAllScopes", answer, CALENDAR, DRIVE), false);
  assert.equal(await has(page, "hasGrantedAnyScope", answer, DRIVE, CALENDAR), true);
  assert.deepEqual((await events(page, emulator.emulator, answer.access_token)).body.items, []);

  // Nobody is asked, and what is missing is said through the callback.
  await ask({ prompt: "none", scope: CALENDAR, state: "s" });
  const silent = await noted(page, "answer", 2);
  assert.deepEqual([silent.prompt, silent.state, typeof silent.access_token], ["none", "s", "string"]);
  await ask({ prompt: "none", scope: DRIVE });
  assert.equal((await noted(page, "answer", 3)).error, "interaction_required");
  await ask({ prompt: "", scope: CALENDAR });
  assert.equal((await noted(page, "answer", 4)).prompt, "none");

  const revoke = (token) => page.evaluate((t) => new Promise((done) => google.accounts.oauth2.revoke(t, done)), token);
  assert.deepEqual(await revoke(answer.access_token), { successful: true });
  assert.equal((await events(page, emulator.emulator, silent.access_token)).status, 401);
  const again = await revoke(answer.access_token);
  assert.deepEqual([again.successful, again.error], [false, "invalid_token"]);
}
