// Signing in without leaving the page: in a window of our own, with a one-time code, or with the provider's button.
//
// Nothing here ever holds a token. The window ends on a page of this origin that says how it went; the
// session is a cookie that no script can read.

const CHANNEL = "standin";
const WINDOW = "popup,width=520,height=680";
/** How long after a window seems closed its last message may still be on the way. */
const GRACE_MS = 4000;
const POLL_MS = 250;

/** Why nobody was signed in: a stable `code`, and a sentence for people. */
export class SignInError extends Error {
  constructor(code, message, details = {}) {
    super(message);
    this.name = "SignInError";
    this.code = code;
    /** Where to go instead: the same sign-in in this window. */
    this.url = details.url;
    /** The attempt, where it is known: what to look for in the server's log. */
    this.attempt = details.attempt;
  }
}

const WORDS = {
  access_denied: "You did not allow it, so nothing has changed.",
  popup_blocked: "The browser did not let a window open. Sign in in this window instead.",
  popup_closed:
    "The window was closed before sign-in finished. Try again or sign in in this window.",
  script_unavailable: "The provider's script could not be loaded. Sign in in this window instead.",
};

const failure = (code, details) =>
  new SignInError(code, WORDS[code] ?? `Signing in did not work (${code}). Try again.`, details);

/** The address that starts a sign-in by redirect. Fit for `location` and for links. */
export function loginUrl({ provider, scope, mode, window, returnTo }) {
  const query = new URLSearchParams();
  if (scope) query.set("scope", scope);
  if (mode) query.set("mode", mode);
  if (window) query.set("window", window);
  if (returnTo) query.set("return_to", returnTo);
  return `/auth/${encodeURIComponent(provider)}/login?${query}`;
}

/**
 * Asks the person who is signed in for more scopes, in this window; they stay signed in. Never resolves:
 * the page is left. What they kept back is in `missing_scopes` of the session they come back to.
 */
export async function requestScopes({ provider, scopes, returnTo }) {
  const url = `/auth/${encodeURIComponent(provider)}/grant`;
  const begun = await post(url, { scopes, return_to: returnTo });
  location.assign(begun.authorization_url);
  return new Promise(() => {});
}

/** The present session as `GET /auth/session` shows it; `null` when signed out. */
export async function session() {
  const answer = await fetch("/auth/session", { headers: { accept: "application/json" } });
  if (answer.status === 401) return null;
  if (!answer.ok) throw await problem(answer);
  return answer.json();
}

/** Calls `listener` whenever a window of this browser has finished a sign-in. Returns how to stop. */
export function onSignedIn(listener) {
  const channel = new BroadcastChannel(CHANNEL);
  const seen = new Set();
  channel.addEventListener("message", ({ data }) => {
    if (data?.type === "standin:done" && isNew(seen, data.attempt)) listener(data);
  });
  return () => channel.close();
}

/**
 * Signs in in a window of its own. Call it straight from a click, or the browser blocks the window.
 *
 * Resolves with the session; rejects with a SignInError: `popup_blocked`, `popup_closed`, or the code
 * that the server gave.
 */
export async function signInWithPopup({ provider, scope }) {
  const instead = loginUrl({ provider, scope, returnTo: here() });
  const name = newName();
  const url = loginUrl({ provider, scope, mode: "popup", window: name });
  const popup = window.open(url, "_blank", WINDOW);
  if (!popup) throw failure("popup_blocked", { url: instead });
  const result = await finished(popup, name, instead);
  if (!popup.closed) popup.close();
  if (result.type === "standin:failed") {
    throw failure(result.code ?? "unknown", { url: instead, attempt: result.attempt });
  }
  const signedIn = await session();
  if (!signedIn) throw failure("popup_closed", { url: instead });
  return signedIn;
}

/** Waits for the window's word, for a session that was not there before, or for a closed window. */
async function finished(popup, name, instead) {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    return await Promise.race([
      announced(name, signal),
      abandoned(popup, session().catch(() => null), signal).then((change) => {
        if (change) return { type: "standin:done" };
        throw failure("popup_closed", { url: instead });
      }),
    ]);
  } finally {
    waiting.abort();
  }
}

/**
 * The first word of the window that goes by this name, and of no other. It speaks twice, to its opener and
 * over a channel of this origin: a page with `Cross-Origin-Opener-Policy: same-origin` has no opener's tie,
 * and hears the channel only. What another origin says does not count, even if it knew the name.
 */
function announced(name, signal) {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(CHANNEL);
    const hear = ({ data, origin }) => {
      const isOver = data?.type === "standin:done" || data?.type === "standin:failed";
      if (isOver && data.window === name && origin === location.origin) resolve(data);
    };
    channel.addEventListener("message", hear);
    window.addEventListener("message", hear, { signal });
    signal.addEventListener("abort", () => channel.close());
  });
}

