// gapi.auth2: GoogleAuth, its one user, and the way back to a session that was there before.

let instance = null;

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

function init(config) {
  if (instance) {
    if (config?.client_id && config.client_id !== instance.clientId) {
      throw new Error("gapi.auth2 has been initialized with different options. Consider calling gapi.auth2.getAuthInstance() instead of gapi.auth2.init().");
    }
    return instance.thenable;
  }
  if (!config?.client_id) throw new Error("Missing required parameter 'client_id'");
  const auth = googleAuth(config);
  const ready = auth.begin();
  ready.catch(() => {});
  const { begin, ...rest } = auth;
  // Only what `init` gives back has `then`: a promise that was fulfilled with a thenable would wait for it again.
  const thenable = { ...rest, then: (done, failed) => ready.then(() => rest).then(done, failed) };
  instance = { clientId: config.client_id, auth: rest, thenable, ready };
  return thenable;
}

/** Why this page cannot use the client, in the words of the library's own check; null if it can. */
async function initFailure(clientId) {
  const url = address("/gsi/status", { client_id: clientId });
  const answer = await fetch(url).then((response) => response.json(), () => ({}));
  const error = "idpiframe_initialization_failed";
  if (answer.reason === "invalid_client") return { error, details: "The OAuth client was not found." };
  if (answer.reason !== "unregistered_origin") return null;
  const details =
    `Not a valid origin for the client: ${location.origin} has not been registered for client ID ${clientId}. ` +
    "Please go to https://console.developers.google.com/ and register this origin for your project's client ID.";
  return { error, details };
}

function googleAuth(config) {
  const memory = signOutMemory(config.client_id);
  const basic = config.fetch_basic_profile === false ? "" : SIGN_IN_SCOPES;
  const params = (options) => ({
    client_id: config.client_id,
    scope: union(basic, config.scope, options?.scope),
    prompt: options?.prompt,
    login_hint: options?.login_hint,
    hd: config.hosted_domain,
    "openid.realm": config.openid_realm,
    fetch_basic_profile: config.fetch_basic_profile,
  });
  const forTokens = (options) => ({ ...params(options), response_type: "token id_token" });
  let session = null;
  const isSignedIn = observable(false);
  const enter = async (result) => {
    session = await sessionFrom(result);
    memory.forget();
    const wasSignedIn = isSignedIn.get();
    currentUser.set(user);
    if (!wasSignedIn) isSignedIn.set(true);
    return user;
  };
  const leave = () => {
    const wasSignedIn = session !== null;
    session = null;
    memory.note();
    if (!wasSignedIn) return;
    currentUser.set(user);
    isSignedIn.set(false);
  };
  const silently = async () => enter(await authorize(forTokens({ login_hint: session?.claims.sub }), { silent: true }));
  const auth = {
    isSignedIn: readOnly(isSignedIn),
    async begin() {
      const failed = await initFailure(config.client_id);
      if (failed) throw failed;
      const returned = returnedByRedirect(config.client_id);
      if (returned) await enter(returned);
      else if (!memory.has()) await silently().catch(() => {});
    },
    async signIn(options) {
      if ((options?.ux_mode ?? config.ux_mode) === "redirect") {
        return leaveForRedirect(forTokens(options), options?.redirect_uri ?? config.redirect_uri);
      }
      return enter(await authorize(forTokens(options)));
    },
    async reload() {
      await silently();
      return user.getAuthResponse(true);
    },
    async grantOfflineAccess(options) {
      const prompt = options?.prompt ?? (options?.approval_prompt === "force" ? "consent" : undefined);
      const wanted = { ...params({ ...options, prompt }), response_type: "code", access_type: "offline" };
      return { code: (await authorize(wanted)).code };
    },
    async signOut() {
      leave();
    },
    async disconnect() {
      const token = session?.response.access_token;
      leave();
      if (token) await revokeToken(token);
    },
    attachClickHandler(container, options, onSuccess, onFailure) {
      const element = typeof container === "string" ? document.getElementById(container) : container;
      element.addEventListener("click", () => auth.signIn(options).then(onSuccess, onFailure));
    },
  };
  const user = googleUser(auth, config, () => session);
  const currentUser = observable(user);
  auth.currentUser = readOnly(currentUser);
  return auth;
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

/** One request, one answer, no session: `gapi.auth2.authorize`. */
function authorizeOnce(config, callback) {
  const { client_id, scope, response_type = "token", prompt, login_hint, hosted_domain, include_granted_scopes } = config;
  const params = {
    client_id, response_type, login_hint, include_granted_scopes,
    scope: union(scope),
    hd: hosted_domain,
    prompt: prompt === "none" ? undefined : prompt,
    access_type: words(response_type).includes("code") ? "offline" : undefined,
  };
  const asked = authorize(params, { silent: prompt === "none" });
  asked.then((result) => callback?.(dated(result)), (error) => callback?.(error));
}

const auth2 = {
  init,
  getAuthInstance: () => instance?.auth ?? null,
  authorize: authorizeOnce,
};
