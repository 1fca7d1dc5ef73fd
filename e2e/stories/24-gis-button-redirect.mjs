import assert from "node:assert/strict";
import { verify } from "../lib/credential.mjs";
import { ADA, chooseAccount, providerButton } from "../lib/people.mjs";
import { page as sitePage } from "../lib/site.mjs";
import { until } from "../lib/until.mjs";

export const title = "the button in redirect mode posts the credential across sites, with a double submit to check";

const script = (emulator, more) => `
  google.accounts.id.initialize({ client_id: "${emulator.client_id}", ux_mode: "redirect", ${more} });
  google.accounts.id.renderButton(document.getElementById("button"), { type: "standard", state: "s t" });`;
const body = '<div id="button"></div>';

/** The check of Google's guide, and what the browser sent along. */
function login({ headers, body: text }) {
  const cookies = Object.fromEntries((headers.cookie ?? "").split("; ").map((pair) => pair.split("=")));
  const fields = new URLSearchParams(text);
  const good = cookies.g_csrf_token && cookies.g_csrf_token === fields.get("g_csrf_token");
  return { status: good ? 200 : 400, body: good ? "signed in" : "Failed to verify double submit cookie." };
}

export async function tell(stage) {
  const emulator = await stage.emulator();
  const home = { "set-cookie": "session=of-the-site; SameSite=Strict; Path=/" };
  const page_ = (more) => () => ({ headers: home, body: sitePage({ ...emulator, body, then: script(emulator, more) }) });
  const routes = {
    "/": page_('login_uri: location.origin + "/login"'),
    "/unregistered": page_('login_uri: location.origin + "/elsewhere"'),
    "/login": login,
  };
  // Another host name than the emulator's: to a browser another site.
  const site = await stage.site(emulator, routes, { host: "localhost" });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true });
  await page.goto(site.origin);
  await providerButton(page).click();
  await chooseAccount(page, ADA);
  await page.locator("#continue").click();
  await page.getByText("signed in").waitFor();
  const [posted] = await until("the server was told", () => site.requests.length > 0 && site.requests);
  const fields = Object.fromEntries(new URLSearchParams(posted.body));
  assert.deepEqual(Object.keys(fields), ["credential", "g_csrf_token", "select_by", "state"]);
  assert.deepEqual([fields.select_by, fields.state], ["btn_confirm", "s t"]);
  assert.equal((await verify(emulator, fields.credential)).email, ADA);
  assert.match(posted.headers["content-type"], /^application\/x-www-form-urlencoded/);
  assert.ok(!posted.headers.cookie.includes("session="), "a strict cookie does not come along");

  await page.goto(`${site.origin}/unregistered`);
  await providerButton(page).click();
  await page.locator("#auth-error", { hasText: "redirect_uri_mismatch" }).waitFor();
}
