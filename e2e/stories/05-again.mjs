import assert from "node:assert/strict";
import { newestRun, outcome, signInAgain, signInFirst, signOut } from "../lib/people.mjs";

export const title = "whoever signs in again is asked nothing, and the stored refresh token goes on";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await signInFirst(page, demo);
  await newestRun(page, "ok");
  const [first] = await demo.of("code_redeemed");

  await signOut(page);
  await signInAgain(page, demo, { chooses: false });
  const elsewhere = await stage.browser(demo);
  await signInAgain(elsewhere.page, demo);
  await elsewhere.page.locator("#run-job").click();
  await outcome(elsewhere.page, "The backup is done.");
  await stage.screenshot(elsewhere.page, "elsewhere");

  assert.equal(await demo.count("consent_shown"), 1);
  const redeemed = await demo.of("code_redeemed");
  assert.equal(redeemed.length, 3);
  const brought = redeemed.filter((event) => event.refresh_token_sha256);
  assert.equal(brought.length, 1, "only the first sign-in brought a refresh token");

  await elsewhere.page.locator("[data-trouble=advance]").click();
  await outcome(elsewhere.page, "nobody was asked anything");
  const [refreshed] = await demo.of("token_refreshed");
  assert.equal(refreshed.refresh_token_sha256, first.refresh_token_sha256);
}
