import assert from "node:assert/strict";
import { ADA, chooseAccount, consent, newestRun, session, signedIn, visit } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "signing in in a popup signs the page in without leaving it, and closes the popup";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page, context } = await stage.browser(demo);
  await visit(page, demo.app);
  await page.evaluate(() => (window.stillHere = true));
  const [popup] = await Promise.all([
    context.waitForEvent("page"),
    page.locator("#sign-in-popup").click(),
  ]);
  await chooseAccount(popup, ADA);
  await stage.screenshot(popup, "consent");
  await consent(popup);
  await signedIn(page);
  await newestRun(page, "ok");
  await stage.screenshot(page, "signed-in");

  assert.equal(await page.evaluate(() => window.stillHere), true, "the page was not left");
  assert.equal((await session(page)).user.email, ADA);
  assert.equal((await session(page)).grants[0].offline, true);
  await until("the popup has closed", () => popup.isClosed());
  assert.equal(await demo.count("code_redeemed"), 1);
  assert.equal(await demo.count("consent_shown"), 1);
}
