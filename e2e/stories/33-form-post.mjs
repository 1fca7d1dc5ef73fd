import assert from "node:assert/strict";
import { ADA, GRACE, chooseAccount } from "../lib/people.mjs";

export const title = "CB-7: an answer that the provider's page posts from another site signs in, in both response types";

export async function tell(stage) {
  for (const type of ["code", "code id_token"]) {
    const lines = [`response_type = "${type}"`, 'response_mode = "form_post"'];
    const service = await stage.service(lines);
    await signIn(stage, service, type);
  }
}

async function signIn(stage, service, type) {
  const { page, context } = await stage.browser(service);
  const posts = [];
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/callback")) posts.push(request);
  });
  const login = `${service.app}/auth/google/login?return_to=/account`;
  await page.goto(login);
  assert.equal(new URL(page.url()).hostname, "localhost", "the provider is another site");
  await chooseAccount(page, ADA);
  await page.locator("#continue").click();
  await page.waitForURL(`${service.app}/account`);

  const [post] = posts;
  const headers = await post.allHeaders();
  assert.equal(headers["sec-fetch-site"], "cross-site");
  assert.ok(headers.cookie.includes("__Host-standin-att-"), "the attempt's cookie comes along");
  const fields = new URLSearchParams(post.postData());
  assert.equal(fields.has("id_token"), type === "code id_token");
  await page.getByText(ADA).first().waitFor();
  const first = await session(context, service);
  assert.equal(first.user.email, ADA);
  assert.equal(first.grants[0].offline, true);
  await stage.screenshot(page, type.replace(" ", "-"));

  // Somebody else, in the same browser: the session's cookie stays at home, and that session ends all the same.
  const cookies = await context.cookies(service.app);
  const old = cookies.find(({ name }) => name === "__Host-standin");
  assert.equal(old.sameSite, "Lax");
  await page.goto(`${login}&login_hint=${GRACE}`);
  await chooseAccount(page, GRACE);
  await page.locator("#continue").click();
  await page.waitForURL(`${service.app}/account`);
  assert.equal(posts.length, 2);
  const again = await posts[1].allHeaders();
  assert.ok(!again.cookie.includes("__Host-standin="), "the session's cookie stays at home");
  await page.getByText(GRACE).first().waitFor();
  assert.equal((await session(context, service)).user.email, GRACE);
  const before = await fetch(`${service.app}/auth/session`, { headers: { cookie: `__Host-standin=${old.value}` } });
  assert.equal(before.status, 401, "the session before has ended");

  // Whoever says no is told so, on a page of ours.
  await service.autopilot({ user: ADA, decision: "deny" });
  await page.goto(login);
  await page.locator("[data-code=access_denied]").waitFor();
}

/** Who the browser is, as the service says. */
const session = async (context, { app }) => (await context.request.get(`${app}/auth/session`)).json();
