import assert from "node:assert/strict";
import { CALENDAR, DRIVE, consent, newestRun, session, signedIn, signInFirst } from "../lib/people.mjs";

export const title = "an unticked scope signs in all the same; the vend names it, and its link repairs it";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await signInFirst(page, { ...demo, scopes: [CALENDAR] });
  await newestRun(page, "insufficient_scope");
  await stage.screenshot(page, "unticked");
  const me = await session(page);
  assert.deepEqual(me.grants[0].missing_scopes, [DRIVE]);
  assert.equal(me.grants[0].offline, true, "what was allowed works offline");
  assert.match(await page.locator("#scopes li[data-missing]").textContent(), /Drive/);

  const has = await demo.vend(me.user.id, { scopes: [CALENDAR] });
  assert.equal(has.status, 200);
  const lacks = await demo.vend(me.user.id, { scopes: [CALENDAR, DRIVE] });
  assert.equal(lacks.status, 403);
  assert.equal(lacks.body.code, "insufficient_scope");
  assert.deepEqual(lacks.body.missing, [DRIVE]);

  await page.goto(lacks.body.reconnect_url);
  await consent(page, [DRIVE]);
  await signedIn(page);
  await newestRun(page, "ok");
  await stage.screenshot(page, "repaired");
  assert.deepEqual((await session(page)).grants[0].missing_scopes, []);
  const repaired = await demo.vend(me.user.id, { scopes: [CALENDAR, DRIVE] });
  assert.equal(repaired.status, 200);
  const { files } = await demo.written(me.user.id);
  assert.equal(files.length, 1);
}
