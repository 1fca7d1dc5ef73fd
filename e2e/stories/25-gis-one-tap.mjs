import assert from "node:assert/strict";
import { verify } from "../lib/credential.mjs";
import { ADA, chooseAccount, inPopup, providerButton } from "../lib/people.mjs";
import { noted, page as sitePage } from "../lib/site.mjs";

export const title = "One Tap shows who is signed in, tells its moments, and stays away when it was closed";

const script = (emulator) => `
  const methods = ["isDisplayMoment", "isDisplayed", "isNotDisplayed", "isSkippedMoment", "isDismissedMoment"];
  const told = (moment) => note("moment", [
    moment.getMomentType(),
    ...methods.filter((method) => moment[method]()),
    moment.getNotDisplayedReason() ?? moment.getSkippedReason() ?? moment.getDismissedReason() ?? "",
  ].join(" ").trim());
  window.ask = (more) => {
    google.accounts.id.initialize({
      client_id: "${emulator.client_id}",
      nonce: "n-1",
      callback: (response) => note("credential", response),
      ...more,
    });
    google.accounts.id.prompt(told);
  };
  google.accounts.id.initialize({ client_id: "${emulator.client_id}" });
  google.accounts.id.renderButton(document.getElementById("button"), { type: "standard" });
  note("ready");`;
const body = '<div id="button"></div><p id="outside">Something else on the page.</p><div id="here"></div>';

const DISPLAYED = "display isDisplayMoment isDisplayed";
const HIDDEN = "display isDisplayMoment isNotDisplayed";
const cardIn = (page) => page.frameLocator('iframe[title="Sign in with Google Dialog"]');

export async function tell(stage) {
  const emulator = await stage.emulator();
  const site = await stage.site(emulator, { "/": sitePage({ ...emulator, body, then: script(emulator) }) });
  const { page } = await stage.browser({ app: site.origin, holdsTokens: true });
  await page.goto(site.origin);
  await noted(page, "ready");
  const moments = tellMoments(page);

  await moments.ask({}, [`${HIDDEN} opt_out_or_no_session`]);
  await inPopup(page, () => providerButton(page).click(), async (window) => {
    await chooseAccount(window, ADA);
    await window.locator("#continue").click();
  });
  assert.equal((await noted(page, "credential")).select_by, "btn_confirm", "the last settings count");

  await moments.ask({}, [DISPLAYED]);
  for (const width of [400, 1280]) {
    await page.setViewportSize({ width, height: 700 });
    await stage.screenshot(page, `card-${width}`);
  }
  await cardIn(page).locator("#continue").click();
  await moments.next("dismissed isDismissedMoment credential_returned");
  const tapped = await noted(page, "credential", 2);
  assert.equal(tapped.select_by, "user");
  const claims = await verify(emulator, tapped.credential);
  assert.deepEqual([claims.email, claims.nonce], [ADA, "n-1"]);

  await automatically(emulator, page, moments);
  await endings(page, moments);
  await closed(emulator, page, moments);
  await byAutopilot(emulator, page, moments);
}

/** The moments in their order, each once. */
function tellMoments(page) {
  let count = 0;
  const next = async (expected) => {
    count += 1;
    assert.equal(await noted(page, "moment", count), expected);
  };
  const ask = async (settings, expected) => {
    await page.evaluate((more) => window.ask(more), settings);
    for (const moment of expected) await next(moment);
  };
  return { next, ask };
}

/** One account that is known is taken without a touch, unless the page said that it signed out. */
async function automatically(emulator, page, moments) {
  await moments.ask({ auto_select: true }, ["dismissed isDismissedMoment credential_returned"]);
  assert.equal((await noted(page, "credential", 3)).select_by, "auto");
  await page.evaluate(() => google.accounts.id.disableAutoSelect());
  await moments.ask({ auto_select: true }, [DISPLAYED]);
  await page.evaluate(() => google.accounts.id.cancel());
  await moments.next("dismissed isDismissedMoment cancel_called");
}

async function endings(page, moments) {
  await moments.ask({}, [DISPLAYED]);
  await page.locator("#outside").click();
  await moments.next("skipped isSkippedMoment tap_outside");
  await moments.ask({ cancel_on_tap_outside: false, prompt_parent_id: "here" }, [DISPLAYED]);
  await page.locator("#outside").click();
  assert.equal(await page.locator("#here iframe").count(), 1, "it stays, and where the page wants it");
  await moments.ask({}, ["dismissed isDismissedMoment flow_restarted", DISPLAYED]);
  await page.evaluate(() => google.accounts.id.cancel());
  await moments.next("dismissed isDismissedMoment cancel_called");
}

/** Closed once, it stays away for two hours of the provider's time. */
async function closed(emulator, page, moments) {
  await moments.ask({}, [DISPLAYED]);
  await cardIn(page).locator("#close").click();
  await moments.next("skipped isSkippedMoment user_cancel");
  await moments.ask({}, [`${HIDDEN} suppressed_by_user`]);
  await emulator.advance(2 * 3600 + 1);
  await moments.ask({}, [DISPLAYED]);
  await page.evaluate(() => google.accounts.id.cancel());
  await moments.next("dismissed isDismissedMoment cancel_called");
}

async function byAutopilot(emulator, page, moments) {
  await emulator.autopilot({ user: "linus@corp.example", decision: "allow" });
  await moments.ask({}, ["dismissed isDismissedMoment credential_returned"]);
  const { credential, select_by } = await noted(page, "credential", 4);
  assert.equal(select_by, "user_1tap");
  assert.equal((await verify(emulator, credential)).hd, "corp.example");
  await moments.ask({ use_fedcm_for_prompt: true }, ["dismissed isDismissedMoment credential_returned"]);
  assert.equal((await noted(page, "credential", 5)).select_by, "fedcm");
  await emulator.autopilot({ user: "linus@corp.example", decision: "deny" });
  await moments.ask({}, ["skipped isSkippedMoment user_cancel"]);
}
