import assert from "node:assert/strict";
import { redeem, verify } from "../lib/credential.mjs";
import { ADA, CALENDAR, chooseAccount, consent, inPopup } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";
import { until } from "../lib/until.mjs";

export const title = "a code client's popup gives the page a code that its server redeems with postmessage";

const script = (emulator) => `
  const client = (more) => google.accounts.oauth2.initCodeClient({
    client_id: "${emulator.client_id}",
    scope: "openid email profile ${CALENDAR}",
    state: "of the page",
    callback: (response) => note("answer", response),
    error_callback: (error) => note("error", { type: error.type, message: error.message }),
    ...more,
  });
  const button = (id, more) => document.getElementById(id).addEventListener("click", () => client(more).requestCode());
  button("ask", {});
  button("again", { login_hint: "${ADA}" });
  button("choose", { select_account: true });
  note("ready");`;
const body = `<button id="ask">Ask</button> <button id="again">Again</button> <button id="choose">Choose</button>`;

export async function tell(stage) {
  const emulator = await stage.emulator();
  const site = await stage.site(emulator, { "/": sitePage({ ...emulator, body, then: script(emulator) }) });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true });
  await page.addInitScript(() => {
    const open = window.open;
    window.open = (url, ...more) => open.call(window, (window.opened = url), ...more);
  });
  await page.goto(site.origin);
  await noted(page, "ready");

  const popup = await inPopup(page, () => page.locator("#ask").click(), async (window) => {
    await window.locator("#cancel").waitFor();
    await forge(page, emulator);
    await chooseAccount(window, ADA);
    await stage.screenshot(window, "consent");
    await consent(window);
  });
  const answer = await noted(page, "answer");
  await until("the popup has closed", () => popup.isClosed());
  assert.equal(answer.state, "of the page");
  assert.deepEqual([answer.authuser, answer.prompt], ["0", "consent"]);
  assert.ok(answer.scope.includes(CALENDAR));
  const tokens = await redeem(emulator, answer.code);
  assert.equal(tokens.status, 200, JSON.stringify(tokens));
  assert.ok(tokens.refresh_token, "offline access is implied, and consent was shown");
  assert.equal((await verify(emulator, tokens.id_token)).email, ADA);
  assert.equal((await redeem(emulator, answer.code)).status, 400, "once");

  await secondTime(stage, emulator, page);
  await endings(emulator, page);
}

/** A message with the right words that comes from another origin, and from a window nobody opened. */
const forge = (page, { client_id }) =>
  page.evaluate((clientId) => {
    const id = new URL(new URL(window.opened).searchParams.get("redirect_uri")).searchParams.get("id");
    const params = { id, clientId, type: "authResult", authResult: { code: "forged" } };
    window.postMessage(JSON.stringify({ params }), location.origin);
  }, client_id);

/** Consent is remembered, so there is no second refresh token; a redirect URI is not `postmessage`. */
async function secondTime(stage, emulator, page) {
  await page.locator("#again").click();
  const { code, prompt } = await noted(page, "answer", 2);
  assert.equal(prompt, "none");
  const tokens = await redeem(emulator, code);
  assert.equal(tokens.refresh_token, undefined);
  await page.locator("#again").click();
  const other = await redeem(emulator, (await noted(page, "answer", 3)).code, "http://127.0.0.1:8080/");
  assert.equal(other.status, 400);
}

/** Cancel comes through the callback, a closed or a blocked window through the other one. */
async function endings(emulator, page) {
  await inPopup(page, () => page.locator("#choose").click(), (window) => window.locator("#cancel").click());
  const denied = await noted(page, "answer", 4);
  assert.deepEqual([denied.error, denied.state, denied.code], ["access_denied", "of the page", undefined]);
  await inPopup(page, () => page.locator("#choose").click(), async (window) => {
    await window.locator("#cancel").waitFor();
    await window.close();
  });
  assert.equal((await noted(page, "error")).type, "popup_closed");
  await page.evaluate(() => (window.open = () => null));
  await page.locator("#ask").click();
  assert.equal((await noted(page, "error", 2)).type, "popup_failed_to_open");
}
