import assert from "node:assert/strict";
import { ADA, GRACE, chooseAccount, consent, session, visit } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "a stranger's callback and a stranger's code open nothing in my browser";

export async function tell(stage) {
  const demo = await stage.demo();
  const stranger = await stage.browser(demo);
  const mine = await stage.browser(demo);

  const theirs = await callbackOf(stranger.page, demo, GRACE);
  const refused = await mine.page.goto(theirs.href);
  await expectRefusal(mine.page, refused, "attempt_missing");
  await stage.screenshot(mine.page, "callback");
  assert.equal(await demo.count("code_redeemed"), 0);
  assert.equal(await demo.count("code_refused"), 0, "the code was not even tried");

  // A code of theirs under a state of mine: PKCE ties the code to the browser that asked for it.
  const mixed = await callbackOf(mine.page, demo, ADA);
  mixed.searchParams.set("code", theirs.searchParams.get("code"));
  const answer = await mine.page.goto(mixed.href);
  await expectRefusal(mine.page, answer);
  await stage.screenshot(mine.page, "code");
  assert.equal(await demo.count("code_redeemed"), 0);
  const [attempt] = await demo.of("code_refused");
  assert.ok(attempt, "the provider refused it");

  await visit(mine.page, demo.app);
  assert.equal(await session(mine.page), null);
  await visit(stranger.page, demo.app);
  assert.equal(await session(stranger.page), null);
}

/** Signs in up to the provider's answer, and keeps that answer from the app. */
async function callbackOf(page, demo, email) {
  let kept = null;
  const decision = `${demo.emulator}/signin/oauth/consent`;
  await page.route(decision, async (route) => {
    const answer = await route.fetch({ maxRedirects: 0 });
    kept = new URL(answer.headers().location);
    await route.abort();
  });
  await visit(page, demo.app);
  await page.locator("#sign-in").click();
  await chooseAccount(page, email);
  await consent(page);
  await until("the provider has answered", () => kept);
  await page.unroute(decision);
  return kept;
}

async function expectRefusal(page, response, code) {
  assert.ok(response.status() >= 400 && response.status() < 500, `${response.status()}`);
  const text = await page.locator("main, body").first().innerText();
  if (code) assert.ok(text.includes(code), text);
  const isSession = ({ name }) => name === "__Host-standin";
  assert.equal((await page.context().cookies()).some(isSession), false, "no session cookie");
}
