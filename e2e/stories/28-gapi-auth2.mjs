import assert from "node:assert/strict";
import { redeem, verify } from "../lib/credential.mjs";
import { ADA, CALENDAR, chooseAccount, consent, inPopup } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";
import { until } from "../lib/until.mjs";

export const title = "a page of the older library signs in, is remembered, and gets codes for its server";

const script = (emulator) => `<script>
  window.start = () => gapi.load("auth2", () => {
    window.auth = gapi.auth2.init({ client_id: "${emulator.client_id}", cookie_policy: "single_host_origin" });
    const who = (user) => user.isSignedIn() ? user.getBasicProfile().getEmail() : null;
    auth.isSignedIn.listen((is) => note("listened", is));
    auth.then(() => note("ready", who(auth.currentUser.get())), (error) => note("failed", error));
    auth.attachClickHandler("sign-in", {}, (user) => note("user", {
      id: user.getId(), email: who(user), name: user.getBasicProfile().getName(),
      scopes: user.getGrantedScopes(), response: user.getAuthResponse(true), plain: Object.keys(user.getAuthResponse()),
      all: user.hasGrantedScopes("openid email"), calendar: user.hasGrantedScopes("${CALENDAR}"),
    }), (error) => note("error", error));
    gapi.signin2.render("rendered", { longtitle: true, theme: "dark", width: 260 });
  });
  const offline = (options) => gapi.auth2.getAuthInstance().grantOfflineAccess(options)
    .then(({ code }) => note("code", code), (error) => note("error", error));
  const once = (more) => gapi.auth2.authorize(
    { client_id: "${emulator.client_id}", scope: "email", response_type: "id_token permission", ...more },
    (answer) => note("once", answer));
</script>`;
const body = `<button id="sign-in">Sign in</button> <button id="offline" onclick="offline({ scope: '${CALENDAR}' })">Offline</button>
  <button id="consent" onclick="offline({ prompt: 'consent' })">Consent</button>
  <button id="grant-again" onclick="offline()">Again</button> <div id="rendered"></div>`;

export async function tell(stage) {
  const emulator = await stage.emulator();
  const text = sitePage({ ...emulator, head: script(emulator), script: "/js/platform.js?onload=start", body });
  const site = await stage.site(emulator, { "/": text });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true });
  await page.goto(site.origin);
  assert.equal(await noted(page, "ready"), null);
  await stage.screenshot(page, "page");

  await signsIn(emulator, page);
  await getsCodes(emulator, page);
  await page.reload();
  assert.equal(await noted(page, "ready"), ADA, "the provider remembers");
  await asksOnce(page, emulator);
  await page.evaluate(() => gapi.auth2.getAuthInstance().signOut());
  await page.reload();
  assert.equal(await noted(page, "ready"), null, "whoever signed out stays so");

  await inPopup(page, () => page.locator("#sign-in").click(), async () => {});
  const { response } = await noted(page, "user");
  await page.evaluate(() => gapi.auth2.getAuthInstance().disconnect());
  const userinfo = await fetch(`${emulator.emulator}/oauth2/v3/userinfo?access_token=${response.access_token}`);
  assert.equal(userinfo.status, 401);
  await byRedirect(emulator, page);
  await unregistered(stage, emulator, text);
}

/** The answer comes back in the address, is taken out of it, and signs in although the user had left. */
async function byRedirect(emulator, page) {
  await emulator.autopilot({ user: ADA, decision: "allow" });
  const leave = () => void auth.signIn({ ux_mode: "redirect", redirect_uri: location.origin + "/" });
  await Promise.all([page.waitForEvent("load"), page.evaluate(leave)]);
  assert.equal(await noted(page, "ready"), ADA);
  assert.equal(new URL(page.url()).hash, "");
}

async function signsIn(emulator, page) {
  const popup = await inPopup(page, () => page.locator("#sign-in").click(), async (window) => {
    await chooseAccount(window, ADA);
    await window.locator("#continue").click();
  });
  const user = await noted(page, "user");
  await until("the popup has closed", () => popup.isClosed());
  assert.deepEqual([user.email, user.name, user.all, user.calendar], [ADA, "Ada Lovelace", true, false]);
  assert.ok(!user.plain.includes("access_token"), "only on request, where nothing but the profile was asked for");
  const issuer = emulator.emulator.replace("http://", "");
  assert.equal((await verify(emulator, user.response.id_token, { issuer })).sub, user.id);
  assert.ok(user.response.expires_at > Date.now());
  assert.equal(await noted(page, "listened"), true);
}

/** A refresh token comes with consent, and only then. */
async function getsCodes(emulator, page) {
  await inPopup(page, () => page.locator("#offline").click(), (window) => consent(window));
  const first = await redeem(emulator, await noted(page, "code"));
  assert.ok(first.refresh_token && first.scope.includes(CALENDAR), JSON.stringify(first));
  await page.locator("#grant-again").click();
  assert.equal((await redeem(emulator, await noted(page, "code", 2))).refresh_token, undefined);
  await inPopup(page, () => page.locator("#consent").click(), (window) => window.locator("#continue").click());
  assert.ok((await redeem(emulator, await noted(page, "code", 3))).refresh_token);
  await page.evaluate(() => (window.open = () => null));
  await page.locator("#consent").click();
  assert.deepEqual(await noted(page, "error"), { error: "popup_blocked_by_browser" });
}

async function asksOnce(page, emulator) {
  await page.evaluate(() => once({ prompt: "none" }));
  const answer = await noted(page, "once");
  assert.equal(answer.error, undefined, JSON.stringify(answer));
  const issuer = emulator.emulator.replace("http://", "");
  assert.equal((await verify(emulator, answer.id_token, { issuer })).email, ADA);
  await page.evaluate((scope) => once({ prompt: "none", scope }), "https://www.googleapis.com/auth/drive.file");
  const denied = await noted(page, "once", 2);
  assert.deepEqual([denied.error, denied.error_subtype], ["immediate_failed", "access_denied"]);
  await inPopup(page, () => page.evaluate(() => void once({ prompt: "select_account" })), (window) => window.close());
  assert.equal((await noted(page, "once", 3)).error, "popup_closed_by_user");
}

async function unregistered(stage, emulator, text) {
  const site = await stage.site(emulator, { "/": text }, { registered: false });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true, expects: /status of 403/ });
  await page.goto(site.origin);
  const { error, details } = await noted(page, "failed");
  assert.equal(error, "idpiframe_initialization_failed");
  assert.match(details, /^Not a valid origin for the client: http:\/\/127\.0\.0\.1:\d+ has not been registered for client ID/);
}
