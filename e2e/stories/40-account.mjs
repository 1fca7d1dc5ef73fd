import assert from "node:assert/strict";
import { ADA, GRACE, chooseAccount, session, signInAgain, signInFirst } from "../lib/people.mjs";

export const title = "the user's own page: link, disconnect, unlink, sign out elsewhere, delete; without a script";

const NARROW = { width: 400, height: 900 };

/** Both widths, whole. */
async function look(stage, page, name) {
  const wide = page.viewportSize();
  await stage.screenshot(page, `${name}-1280`);
  await page.setViewportSize(NARROW);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${name}: ${overflow} pixels stand out at 400`);
  await stage.screenshot(page, `${name}-400`);
  await page.setViewportSize(wide);
}

const entries = (page, list) => page.locator(`#${list} > li`);
/** The page's own policy lets nothing be fetched; it says in a form whom it would delete. */
const whose = (page) => page.locator("input[name=confirm]").inputValue();
const shown = (page) => page.locator("#account").waitFor();

/** Waits until a list of the page has so many entries. */
const until = (page, list, count) =>
  page.waitForFunction(([id, wanted]) => document.querySelectorAll(`#${id} > li`).length === wanted, [list, count]);

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await signInFirst(page, demo);
  const elsewhere = await stage.browser(demo);
  await signInAgain(elsewhere.page, demo);
  const before = await session(page);

  await page.goto(`${demo.app}/account`);
  await shown(page);
  assert.equal(await page.locator("script").count(), 0, "the page needs no script");
  assert.equal(await entries(page, "identities").count(), 1);
  assert.equal(await entries(page, "sessions").count(), 2);
  assert.match(await entries(page, "sessions").first().textContent(), /Chrome on Linux/);
  assert.equal(await page.getByRole("button", { name: "Unlink" }).count(), 0, "the last account stays");
  await look(stage, page, "one-account");

  // Another account at the same provider, which asks which.
  await page.locator("#link-google").click();
  await chooseAccount(page, GRACE);
  await page.locator("#continue").click();
  await shown(page);
  await until(page, "identities", 2);
  assert.match(await page.locator("#identities").textContent(), /grace@example\.com/);
  assert.equal(await whose(page), before.user.id);
  await look(stage, page, "two-accounts");

  // What it gave, and then the account itself.
  const graces = page.locator("#grants > li", { hasText: GRACE });
  await graces.getByRole("button", { name: "Disconnect" }).click();
  await until(page, "grants", 1);
  assert.ok((await demo.count("revoked")) > 0, "Google was told");
  await page.locator("#identities > li", { hasText: GRACE }).getByRole("button", { name: "Unlink" }).click();
  await until(page, "identities", 1);

  // The other browser.
  await page.locator("#sessions").getByRole("button", { name: "End" }).click();
  await until(page, "sessions", 1);
  await elsewhere.page.goto(`${demo.app}/account`);
  await elsewhere.page.locator("#nobody").waitFor();
  await look(stage, elsewhere.page, "signed-out");

  // All of it: not without the box.
  await page.locator("#delete summary").click();
  await page.getByRole("button", { name: "Delete my account" }).click();
  assert.equal(await page.evaluate(() => document.querySelector("#delete form").checkValidity()), false);
  await page.locator("#delete input[type=checkbox]").check();
  await look(stage, page, "delete");
  await page.getByRole("button", { name: "Delete my account" }).click();
  await page.locator("#nobody").waitFor();
  assert.equal((await demo.vend(before.user.id)).status, 404);

  // Whoever comes back is somebody new; and signs out from here.
  await page.locator("a.button").click();
  await chooseAccount(page, ADA);
  await page.locator("#continue").click();
  await shown(page);
  assert.notEqual(await whose(page), before.user.id);
  await page.locator("#sign-out-everywhere").click();
  await page.locator("#nobody").waitFor();
}
