import assert from "node:assert/strict";
import { verify } from "../lib/credential.mjs";
import { ADA, chooseAccount, inPopup, providerButton } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";

export const title = "the HTML API does all of it without a line of script";

const onload = (emulator, more) =>
  `<div id="g_id_onload" data-client_id="${emulator.client_id}" data-nonce="n" ${more}></div>`;
const button = '<div class="g_id_signin" data-type="standard" data-theme="filled_blue" data-shape="pill" data-state="s"></div>';
const head = "<script>window.app = { signedIn: (response) => note('credential', response), moment: (m) => note('moment', m.getMomentType()) };</script>";

export async function tell(stage) {
  const emulator = await stage.emulator();
  const callback = onload(emulator, 'data-callback="app.signedIn" data-auto_prompt="false"');
  const tap = onload(emulator, 'data-callback="app.signedIn" data-auto_select="true" data-moment_callback="app.moment"');
  const posting = onload(emulator, 'data-login_uri="/login" data-auto_prompt="false"');
  const site = await stage.site(emulator, {
    "/": sitePage({ ...emulator, head, body: callback + button + '<button class="g_id_signout">Sign out</button>' }),
    "/tap": sitePage({ ...emulator, head, body: tap }),
    "/posting": sitePage({ ...emulator, head, body: posting + button }),
    "/login": ({ body }) => ({ body: new URLSearchParams(body).has("credential") ? "signed in" : "no" }),
  });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true });
  await page.goto(site.origin);
  await inPopup(page, () => providerButton(page).click(), async (window) => {
    await chooseAccount(window, ADA);
    await window.locator("#continue").click();
  });
  const { credential, state } = await noted(page, "credential");
  assert.equal(state, "s");
  assert.equal((await verify(emulator, credential)).nonce, "n");
  await stage.screenshot(page, "page");

  await page.goto(`${site.origin}/tap`);
  assert.equal((await noted(page, "credential")).select_by, "auto");
  await page.goto(site.origin);
  await page.locator(".g_id_signout").click();
  await page.goto(`${site.origin}/tap`);
  assert.equal(await noted(page, "moment"), "display", "after signing out nobody is signed in unasked");

  // No callback: the page itself posts to its server, with the double submit.
  await page.goto(`${site.origin}/posting`);
  await inPopup(page, () => providerButton(page).click(), (window) => chooseAccount(window, ADA));
  await page.getByText("signed in").waitFor();
  const [{ headers, body }] = site.requests;
  const token = new URLSearchParams(body).get("g_csrf_token");
  assert.ok(token && headers.cookie.includes(`g_csrf_token=${token}`), headers.cookie);
}
