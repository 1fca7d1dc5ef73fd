import assert from "node:assert/strict";
import { ADA, CALENDAR, DRIVE, chooseAccount, consent, newestRun, outcome } from "../lib/people.mjs";
import { session, signedIn, visit } from "../lib/people.mjs";

export const title = "scopes can be added later, and taken back: the same person, the same grant";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await visit(page, demo.app);
  await page.locator("#sign-in-plain").click();
  await chooseAccount(page, ADA);
  await page.locator("#continue").click();
  await signedIn(page);
  await newestRun(page, "insufficient_scope");
  const before = await session(page);
  assert.equal(before.grants[0].offline, true);

  await page.locator("#give-access").click();
  await consent(page, [CALENDAR, DRIVE]);
  await signedIn(page);
  await newestRun(page, "ok");
  const after = await session(page);
  assert.equal(after.user.id, before.user.id);
  assert.equal(after.grants[0].id, before.grants[0].id);
  assert.notEqual(after.session.id, before.session.id, "a new sign-in is a new session");

  await page.locator("#disconnect").click();
  await outcome(page, "Google has confirmed it");
  assert.ok((await demo.count("revoked")) > 0, "Google was told");
  assert.equal((await demo.vend(after.user.id)).status, 404);
  await page.locator("#run-job").click();
  await newestRun(page, "no_grant");
  await stage.screenshot(page, "disconnected");
}
