import assert from "node:assert/strict";
import { ADA, chooseAccount, inPopup, providerButton, session, signedIn, signedOut, visit } from "../lib/people.mjs";

export const title = "ID-20: One Tap signs in whoever the provider knows, with a nonce of this browser";

const card = (page) => page.frameLocator('iframe[title="Sign in with Google Dialog"]');

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await visit(page, demo.app, "/button");
  await inPopup(page, () => providerButton(page).click(), async (window) => {
    await chooseAccount(window, ADA);
    await window.locator("#continue").click();
  });
  await signedIn(page);
  await page.evaluate(() => fetch("/auth/logout", { method: "POST", headers: { "x-requested-with": "fetch" } }));

  await visit(page, demo.app, "/button?tap");
  await signedOut(page);
  const posted = page.waitForRequest((request) => request.url().endsWith("/auth/google/credential"));
  await card(page).locator("#continue").click();
  await signedIn(page);
  await stage.screenshot(page, "signed-in");
  const fields = new URLSearchParams((await posted).postData());
  assert.deepEqual([...fields.keys()].sort(), ["credential", "g_csrf_token"], "no state: the nonce finds the attempt");
  const me = await session(page);
  assert.deepEqual([me.user.email, me.grants], [ADA, []]);
  assert.equal(await demo.count("credential_issued"), 2);
}
