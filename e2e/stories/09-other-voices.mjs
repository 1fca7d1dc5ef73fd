import assert from "node:assert/strict";
import { ADA, chooseAccount, consent, newestRun, session, signedIn, visit } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "OC-6: a page that waits for its popup hears nobody else, and the popup tells nobody else";

const FORGED = { type: "standin:failed", attempt: null, code: "forged" };
const SECRET = /ya29\.|1\/\/0|\bsk_|eyJ|4\/0/;

export async function tell(stage) {
  const demo = await stage.demo();
  await hearsNobodyElse(stage, demo);
  await isNotTakenInByAnotherWindow(stage, demo);
  await isNotHeardByAForeignOpener(stage, demo);
}

async function hearsNobodyElse(stage, demo) {
  const { page, context } = await stage.browser(demo);
  await visit(page, demo.app);
  await page.evaluate(() => {
    window.heard = [];
    const note = ({ data, origin }) => window.heard.push({ data, origin });
    window.addEventListener("message", note);
    new BroadcastChannel("standin").addEventListener("message", note);
  });
  const popup = await open(page, context);
  await popup.locator(`[id="account-${ADA}"]`).waitFor();

  // The right window while it shows another origin; the page itself; a frame of it; another tab.
  await popup.evaluate((word) => window.opener.postMessage(word, "*"), FORGED);
  await page.evaluate((word) => window.postMessage(word, location.origin), FORGED);
  const other = await context.newPage();
  await visit(other, demo.app);
  await other.evaluate((word) => {
    const channel = new BroadcastChannel("standin");
    channel.postMessage(word);
    channel.close();
  }, FORGED);
  await until("all of it has arrived", () => page.evaluate(() => window.heard.length === 3));
  const forged = await page.evaluate(() => window.heard.splice(0));
  assert.deepEqual(forged.map(({ data }) => data), [FORGED, FORGED, FORGED]);
  assert.ok(forged.some(({ origin }) => origin === new URL(demo.emulator).origin));
  await other.close();

  assert.equal(popup.isClosed(), false, "the page still waits");
  assert.equal(await page.locator("#outcome[data-kind=error]").count(), 0);
  await chooseAccount(popup, ADA);
  await consent(popup);
  await signedIn(page);
  await newestRun(page, "ok");
  assert.equal((await session(page)).user.email, ADA);
  assert.equal(await page.locator("#outcome[data-kind=error]").count(), 0);

  const said = await page.evaluate(() => window.heard);
  assert.ok(said.length >= 1);
  for (const { data, origin } of said) {
    assert.equal(origin, demo.app);
    assert.deepEqual(Object.keys(data).sort(), ["attempt", "code", "type", "window"]);
    assert.equal(data.type, "standin:done");
    assert.equal(SECRET.test(JSON.stringify(data)), false, JSON.stringify(data));
  }
}

/** Another tab's window ends while this page's own is cut off, so that nothing but its name tells them apart. */
async function isNotTakenInByAnotherWindow(stage, demo) {
  const { page, context } = await stage.browser(demo);
  await page.goto(`${demo.app}/?coop=same-origin`);
  await visit(page, demo.app, "/?coop=same-origin");
  await page.evaluate(() => {
    window.heard = [];
    new BroadcastChannel("standin").addEventListener("message", ({ data }) => window.heard.push(data));
  });
  const popup = await open(page, context);
  await popup.locator(`[id="account-${ADA}"]`).waitFor();
  const other = await context.newPage();
  await other.goto(`${demo.app}/auth/google/login?mode=popup&window=another&scope=unknown`);
  await until("the other window's word has arrived", () => page.evaluate(() => window.heard.length === 1));
  const [said] = await page.evaluate(() => window.heard);
  assert.deepEqual([said.type, said.window], ["standin:failed", "another"]);
  assert.equal(await page.locator("#outcome[data-kind=error]").count(), 0);
  await other.close();
  await chooseAccount(popup, ADA);
  await signedIn(page);
  assert.equal(await page.locator("#outcome[data-kind=error]").count(), 0);
}

async function isNotHeardByAForeignOpener(stage, demo) {
  const { page, context } = await stage.browser(demo);
  await page.goto(`${demo.emulator}/.well-known/openid-configuration`);
  const [popup] = await Promise.all([
    context.waitForEvent("page"),
    page.evaluate((app) => {
      window.heard = [];
      window.addEventListener("message", ({ data }) => window.heard.push(data));
      window.open(`${app}/auth/google/login?mode=popup`, "_blank", "popup");
    }, demo.app),
  ]);
  await chooseAccount(popup, ADA);
  await until("the popup is done", async () => {
    if (popup.isClosed()) return true;
    return popup.locator("#standin-outcome[data-type='standin:done']").count().catch(() => true);
  });
  // A word that arrives later than the popup's would: whatever was said before it has been heard.
  await page.evaluate(() => window.postMessage("last", "*"));
  await until("the last word", () => page.evaluate(() => window.heard.includes("last")));
  assert.deepEqual(await page.evaluate(() => window.heard), ["last"]);
}

async function open(page, context) {
  const [popup] = await Promise.all([
    context.waitForEvent("page"),
    page.locator("#sign-in-popup").click(),
  ]);
  return popup;
}
