import assert from "node:assert/strict";
import { redeem } from "../lib/credential.mjs";
import { ADA, CALENDAR, chooseAccount, consent, inPopup } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";

export const title = "pages of the Google+ days work as they stand: g-signin, g-signin2 and gapi.auth";

const PROFILE = "https://www.googleapis.com/auth/userinfo.profile";

const classic = (emulator) => `<span class="g-signin" data-scope="${PROFILE} ${CALENDAR}"
  data-clientid="${emulator.client_id}" data-redirecturi="postmessage" data-accesstype="offline"
  data-cookiepolicy="single_host_origin" data-callback="onSignInCallback"></span>`;
const callbacks = `<script>
  function onSignInCallback(authResult) { note("result", authResult); }
  function onSuccess(user) { note("success", user.getBasicProfile().getEmail()); }
  function onFailure(error) { note("failure", error); }
</script>`;
const meta = (emulator) => `${callbacks}<meta name="google-signin-client_id" content="${emulator.client_id}">
  <meta name="google-signin-scope" content="profile email">`;
const modern = '<div class="g-signin2" data-onsuccess="onSuccess" data-onfailure="onFailure" data-theme="dark"></div>';

export async function tell(stage) {
  const emulator = await stage.emulator();
  const site = await stage.site(emulator, {
    "/": sitePage({ ...emulator, head: callbacks, body: classic(emulator), script: "/js/client:platform.js" }),
    "/two": sitePage({ ...emulator, head: meta(emulator), body: modern, script: "/js/platform.js" }),
    "/plain": sitePage({ ...emulator, head: callbacks, script: "/js/api:client.js" }),
  });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true });
  await plus(stage, emulator, site, page);
  await signin2(stage, site, page);
  await authorize(emulator, site, page);
}

/** The button of the quickstarts: told at once that nobody is there, then the code for the server. */
async function plus(stage, emulator, site, page) {
  await page.goto(site.origin);
  const none = await noted(page, "result");
  assert.deepEqual([none.error, none.error_subtype], ["immediate_failed", "access_denied"]);
  assert.deepEqual(none.status, { google_logged_in: false, signed_in: false, method: null });
  await stage.screenshot(page, "plus");
  await inPopup(page, () => page.locator(".g-signin button").click(), async (window) => {
    await chooseAccount(window, ADA);
    await consent(window);
  });
  const result = await noted(page, "result", 2);
  assert.equal(result.status.method, "PROMPT");
  assert.ok(result.access_token && result.id_token && result.code, Object.keys(result).join());
  const tokens = await redeem(emulator, result.code);
  assert.ok(tokens.refresh_token, JSON.stringify(tokens));
  await page.reload();
  assert.equal((await noted(page, "result")).status.method, "AUTO", "a page that comes back is signed in");
}

async function signin2(stage, site, page) {
  await page.goto(`${site.origin}/two`);
  await inPopup(page, () => page.locator(".g-signin2 button").click(), (window) => window.locator("#continue").click());
  assert.equal(await noted(page, "success"), ADA);
  await stage.screenshot(page, "signin2");
  await page.reload();
  assert.equal(await noted(page, "success"), ADA, "whoever was signed in is told at once");
}

async function authorize(emulator, site, page) {
  await page.goto(`${site.origin}/plain`);
  const ask = (config) =>
    page.evaluate((given) => gapi.auth.authorize(given, (token) => note("token", token)), config);
  await ask({ client_id: emulator.client_id, scope: [CALENDAR], immediate: true });
  const token = await noted(page, "token");
  assert.ok(token.access_token, JSON.stringify(token));
  assert.equal(await page.evaluate(() => gapi.auth.getToken().access_token), token.access_token);
  await ask({ client_id: emulator.client_id, scope: "https://www.googleapis.com/auth/drive", immediate: true });
  assert.equal((await noted(page, "token", 2)).error, "immediate_failed");
}
