import assert from "node:assert/strict";
import { verify } from "../lib/credential.mjs";
import { ADA, chooseAccount, inPopup, providerButton } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";
import { until } from "../lib/until.mjs";

export const title = "the button gives the page a credential that an independent library verifies";

const LOOKS = [
  {}, { theme: "filled_blue", shape: "pill", text: "continue_with" },
  { theme: "filled_black", size: "medium", text: "signup_with", logo_alignment: "center", width: 320 },
  { size: "small", text: "signin" }, { type: "icon" }, { type: "icon", shape: "circle", theme: "filled_blue" },
  { locale: "de", width: "400" },
];

const script = (emulator) => `
  google.accounts.id.initialize({ client_id: "somebody else", callback: () => note("wrong") });
  google.accounts.id.initialize({
    client_id: "${emulator.client_id}",
    nonce: "a nonce of the page",
    callback: (response) => note("credential", response),
  });
  for (const [index, look] of ${JSON.stringify(LOOKS)}.entries()) {
    const place = document.createElement("div");
    document.querySelector("main").append(place);
    google.accounts.id.renderButton(place, {
      type: "standard", ...look, state: "button " + index, click_listener: () => note("click", index),
    });
  }
  note("ready");`;

export async function tell(stage) {
  const emulator = await stage.emulator();
  const site = await stage.site(emulator, { "/": sitePage({ ...emulator, then: script(emulator) }) });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true, blocksPopups: true });
  await page.goto(site.origin);
  await noted(page, "ready");
  await providerButton(page).waitFor();
  for (const width of [400, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    await stage.screenshot(page, `buttons-${width}`);
  }

  const popup = await inPopup(page, () => providerButton(page).click(), async (window) => {
    await window.locator("#cancel").waitFor();
    await stage.screenshot(window, "chooser");
    await chooseAccount(window, ADA);
    await window.locator("#continue").waitFor();
    await stage.screenshot(window, "confirm");
    await window.locator("#continue").click();
  });
  const first = await noted(page, "credential");
  await until("the popup has closed", () => popup.isClosed());
  assert.equal(await noted(page, "click"), 0);
  assert.deepEqual(Object.keys(first).sort(), ["clientId", "credential", "select_by", "state"]);
  assert.deepEqual([first.select_by, first.state, first.clientId], ["btn_confirm", "button 0", emulator.client_id]);
  const claims = await verify(emulator, first.credential);
  assert.deepEqual([claims.email, claims.name, claims.nonce], [ADA, "Ada Lovelace", "a nonce of the page"]);
  assert.equal(claims.iat - claims.nbf, 300);
  assert.deepEqual([claims.at_hash, typeof claims.jti], [undefined, "string"]);

  await secondTime(emulator, page);
  await revocation(emulator, page);
}

/** Who agreed before is asked for the account only, and an autopilot not even for that. */
async function secondTime(emulator, page) {
  await inPopup(page, () => providerButton(page).click(), (window) => chooseAccount(window, ADA));
  assert.equal((await noted(page, "credential", 2)).select_by, "btn");
  await emulator.autopilot({ user: "grace@example.com", decision: "allow" });
  await providerButton(page).click();
  const third = await noted(page, "credential", 3);
  assert.equal((await verify(emulator, third.credential)).email, "grace@example.com");
  assert.equal(await emulator.count("credential_issued"), 3);
}

async function revocation(emulator, page) {
  const revoke = (hint) =>
    page.evaluate((who) => new Promise((done) => google.accounts.id.revoke(who, done)), hint);
  assert.deepEqual(await revoke("grace@example.com"), { successful: true });
  assert.equal(await emulator.count("revoked"), 1);
}
