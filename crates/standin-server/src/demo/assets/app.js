// The page of Nightly Notes: shows what the server knows, and turns clicks into requests.

import {
  SignInError, loginUrl, onSignedIn, post, prepareCode, requestScopes, signInWithPopup,
} from "./signin.js";

const PROVIDER = "google";
const EXTRA = document.body.dataset.extraScopes;
const RETURN_TO = location.pathname + location.search;
const REFRESH_MS = 2000;
const SHOWN_RUNS = 8;

const SCOPES = {
  openid: "know that it is you",
  email: "see your e-mail address",
  profile: "see your name and picture",
  "https://www.googleapis.com/auth/calendar.events": "add entries to your calendar",
  "https://www.googleapis.com/auth/drive.file": "save its own files in your Drive",
};
/** Google writes two of the sign-in scopes in two ways. */
const LONG = "https://www.googleapis.com/auth/userinfo.";

const element = (id) => document.getElementById(id);
let state = null;

// ── showing ──────────────────────────────────────────────────────────────────────────────────────

async function refresh() {
  const answer = await fetch("/demo/state");
  if (!answer.ok) return;
  state = await answer.json();
  const { session } = state;
  element("signed-out").hidden = session !== null;
  element("signed-in").hidden = session === null;
  element("run-job").hidden = session === null;
  for (const button of document.querySelectorAll("[data-needs-user]")) button.disabled = !session;
  if (session) showPerson(session);
  showClock(state.clock);
  showJob(state.job, session);
  showFlow(state.flow);
  document.body.dataset.ready = session ? "signed-in" : "signed-out";
}

function showPerson({ user, grants }) {
  const grant = grants.find((grant) => grant.provider === PROVIDER);
  const granted = grant?.scopes ?? [];
  const missing = EXTRA.split(" ").filter((scope) => !granted.includes(scope));
  element("name").textContent = user.name ?? user.email;
  element("email").textContent = user.email;
  const known = granted.map((scope) => scope.replace(LONG, "")).filter((scope) => SCOPES[scope]);
  show("scopes", [...new Set(known), ...missing], (item, scope) => {
    const isMissing = missing.includes(scope);
    item.textContent = isMissing ? `not allowed: ${SCOPES[scope]}` : SCOPES[scope];
    item.dataset.scope = scope;
    item.toggleAttribute("data-missing", isMissing);
  });
  const give = element("give-access");
  give.hidden = missing.length === 0 && grant?.offline;
  give.textContent = missing.length > 0 ? "Give Calendar and Drive access" : "Give access again";
  element("disconnect").hidden = granted.length === 0;
  const offline = element("offline");
  offline.dataset.offline = String(grant?.offline ?? false);
  offline.dataset.state = grant?.state ?? "none";
  offline.textContent = OFFLINE[grant?.offline ? "active" : (grant?.state ?? "none")] ?? OFFLINE.none;
}

const OFFLINE = {
  active: "The job can act for you: Standin holds your permission, sealed.",
  reauth: "Google no longer accepts the permission. Sign in again, and the job goes on.",
  revoked: "You are disconnected: nothing of Google’s is stored. Sign in again to connect.",
  none: "The job cannot act for you. Sign in again to connect.",
};

function showClock({ now, ahead_seconds: ahead }) {
  const hours = Math.round(ahead / 360) / 10;
  element("clock").textContent = `Demo time ${day(now)}${ahead ? ` (${hours} h ahead)` : ""}`;
}

function showJob({ people, every_seconds: every, runs }, session) {
  const busy = people === 1 ? "for one person" : `for ${people} people`;
  element("job-summary").textContent = people
    ? `The job runs ${busy} every ${every} seconds, signed in or not.` +
      (session ? "" : " Sign in to see your own runs.")
    : "Nothing yet: the job begins with your first sign-in.";
  show("runs", runs.slice(0, SHOWN_RUNS), showRun);
}

function showRun(item, run, index) {
  const time = document.createElement("time");
  time.dateTime = run.at;
  time.textContent = clockTime(run.at);
  const [title, more] = run.error ? failed(run, index === 0) : wrote(run);
  item.toggleAttribute("data-failed", Boolean(run.error));
  item.dataset.code = run.error?.code ?? "ok";
  const text = document.createElement("div");
  text.append(paragraph(title), more);
  item.append(time, text);
}

function wrote({ event, file, token }) {
  const how = {
    new: "with a new access token",
    renewed: "after Google refused the old token",
    kept: "with the token it had",
  };
  return ["Calendar entry and backup written", paragraph(`“${event}”, ${file}, ${how[token]}`)];
}

/** Codes are for programs, details for developers; this is for the person. */
const FAILURES = {
  insufficient_scope: "You did not allow all that the job needs.",
  no_grant: "You are disconnected from Google.",
  provider_unavailable: "Google does not answer. The job tries again.",
  reauth_required: "Google no longer accepts the permission.",
};

