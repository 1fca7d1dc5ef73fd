import assert from "node:assert/strict";
import { ADA, GRACE, chooseAccount, providerButton, session, signedIn, visit } from "../lib/people.mjs";
import { until } from "../lib/until.mjs";

export const title = "ID-20: in redirect mode the credential comes in a form of another site, and only the browser that began can use it";

/** Another site than the demo's: what it sends brings no cookie that is Lax or Strict. */
const ELSEWHERE = "http://localhost:9/relay";

export async function tell(stage) {
  const demo = await stage.demo();
  const mine = await stage.browser(demo);
  const stranger = await stage.browser(demo);
  await byButton(mine.page, demo, ADA);
  await signedIn(mine.page);
  assert.equal(new URL(mine.page.url()).search, "?mode=redirect");
  const first = await session(mine.page);
  assert.deepEqual([first.user.email, first.grants], [ADA, []]);

  // Once more, but the form is held and posted by another site's page.
  const fields = await held(mine.page, demo, ADA);
  const headers = await postedFromElsewhere(mine.page, demo, fields);
  assert.ok(!headers.cookie.includes("__Host-standin="), "the session's cookie stays at home");
  assert.ok(headers.cookie.includes("__Host-standin-att-"), "the attempt's comes along");
  await signedIn(mine.page);
  const second = await session(mine.page);
  assert.equal(second.user.id, first.user.id);
  assert.notEqual(second.session.id, first.session.id);

  // A stranger's credential, posted in my browser: even with their own double submit it opens nothing.
  const theirs = await held(stranger.page, demo, GRACE);
  await mine.context.addCookies([{ name: "g_csrf_token", value: theirs.g_csrf_token, url: demo.app }]);
  await postedFromElsewhere(mine.page, demo, theirs);
  await mine.page.locator("[data-code=attempt_missing]").waitFor();
  await stage.screenshot(mine.page, "refused");
  await visit(mine.page, demo.app, "/button");
  assert.equal((await session(mine.page)).session.id, second.session.id);
}

async function byButton(page, demo, email) {
  await visit(page, demo.app, "/button?mode=redirect");
  await providerButton(page).click();
  await chooseAccount(page, email);
  const confirm = page.locator("#continue");
  await Promise.race([confirm.click().catch(() => {}), page.waitForURL(`${demo.app}/**`)]);
}

/** Goes as far as the provider's form, and keeps what it would post. */
async function held(page, demo, email) {
  const target = `${demo.app}/auth/google/credential`;
  let fields = null;
  await page.route(target, async (route) => {
    fields = Object.fromEntries(new URLSearchParams(route.request().postData()));
    await route.abort();
  });
  byButton(page, demo, email).catch(() => {});
  await until("the form was posted", () => fields);
  await page.unroute(target);
  return fields;
}

/** Posts fields from a page of another site; gives back what the browser sent along. */
async function postedFromElsewhere(page, demo, fields) {
  const target = `${demo.app}/auth/google/credential`;
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  const body = `<!DOCTYPE html><form method="post" action="${target}">${inputs.join("")}<button>Go</button></form>`;
  await page.route(ELSEWHERE, (route) => route.fulfill({ contentType: "text/html", body }));
  await page.goto(ELSEWHERE);
  const [request] = await Promise.all([
    page.waitForRequest((request) => request.url() === target),
    page.locator("button").click(),
  ]);
  return request.allHeaders();
}
