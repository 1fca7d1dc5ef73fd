// What people do on the pages: the app's, and the provider's.

export const ADA = "ada@example.com";
export const GRACE = "grace@example.com";
export const CALENDAR = "https://www.googleapis.com/auth/calendar.events";
export const DRIVE = "https://www.googleapis.com/auth/drive.file";

/** Opens the app, and waits until it knows who is there. */
export async function visit(page, app, path = "/") {
  await page.goto(app + path);
  await page.locator("body[data-ready]").waitFor();
}

/** On the provider's chooser. */
export const chooseAccount = (page, email) => page.locator(`[id="account-${email}"]`).click();

/**
 * On the provider's consent pages: agrees to sign in, where that is asked on a page of its own, then
 * ticks these boxes, or all.
 */
export async function consent(page, scopes) {
  await page.locator("#continue").waitFor();
  if (await page.locator("#sign-in-page").count()) await page.locator("#continue").click();
  await page.locator("#allow-all").waitFor();
  if (!scopes) return page.locator("#allow-all").click();
  for (const scope of scopes) await page.locator(`input[name=scope][value="${scope}"]`).check();
  return page.locator("#continue").click();
}

/** A first sign-in by redirect, from the app's page to the app's page. */
export async function signInFirst(page, { app, email = ADA, scopes }) {
  await visit(page, app);
  await page.locator("#sign-in").click();
  await chooseAccount(page, email);
  await consent(page, scopes);
  await signedIn(page);
}

/**
 * A later sign-in: no consent page, and no chooser either where the provider remembers the browser.
 * If the provider asks for consent all the same, this waits in vain.
 */
export async function signInAgain(page, { app }, { email = ADA, chooses = true } = {}) {
  await visit(page, app);
  await page.locator("#sign-in").click();
  if (chooses) await chooseAccount(page, email);
  await signedIn(page);
}

export const signedIn = (page) => page.locator("body[data-ready=signed-in]").waitFor();
export const signedOut = (page) => page.locator("body[data-ready=signed-out]").waitFor();

export async function signOut(page) {
  await page.locator("#sign-out").click();
  await signedOut(page);
}

/** Who the browser is, as Standin says; `null` when signed out. */
export const session = (page) =>
  page.evaluate(async () => {
    const answer = await fetch("/auth/session");
    return answer.ok ? answer.json() : null;
  });

/** Waits until the newest run of the job is of this kind: `ok`, or an error code. */
export const newestRun = (page, code) =>
  page.locator(`#runs li:first-child[data-code="${code}"]`).waitFor();

/** Waits for a sentence on the page, and gives it back. */
export async function outcome(page, text) {
  const line = page.locator("#outcome", { hasText: text });
  await line.waitFor();
  return line.textContent();
}

/** What happens to a popup that `press` opens: `answer` is what the person does in it. */
export async function inPopup(page, press, answer) {
  const [popup] = await Promise.all([page.context().waitForEvent("page"), press()]);
  await answer(popup);
  return popup;
}

/** The provider's button, which stands in a frame. */
export const providerButton = (page) =>
  page.frameLocator('iframe[title="Sign in with Google Button"]').first().locator("#sign-in");
