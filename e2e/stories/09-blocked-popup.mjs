import assert from "node:assert/strict";
import { ADA, chooseAccount, consent, outcome, session, signedIn, visit } from "../lib/people.mjs";

export const title = "a popup that is blocked, or closed too soon, says so and shows another way";

export async function tell(stage) {
  const demo = await stage.demo();
  await blockedByAnything(stage, demo);
  await blockedByChromium(stage, demo);
  await closedTooSoon(stage, demo);
}

async function blockedByAnything(stage, demo) {
  const { page } = await stage.browser(demo);
  await page.addInitScript(() => (window.open = () => null));
  await visit(page, demo.app);
  for (const button of ["#sign-in-code", "#sign-in-popup"]) {
    await page.locator(button).click();
    await page.locator("#outcome[data-code=popup_blocked]").waitFor();
  }
  await outcome(page, "did not let a window open");
  await stage.screenshot(page, "blocked");
  await page.locator("#outcome a").click();
  await chooseAccount(page, ADA);
  await consent(page);
  await signedIn(page);
}

/** A window that no click asked for: Chromium's own blocker takes it. */
async function blockedByChromium(stage, demo) {
  const { page } = await stage.browser({ ...demo, blocksPopups: true });
  await page.addInitScript(() => {
    window.addEventListener("load", async () => {
      const { signInWithPopup } = await import("/demo/signin.js");
      window.code = await signInWithPopup({ provider: "google" }).catch(({ code }) => code);
    });
  });
  await visit(page, demo.app);
  await page.waitForFunction(() => window.code);
  assert.equal(await page.evaluate(() => window.code), "popup_blocked");
}

async function closedTooSoon(stage, demo) {
  const { page, context } = await stage.browser(demo);
  await visit(page, demo.app);
  const [popup] = await Promise.all([
    context.waitForEvent("page"),
    page.locator("#sign-in-popup").click(),
  ]);
  await popup.locator("#cancel").waitFor();
  await popup.close();
  await page.locator("#outcome[data-code=popup_closed]").waitFor();
  await outcome(page, "closed before sign-in finished");
  assert.equal(await session(page), null);

  const [denied] = await Promise.all([
    context.waitForEvent("page"),
    page.locator("#sign-in-popup").click(),
  ]);
  await denied.locator("#cancel").click();
  await page.locator("#outcome[data-code=access_denied]").waitFor();
  await stage.screenshot(page, "closed");
  assert.equal(await session(page), null);
}
