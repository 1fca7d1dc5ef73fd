import assert from "node:assert/strict";
import { newestRun, session, signInAgain, signInFirst } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "with the browser closed and two hours gone, the job writes, with exactly one refresh";

export async function tell(stage) {
  const demo = await stage.demo();
  const browser = await stage.browser(demo);
  await signInFirst(browser.page, demo);
  await newestRun(browser.page, "ok");
  const { user } = await session(browser.page);
  await browser.close();

  assert.equal(await demo.count("token_refreshed"), 0);
  await demo.advance(2 * 3600);
  const then = await demo.now();
  const calls = async () => (await demo.of("api_call")).filter(({ at }) => at >= then * 1000);
  await until("the job has run", async () => (await calls()).length >= 2);

  for (const call of await calls()) assert.equal(call.status, 200, call.path);
  const { events, files } = await demo.written(user.id);
  const isLate = ({ start }) => Date.parse(start.dateTime) >= then * 1000;
  assert.ok(events.some(isLate), "an event two hours later");
  assert.equal(files.length, events.length);

  // Everybody who asks now gets the same token: nothing more is asked of the provider.
  const tokens = await Promise.all(Array.from({ length: 20 }, () => demo.vend(user.id)));
  assert.equal(new Set(tokens.map(({ body }) => body.access_token)).size, 1);
  assert.equal(await demo.count("token_refreshed"), 1);
  assert.equal(await demo.count("consent_shown"), 1);

  const later = await stage.browser(demo);
  await signInAgain(later.page, demo);
  await stage.screenshot(later.page, "back");
}
