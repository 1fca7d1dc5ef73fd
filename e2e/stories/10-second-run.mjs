import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { consent, newestRun, session, signedIn, signInFirst, visit } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "a second run goes on with the first one's people, and says how to heal what is lost";

export async function tell(stage) {
  const first = await stage.demo();
  const { page } = await stage.browser(first);
  await signInFirst(page, first);
  await newestRun(page, "ok");
  const before = await session(page);
  await page.goto("about:blank");
  const end = await first.stop();
  assert.deepEqual(end, { code: 0, signal: null }, first.log());
  const mode = (...path) => statSync(join(first.directory, "demo", ...path)).mode & 0o777;
  assert.equal(mode(), 0o700);
  for (const file of ["keys.toml", "client.key", "standin.db"]) assert.equal(mode(file), 0o600, file);

  const second = await stage.demo({ before: first });
  assert.equal(second.client_key, first.client_key);
  // Nobody is there yet, and the job goes on; but this emulator knows nothing of the permission.
  await until("the job has tried", async () => (await second.count("refresh_refused")) > 0);
  // Its provider may be mistaken: the stored token is handed out still, and no other to whom an API has refused that.
  const { access_token: stored } = (await second.vend(before.user.id)).body;
  const stale_token_sha256 = createHash("sha256").update(stored).digest("hex");
  const refused = await second.vend(before.user.id, { stale_token_sha256 });
  assert.deepEqual([refused.status, refused.body.code], [409, "reauth_required"]);

  await visit(page, second.app);
  assert.equal((await session(page)).user.id, before.user.id, "still signed in");
  await newestRun(page, "reauth_required");
  await stage.screenshot(page, "second-run");
  await page.locator("#give-access").click();
  await page.locator('[id="account-ada@example.com"]').click();
  await consent(page);
  await signedIn(page);
  await newestRun(page, "ok");
  assert.equal((await session(page)).user.id, before.user.id);

  // Cookies belong to one name of this machine.
  await page.goto(second.app.replace("127.0.0.1", "localhost"));
  assert.equal(new URL(page.url()).origin, second.app);
}
