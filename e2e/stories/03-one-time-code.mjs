import assert from "node:assert/strict";
import { ADA, chooseAccount, consent, newestRun, session, signedIn, visit } from "../lib/people.mjs";

export const title = "a one-time code from the provider's own popup signs the page in, offline access and all";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page, context } = await stage.browser(demo);
  await visit(page, demo.app);
  const posted = page.waitForRequest((request) => request.url().endsWith("/auth/google/code"));
  const [popup] = await Promise.all([
    context.waitForEvent("page"),
    page.locator("#sign-in-code").click(),
  ]);
  await chooseAccount(popup, ADA);
  await consent(popup);
  await signedIn(page);
  await newestRun(page, "ok");
  await stage.screenshot(page, "signed-in");

  const request = await posted;
  assert.equal(request.headers()["x-requested-with"], "XmlHttpRequest");
  assert.deepEqual(Object.keys(request.postDataJSON()).sort(), ["code", "state"]);
  const me = await session(page);
  assert.equal(me.user.email, ADA);
  assert.equal(me.grants[0].offline, true);

  // Without the header, a page of a stranger could have sent it.
  const forged = await context.request.post(`${demo.app}/auth/google/code`, {
    headers: { origin: demo.app },
    data: request.postDataJSON(),
  });
  assert.equal(forged.status(), 403);
  assert.equal((await forged.json()).code, "csrf_header_missing");
  assert.equal(await demo.count("code_redeemed"), 1);
}
