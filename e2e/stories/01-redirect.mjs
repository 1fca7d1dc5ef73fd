import assert from "node:assert/strict";
import { ADA, CALENDAR, DRIVE, newestRun, outcome, session, signInFirst } from "../lib/people.mjs";

export const title = "signing in by redirect gives a session, offline access and a first backup";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await page.goto(demo.app);
  await page.locator("body[data-ready=signed-out]").waitFor();
  await stage.screenshot(page, "signed-out");
  await signInFirst(page, demo);
  await outcome(page, "first backup is done");
  await newestRun(page, "ok");
  await stage.screenshot(page, "signed-in");

  const me = await session(page);
  assert.equal(me.user.email, ADA);
  assert.deepEqual(me.identities.length, 1);
  const [grant] = me.grants;
  assert.equal(grant.state, "active");
  assert.equal(grant.offline, true);
  assert.deepEqual(grant.missing_scopes, []);
  for (const scope of [CALENDAR, DRIVE]) assert.ok(grant.scopes.includes(scope), scope);
  assert.equal(new URL(page.url()).search, "", "the address is clean");

  assert.equal(await demo.count("consent_shown"), 1);
  const [redeemed, ...more] = await demo.of("code_redeemed");
  assert.equal(more.length, 0);
  assert.ok(redeemed.refresh_token_sha256, "one code brought the refresh token");
  const written = await demo.written(me.user.id);
  assert.equal(written.events.length, 1);
  assert.equal(written.files.length, 1);
}
