import assert from "node:assert/strict";
import { ADA, chooseAccount, inPopup, outcome, providerButton, session, signedIn, signedOut, visit } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "ID-20: Google's button signs the page in, once, and gives nothing; offline access comes by one more call";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page, context } = await stage.browser(demo);
  await visit(page, demo.app, "/button");
  await signedOut(page);
  const posted = page.waitForRequest((request) => request.url().endsWith("/auth/google/credential"));
  const popup = await inPopup(page, () => providerButton(page).click(), async (window) => {
    await chooseAccount(window, ADA);
    await window.locator("#continue").click();
  });
  await signedIn(page);
  await until("the popup has closed", () => popup.isClosed());
  await stage.screenshot(page, "signed-in");
  const me = await session(page);
  assert.deepEqual([me.user.email, me.grants], [ADA, []]);
  assert.equal(await demo.count("code_issued"), 0);

  // The same post again, from the same page: a credential is good once.
  const request = await posted;
  const headers = { ...request.headers(), origin: demo.app };
  const again = await context.request.post(request.url(), { headers, data: request.postData() });
  assert.ok([400, 409].includes(again.status()), await again.text());
  assert.equal((await session(page)).session.id, me.session.id);

  await offlineAccess(stage, demo, page, me);
}

/** The provider's own popup with a code: for the account that is signed in, and for no other. */
async function offlineAccess(stage, demo, page, before) {
  await demo.autopilot({ user: "grace@example.com", decision: "allow" });
  await page.locator("#give").click();
  await outcome(page, "another account was chosen");
  await stage.screenshot(page, "refused");
  assert.equal((await session(page)).session.id, before.session.id);

  await demo.autopilot({ user: ADA, decision: "allow" });
  await visit(page, demo.app, "/button");
  const posted = page.waitForRequest((request) => request.url().endsWith("/auth/google/code"));
  await page.locator("#give").click();
  const { expected_subject } = (await posted).postDataJSON();
  assert.equal(expected_subject, before.identities[0].subject);
  await page.locator("#access", { hasText: "may act for you" }).waitFor();
  const me = await session(page);
  assert.equal(me.user.id, before.user.id);
  assert.equal(me.grants[0].offline, true);
  assert.equal((await demo.vend(me.user.id)).status, 200);
}
