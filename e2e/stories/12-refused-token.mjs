import assert from "node:assert/strict";
import { newestRun, outcome, session, signInFirst } from "../lib/people.mjs";

export const title = "a token that an API refuses before its time is replaced once, and the work is done";

export async function tell(stage) {
  const demo = await stage.demo();
  const { page } = await stage.browser(demo);
  await signInFirst(page, demo);
  await newestRun(page, "ok");
  await outcome(page, "first backup is done");

  await demo.fault({ endpoint: "api", fault: "status", status: 401, times: 1 });
  await page.locator("#run-job").click();
  await outcome(page, "The backup is done.");
  await page.locator("#runs li:first-child", { hasText: "after Google refused the old" }).waitFor();
  assert.equal(await demo.count("token_refreshed"), 1);
  const { events, files } = await demo.written((await session(page)).user.id);
  assert.equal(events.length, 2, "nothing was written twice");
  assert.equal(files.length, 2);
}
