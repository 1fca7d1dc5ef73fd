import assert from "node:assert/strict";
import { redeem } from "../lib/credential.mjs";
import { ADA, CALENDAR, chooseAccount, consent } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";

export const title = "a code client in redirect mode brings the code to a registered URI, and to no other";

const script = (emulator, uri) => `
  google.accounts.oauth2.initCodeClient({
    client_id: "${emulator.client_id}",
    scope: "openid email ${CALENDAR}",
    state: "of the page",
    ux_mode: "redirect",
    redirect_uri: ${uri},
  }).requestCode();`;

export async function tell(stage) {
  const emulator = await stage.emulator();
  const site = await stage.site(emulator, {
    "/": sitePage({ ...emulator, then: script(emulator, 'location.origin + "/code"') }),
    "/wrong": sitePage({ ...emulator, then: script(emulator, 'location.origin + "/other"') }),
    "/code": sitePage({ ...emulator, then: 'note("query", Object.fromEntries(new URLSearchParams(location.search)))' }),
  });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true });
  await page.goto(site.origin);
  await chooseAccount(page, ADA);
  await consent(page);
  const query = await noted(page, "query");
  assert.equal(query.state, "of the page");
  const tokens = await redeem(emulator, query.code, `${site.origin}/code`);
  assert.equal(tokens.status, 200, JSON.stringify(tokens));
  assert.ok(tokens.refresh_token);

  await page.goto(`${site.origin}/wrong`);
  await page.locator("#auth-error", { hasText: "Error 400: redirect_uri_mismatch" }).waitFor();
  await stage.screenshot(page, "error");
}