function failed({ error, times }, isNewest) {
  const more = paragraph(FAILURES[error.code] ?? error.detail);
  if (isNewest && error.reconnect_url) {
    const link = document.createElement("a");
    link.className = "reconnect";
    link.href = error.reconnect_url;
    link.textContent = "Repair it";
    more.append(" ", link);
  }
  return [`Not done: ${error.code}${times > 1 ? ` (${times} times)` : ""}`, more];
}

function showFlow({ steps, consents, refreshes, calls }) {
  show("flow", steps, (item, step) => item.append(paragraph(step)));
  element("counts").hidden = !state.session;
  element("flow-title").textContent = state.session ? "What just happened" : "What will happen";
  element("count-consents").textContent = consents;
  element("count-refreshes").textContent = refreshes;
  element("count-calls").textContent = calls;
}

/** Rewrites a list only when it has changed, so that a link under the pointer stays where it is. */
function show(id, values, fill) {
  const list = element(id);
  const text = JSON.stringify(values);
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  const items = values.map((value, index) => {
    const item = document.createElement("li");
    fill(item, value, index);
    return item;
  });
  list.replaceChildren(...items);
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

const clockTime = (at) =>
  new Date(at).toLocaleString("en-GB", {
    weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
const day = (at) =>
  new Date(at).toLocaleString("en-GB", {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });

function say(text, error) {
  const outcome = element("outcome");
  outcome.hidden = false;
  outcome.dataset.kind = error ? "error" : "ok";
  outcome.dataset.code = error?.code ?? "";
  outcome.textContent = text;
  if (error?.url) {
    const link = document.createElement("a");
    link.href = error.url;
    link.textContent = "Sign in in this window";
    outcome.append(" ", link);
  }
}

// ── acting ───────────────────────────────────────────────────────────────────────────────────────

/** Runs what a click asked for, and says how it went. */
function onClick(button, act) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const outcome = await act();
      await refresh();
      if (outcome) say(outcome);
    } catch (error) {
      await refresh();
      say(error.message, error);
    }
    button.disabled = button.hasAttribute("data-needs-user") && !state?.session;
  });
}

/** Tells the server to begin this person's job; says what came of it if it ran. */
async function welcome() {
  await refresh();
  if (!state.session) return;
  const { user, grants } = state.session;
  if (!grants.some((grant) => grant.provider === PROVIDER && grant.offline)) return;
  const { ran } = await post("/demo/job/start");
  if (!ran) return;
  await refresh();
  const [{ error }, before] = state.job.runs;
  const who = `You are signed in as ${user.name}`;
  if (error) say(`${who}. The job cannot work yet: ${FAILURES[error.code] ?? error.detail}`);
  else if (before) say(`${who}, and the job works again.`);
  else say(`${who}, and the first backup is done. You can close this page now.`);
}

onClick(element("sign-in-popup"), async () => {
  await signInWithPopup({ provider: PROVIDER, scope: EXTRA });
  await welcome();
});

// A window opens only within a click, and preparing takes two requests: what was prepared by a click
// that came to nothing is kept for the next one.
let prepared = null;
onClick(element("sign-in-code"), async () => {
  prepared ??= await prepareCode({ provider: PROVIDER, scope: EXTRA });
  try {
    await prepared.signIn();
  } catch (error) {
    if (error.code !== "popup_blocked") prepared = null;
    throw error;
  }
  prepared = null;
  await welcome();
});

// Whoever is signed in stays so: the same person, the same session, and one more question at Google.
onClick(element("give-access"), () =>
  requestScopes({ provider: PROVIDER, scopes: EXTRA.split(" "), returnTo: RETURN_TO }),
);

onClick(element("sign-out"), async () => {
  await post("/auth/logout");
  return "You are signed out. The job goes on without you.";
});

onClick(element("disconnect"), async () => {
  const { revoked } = await post(`/auth/${PROVIDER}/disconnect`);
  return revoked === "confirmed"
    ? "Disconnected: Google has confirmed it, and the stored permission is gone."
    : "Disconnected: the stored permission is gone, and Google will be told as soon as it answers.";
});

onClick(element("run-job"), async () => {
  const { run } = await post("/demo/job/run");
  if (!run.error) return "The backup is done.";
  throw new SignInError(run.error.code, FAILURES[run.error.code] ?? run.error.detail, {
    url: run.error.reconnect_url,
  });
});

for (const button of document.querySelectorAll("[data-trouble]")) {
  const { trouble } = button.dataset;
  onClick(button, async () => {
    const { outcome } = await post(`/demo/trouble/${trouble}`);
    if (trouble === "ask-again") {
      location.assign(loginUrl({ provider: PROVIDER, scope: EXTRA, returnTo: RETURN_TO }));
    }
    return outcome;
  });
}

// Another tab's window, or one whose word came late, signs this page in as well.
onSignedIn(() => welcome().catch(() => {}));
setInterval(() => document.visibilityState === "visible" && refresh().catch(() => {}), REFRESH_MS);
welcome().catch((error) => say(error.message, error));