/**
 * Whether signing in went on without a word: `true` if there is another session than before, `false`
 * if there is none. `closed` alone proves nothing, since it reads true of a window that our own opener
 * policy has cut off; so this asks only once the person is back at this page.
 */
async function abandoned(popup, before, signal) {
  const earlier = fingerprint(await before);
  let left = GRACE_MS;
  while (!signal.aborted) {
    await pause(POLL_MS);
    if (!popup.closed || !document.hasFocus()) {
      left = GRACE_MS;
    } else if ((left -= POLL_MS) <= 0) {
      const later = fingerprint(await session().catch(() => null));
      return later !== null && later !== earlier;
    }
  }
  return false;
}

const fingerprint = (view) =>
  view && JSON.stringify([view.session.id, view.grants.map((grant) => grant.scopes)]);

/**
 * Prepares a sign-in with a one-time code in the provider's own window.
 *
 * With `expectedSubject`, the provider's id of whoever is signed in, another account is refused.
 *
 * The window must open within a click, and preparing takes two requests: prepare early, or call
 * `signIn` again when it fails with `popup_blocked`.
 */
export async function prepareCode({ provider, scope, expectedSubject }) {
  const begun = await post(`/auth/${encodeURIComponent(provider)}/begin`, { scope });
  const instead = loginUrl({ provider, scope, returnTo: here() });
  await load(begun.script_url, instead);
  return {
    signIn: async () => {
      const { code, state } = await askForCode(begun, instead, expectedSubject);
      const body = { code, state, expected_subject: expectedSubject };
      return post(`/auth/${encodeURIComponent(provider)}/code`, body);
    },
  };
}

function askForCode(begun, instead, hint) {
  return new Promise((resolve, reject) => {
    const details = { url: instead, attempt: begun.attempt };
    const client = window.google.accounts.oauth2.initCodeClient({
      client_id: begun.client_id,
      scope: begun.scope,
      state: begun.state,
      login_hint: hint,
      callback: (answer) =>
        answer.error ? reject(failure(answer.error, details)) : resolve(answer),
      error_callback: ({ type }) =>
        reject(failure(type === "popup_failed_to_open" ? "popup_blocked" : type, details)),
    });
    client.requestCode();
  });
}

/**
 * Shows the provider's own button in `place`, and its One Tap if `tap` says so.
 *
 * Resolves with the session once somebody has signed in. With `redirect` it never does: the provider's page
 * posts to the server, which leads to `returnTo`. The nonce is good for ten minutes and one sign-in.
 */
export async function showButton({ provider, place, tap, redirect, returnTo = here() }) {
  const path = `/auth/${encodeURIComponent(provider)}`;
  const begun = await post(`${path}/begin`, { return_to: returnTo });
  await load(begun.script_url, loginUrl({ provider, returnTo }));
  return new Promise((resolve, reject) => {
    const callback = ({ credential }) =>
      postCredential(`${path}/credential`, credential).then(resolve, reject);
    const { id } = window.google.accounts;
    id.initialize({
      client_id: begun.client_id,
      nonce: begun.nonce,
      ...(redirect
        ? { ux_mode: "redirect", login_uri: `${location.origin}${path}/credential` }
        : { callback }),
    });
    id.renderButton(place, { type: "standard", state: begun.state });
    if (tap) id.prompt();
  });
}

/** The same value in a cookie and in the form, as Google's script sends it where it posts by itself. */
async function postCredential(url, credential) {
  const token = crypto.randomUUID();
  document.cookie = `g_csrf_token=${token}; path=/; max-age=60; SameSite=Lax`;
  const answer = await fetch(url, {
    method: "POST",
    headers: { accept: "application/json", "x-requested-with": "XmlHttpRequest" },
    body: new URLSearchParams({ credential, g_csrf_token: token }),
  });
  document.cookie = "g_csrf_token=; path=/; max-age=0";
  if (!answer.ok) throw await problem(answer);
  return answer.json();
}

const loading = new Map();

function load(url, instead) {
  if (!loading.has(url)) {
    const script = document.createElement("script");
    const loaded = new Promise((resolve, reject) => {
      script.onload = resolve;
      script.onerror = () => {
        loading.delete(url);
        reject(failure("script_unavailable", { url: instead }));
      };
    });
    script.src = url;
    document.head.append(script);
    loading.set(url, loaded);
  }
  return loading.get(url);
}

/** Posts JSON as this origin's own page; a problem document becomes a SignInError. */
export async function post(url, body = {}) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-requested-with": "XmlHttpRequest" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw await problem(answer);
  return answer.status === 204 ? null : answer.json();
}

async function problem(answer) {
  const { code, detail, attempt } = await answer.json().catch(() => ({}));
  return new SignInError(
    code ?? "unknown",
    detail ?? `The server answered ${answer.status}.`,
    { attempt },
  );
}

const isNew = (seen, key) => !seen.has(key) && Boolean(seen.add(key));
/** A name for a window that no other page has given. */
const newName = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const here = () => location.pathname + location.search;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
