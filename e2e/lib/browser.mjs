// A real Chromium that talks to this machine only, with a watch on every page it shows.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  // Chromium's own sandbox does not start for root.
  ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
];
/** What must never reach a browser: access tokens, refresh tokens, client keys. */
const SECRET = /ya29\.|1\/\/0|\bsk_/;
/** What Google's own script keeps on the page's domain, for scripts to read. */
const PROVIDERS_COOKIE = /^g_(state|csrf_token)=/;
const PATIENCE_MS = 15_000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Starts a browser with a profile of its own.
 *
 * `profile` is a directory to keep, for a browser that is closed and comes back. `blocksPopups` leaves
 * Chromium's own popup blocking on, which Playwright turns off. With `holdsTokens`, pages may have tokens
 * and cookies, as Google's own scripts want it; only errors are looked for then, on every page, except
 * those that `expects` matches.
 */
export async function openBrowser({ app, profile, blocksPopups = false, holdsTokens = false, expects = null }) {
  const directory = profile ?? mkdtempSync(join(tmpdir(), "standin-chromium-"));
  const context = await chromium.launchPersistentContext(directory, {
    executablePath: EXECUTABLE,
    args: ARGS,
    ignoreDefaultArgs: blocksPopups ? ["--disable-popup-blocking"] : [],
    viewport: { width: 1280, height: 900 },
  });
  const watch = watchOver(context, { app, holdsTokens, expects });
  const close = async () => {
    await watch.end();
    await context.close();
    if (!profile) rmSync(directory, { recursive: true, force: true });
  };
  return { context, page: context.pages()[0], close, findings: watch.findings };
}

/** Notes console errors, broken policies and secrets, on every page and in every answer of the app. */
function watchOver(context, { app, holdsTokens, expects }) {
  const findings = [];
  const reading = new Set();
  context.setDefaultTimeout(PATIENCE_MS);
  const meet = (page) => {
    page.on("pageerror", (error) => findings.push(`script error: ${error.message}`));
    page.on("console", (message) => {
      // The provider's own pages are the provider's business.
      const isOurs = holdsTokens || message.location().url.startsWith(app) || page.url().startsWith(app);
      if (message.type() === "error" && isOurs && !isExpected(message, expects)) {
        findings.push(`console: ${message.text()} (${message.location().url})`);
      }
    });
    if (holdsTokens) return;
    page.on("framenavigated", (frame) => {
      if (SECRET.test(decodeURIComponent(frame.url()))) findings.push(`a secret in ${frame.url()}`);
    });
    page.on("domcontentloaded", () => track(reading, inspect(page, app, findings)));
    page.on("response", (response) => track(reading, readAnswer(response, app, findings)));
  };
  context.pages().forEach(meet);
  context.on("page", meet);
  const end = async () => {
    const left = holdsTokens ? [] : context.pages();
    const looked = left.map((page) => inspect(page, app, findings));
    // An answer whose window has closed meanwhile may never be read to its end.
    await Promise.race([Promise.allSettled([...looked, ...reading]), pause(PATIENCE_MS)]);
  };
  return { findings, end };
}

/** "Who am I?" is answered 401 to whoever is signed out, and sign-in pages that fail have their status. */
function isExpected(message, expects) {
  const { url } = message.location();
  // Browsers ask every origin for a picture, and the provider has none.
  if (expects?.test(message.text()) || url.endsWith("/favicon.ico")) return true;
  const isStatus = /status of 4\d\d/.test(message.text());
  return isStatus && /\/auth\/(session|google\/(callback|code|credential|login))/.test(url);
}

function track(set, promise) {
  set.add(promise);
  promise.catch(() => {}).finally(() => set.delete(promise));
}

async function readAnswer(response, app, findings) {
  if (!response.url().startsWith(app) || response.status() >= 300) return;
  const text = await response.text();
  if (SECRET.test(text)) findings.push(`a secret in the answer of ${response.url()}`);
}

async function inspect(page, app, findings) {
  if (page.isClosed() || !page.url().startsWith(app)) return;
  const seen = await page.evaluate(() => ({
    dom: document.documentElement.outerHTML,
    local: JSON.stringify({ ...localStorage }),
    session: JSON.stringify({ ...sessionStorage }),
    cookies: document.cookie,
  }));
  for (const [place, text] of Object.entries(seen)) {
    if (SECRET.test(text)) findings.push(`a secret in ${place} of ${page.url()}`);
  }
  const readable = seen.cookies.split("; ").filter((cookie) => cookie !== "" && !PROVIDERS_COOKIE.test(cookie));
  if (readable.length > 0) findings.push(`a script can read a cookie on ${page.url()}`);
}
