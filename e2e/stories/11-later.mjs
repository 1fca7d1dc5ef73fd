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

  await stage.screenshot(page, "before");
  const asked = page.waitForRequest((request) => request.url().endsWith("/auth/google/grant"));
  await page.locator("#give-access").click();
  assert.equal((await asked).method(), "POST");
  await page.locator("#continue").waitFor();
  assert.equal(await page.locator("#sign-in-page").count(), 0, "sign-in was allowed before");
  await consent(page, [CALENDAR]);
  await signedIn(page);
  await page.locator("#scopes li[data-missing]").waitFor();
  assert.deepEqual((await session(page)).grants[0].missing_scopes, [DRIVE]);
  await stage.screenshot(page, "one-of-two");

  await page.locator("#give-access").click();
  await consent(page, [DRIVE]);
  await signedIn(page);
  await newestRun(page, "ok");
  await stage.screenshot(page, "given");
  const after = await session(page);
  assert.equal(after.user.id, before.user.id);
  assert.equal(after.grants[0].id, before.grants[0].id);
  assert.equal(after.session.id, before.session.id, "nobody signed in: the session goes on");
  assert.deepEqual(after.grants[0].missing_scopes, []);

  await page.locator("#disconnect").click();
  await outcome(page, "Google has confirmed it");
  assert.ok((await demo.count("revoked")) > 0, "Google was told");
  assert.equal((await demo.vend(after.user.id)).status, 404);
  await page.locator("#run-job").click();
  await newestRun(page, "no_grant");
  await stage.screenshot(page, "disconnected");
}
