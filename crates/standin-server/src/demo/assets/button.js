// The provider's own button, and what it does not give: offline access, asked for later with a one-time code.

import { prepareCode, session, showButton } from "./signin.js";

const PROVIDER = "google";
const asked = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);

async function refresh() {
  const view = await session();
  const offline = view?.grants.some((grant) => grant.provider === PROVIDER && grant.offline) ?? false;
  element("who").textContent = view ? `You are ${view.user.name}, ${view.user.email}.` : "Nobody is signed in.";
  element("access").textContent = offline ? "The job may act for you." : "Nothing has been given to the job.";
  element("give").hidden = !view || offline;
  return view;
}

async function prepareToGive({ identities }) {
  const { subject } = identities.find(({ provider }) => provider === PROVIDER);
  const scope = document.body.dataset.extraScopes;
  const { signIn } = await prepareCode({ provider: PROVIDER, scope, expectedSubject: subject });
  element("give").onclick = () => settle(signIn());
}

/** Says how it went; whoever is signed in then may go on. */
async function settle(signingIn) {
  const outcome = element("outcome");
  try {
    await signingIn;
    await start();
    outcome.textContent = "Done.";
    outcome.dataset.code = "ok";
  } catch (error) {
    outcome.textContent = `${error.message} Load the page again to try once more.`;
    outcome.dataset.code = error.code;
  }
}

async function start() {
  const view = await refresh();
  const returnTo = location.pathname + location.search;
  const redirect = asked.get("mode") === "redirect";
  const tap = asked.has("tap") && !view;
  const button = showButton({ provider: PROVIDER, place: element("button"), tap, redirect, returnTo });
  settle(button);
  if (view) await prepareToGive(view);
  document.body.dataset.ready = view ? "signed-in" : "signed-out";
}

await start();
