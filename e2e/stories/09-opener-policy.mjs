import assert from "node:assert/strict";
import { ADA, chooseAccount, consent, newestRun, session, signedIn, visit } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "OC-7: a popup finishes for a page whose opener policy cuts it off from its windows";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page, context } = await stage.browser(demo);
  const answer = await page.goto(`${demo.app}/?coop=same-origin`);
  assert.equal(answer.headers()["cross-origin-opener-policy"], "same-origin");
  await visit(page, demo.app, "/?coop=same-origin");
  const [popup] = await Promise.all([
    context.waitForEvent("page"),
    page.locator("#sign-in-popup").click(),
  ]);
  await chooseAccount(popup, ADA);
  assert.equal(await popup.evaluate(() => window.opener), null, "the tie is cut");
  await consent(popup);
  await signedIn(page);
  await newestRun(page, "ok");
  assert.equal((await session(page)).user.email, ADA);
  assert.equal(await page.locator("#outcome[data-kind=error]").count(), 0);
  await stage.screenshot(page, "signed-in");
  await until("the popup has closed or says that it is done", async () => {
    if (popup.isClosed()) return true;
    return /close/i.test(await popup.locator("body").innerText().catch(() => ""));
  });
}
