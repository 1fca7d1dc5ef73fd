// The session of one client on this page: how it begins, how it ends, and what is remembered of it.

/** Something that has a value and tells when it changes. */
function observable(value) {
  const listeners = [];
  return {
    get: () => value,
    listen: (listener) => void listeners.push(listener),
    set(next) {
      value = next;
      listeners.forEach((listener) => listener(next));
    },
  };
}

const readOnly = ({ get, listen }) => ({ get, listen });

/** Who is signed in, or null; `enter` takes an answer of the endpoint, `leave` is signing out. */
function pageSession(clientId) {
  const memory = signOutMemory(clientId);
  const isSignedIn = observable(false);
  const changes = observable(null);
  return {
    memory,
    isSignedIn,
    changes,
    get: changes.get,
    async enter(result) {
      const next = await sessionFrom(result);
      memory.forget();
      changes.set(next);
      if (!isSignedIn.get()) isSignedIn.set(true);
    },
    leave() {
      memory.note();
      if (!isSignedIn.get()) return;
      changes.set(null);
      isSignedIn.set(false);
    },
  };
}

/** Whether the user signed out of this page: a session at the provider is then not taken up again. */
function signOutMemory(clientId) {
  const name = `oauth2_signed_out::${clientId}`;
  return {
    has: () => localStorage.getItem(name) !== null,
    note: () => localStorage.setItem(name, "1"),
    forget: () => localStorage.removeItem(name),
  };
}

const redirectMemory = (clientId) => `oauth2_redirect::${clientId}`;

/** Leaves the page; the answer comes back in the address of `redirectUri`. */
function leaveForRedirect(params, redirectUri) {
  const state = crypto.randomUUID();
  sessionStorage.setItem(redirectMemory(params.client_id), state);
  const redirect_uri = redirectUri ?? location.href.split("#")[0];
  location.assign(address("/o/oauth2/auth", { ...params, redirect_uri, state, nonce: crypto.randomUUID() }));
  return new Promise(() => {});
}

/** The answer in this page's address, if it is the one that was asked for; it is taken out. */
function returnedByRedirect(clientId) {
  const answer = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const name = redirectMemory(clientId);
  if (!answer.state || answer.state !== sessionStorage.getItem(name)) return null;
  sessionStorage.removeItem(name);
  history.replaceState(history.state, "", location.pathname + location.search);
  return answer.access_token ? answer : null;
}
