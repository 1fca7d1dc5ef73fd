import assert from "node:assert/strict";
import { consent, newestRun, outcome, session, signedIn, signInFirst, signOut } from "../lib/people.mjs";

export const title = "a lost refresh token is healed by the next sign-in, with exactly one more consent";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await signInFirst(page, demo);
  await newestRun(page, "ok");

  await page.locator("[data-trouble=forget]").click();
  await outcome(page, "reauth_required");
  await newestRun(page, "reauth_required");
  await page.locator("#offline[data-offline=false]").waitFor();
  await stage.screenshot(page, "lost");
  assert.equal((await session(page)).grants[0].offline, false);
  assert.equal(await demo.count("consent_shown"), 1);

  await signOut(page);
  await page.locator("#sign-in").click();
  await consent(page);
  await signedIn(page);
  await newestRun(page, "ok");
  await stage.screenshot(page, "healed");
  assert.equal((await session(page)).grants[0].offline, true);
  assert.equal(await demo.count("consent_shown"), 2);

  await page.locator("[data-trouble=expire]").click();
  await outcome(page, "nobody was asked anything");
  const brought = (await demo.of("code_redeemed")).filter((event) => event.refresh_token_sha256);
  const refreshed = await demo.of("token_refreshed");
  assert.equal(brought.length, 2);
  assert.equal(refreshed.at(-1).refresh_token_sha256, brought[1].refresh_token_sha256);

  // Healed for good: the next one is asked nothing.
  await signOut(page);
  await page.locator("#sign-in").click();
  await signedIn(page);
  assert.equal(await demo.count("consent_shown"), 2);
}
