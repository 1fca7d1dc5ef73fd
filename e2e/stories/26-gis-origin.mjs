import assert from "node:assert/strict";
import { inPopup, providerButton } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";

export const title = "a page whose origin nobody registered gets Google's errors and nothing else";

const script = (client_id) => `
  google.accounts.id.initialize({ client_id: "${client_id}", callback: () => note("credential") });
  google.accounts.id.renderButton(document.getElementById("button"), { type: "standard" });
  google.accounts.id.prompt((moment) => note("moment", moment.getNotDisplayedReason()));
  const client = google.accounts.oauth2.initCodeClient({
    client_id: "${client_id}", scope: "openid", callback: () => note("code"),
    error_callback: ({ type }) => note("error", type),
  });
  document.getElementById("ask").addEventListener("click", () => client.requestCode());`;
const body = '<div id="button"></div><button id="ask">Ask</button>';

export async function tell(stage) {
  const emulator = await stage.emulator();
  const routes = {
    "/": sitePage({ ...emulator, body, then: script(emulator.client_id) }),
    "/unknown": sitePage({ ...emulator, body, then: script("nobody.apps.googleusercontent.com") }),
  };
  const site = await stage.site(emulator, routes, { registered: false });
  const expects = /GSI_LOGGER|status of 403/;
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true, expects });
  const logged = [];
  page.on("console", (message) => logged.push(message.text()));
  await emulator.autopilot({ user: "ada@example.com", decision: "allow" });

  await page.goto(site.origin);
  assert.equal(await noted(page, "moment"), "unregistered_origin");
  assert.ok(logged.includes("[GSI_LOGGER]: The given origin is not allowed for the given client ID."), logged);
  for (const press of [() => providerButton(page).click(), () => page.locator("#ask").click()]) {
    await inPopup(page, press, async (window) => {
      await window.locator("#auth-error", { hasText: "Error 400: origin_mismatch" }).waitFor();
      await stage.screenshot(window, "error");
      await window.close();
    });
  }
  assert.equal(await noted(page, "error"), "popup_closed");

  await page.goto(`${site.origin}/unknown`);
  assert.equal(await noted(page, "moment"), "invalid_client");
  assert.ok(logged.includes("[GSI_LOGGER]: The given client ID is not found."), logged);
  await inPopup(page, () => providerButton(page).click(), (window) =>
    window.locator("#auth-error", { hasText: "Error 401: invalid_client" }).waitFor());
  assert.equal(await emulator.count("credential_issued"), 0);
}
