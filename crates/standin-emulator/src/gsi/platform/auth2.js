// gapi.auth2: GoogleAuth, its one user, and the way back to a session that was there before.

let instance = null;

function init(config) {
  if (instance) {
    if (config?.client_id && config.client_id !== instance.clientId) {
      throw new Error(
        "gapi.auth2 has been initialized with different options. Consider calling " +
          "gapi.auth2.getAuthInstance() instead of gapi.auth2.init().",
      );
    }
    return instance.thenable;
  }
  if (!config?.client_id) throw new Error("Missing required parameter 'client_id'");
  const { auth, begin } = googleAuth(config);
  const ready = begin();
  ready.catch(() => {});
  // Only what `init` gives back has `then`: a promise that was fulfilled with a thenable would wait for it again.
  const thenable = { ...auth, then: (done, failed) => ready.then(() => auth).then(done, failed) };
  instance = { clientId: config.client_id, auth, thenable, ready };
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

/** The parameters of a request of this client's: its own settings, and those of one call. */
function requestParams(config, options) {
  const basic = config.fetch_basic_profile === false ? "" : SIGN_IN_SCOPES;
  const forced = options?.approval_prompt === "force" ? "consent" : undefined;
  return {
    client_id: config.client_id,
    scope: union(basic, config.scope, options?.scope),
    prompt: options?.prompt ?? forced,
    login_hint: options?.login_hint,
    hd: config.hosted_domain,
    "openid.realm": config.openid_realm,
    fetch_basic_profile: config.fetch_basic_profile,
  };
}

function googleAuth(config) {
  const session = pageSession(config.client_id);
  const forTokens = (options) => ({ ...requestParams(config, options), response_type: "token id_token" });
  const silently = async () => {
    const login_hint = session.get()?.claims.sub;
    await session.enter(await authorize(forTokens({ login_hint }), { silent: true }));
  };
  const auth = {
    isSignedIn: readOnly(session.isSignedIn),
    async signIn(options) {
      if ((options?.ux_mode ?? config.ux_mode) === "redirect") {
        return leaveForRedirect(forTokens(options), options?.redirect_uri ?? config.redirect_uri);
      }
      await session.enter(await authorize(forTokens(options)));
      return user;
    },
    async grantOfflineAccess(options) {
      const params = { ...requestParams(config, options), response_type: "code", access_type: "offline" };
      return { code: (await authorize(params)).code };
    },
    async signOut() {
      session.leave();
    },
    async disconnect() {
      const token = session.get()?.response.access_token;
      session.leave();
      if (token) await revokeToken(token);
    },
    attachClickHandler(container, options, onSuccess, onFailure) {
      const element = typeof container === "string" ? document.getElementById(container) : container;
      element.addEventListener("click", () => auth.signIn(options).then(onSuccess, onFailure));
    },
  };
  const user = googleUser(auth, config, { get: session.get, renew: silently });
  const currentUser = { get: () => user, listen: (listener) => session.changes.listen(() => listener(user)) };
  return { auth: Object.assign(auth, { currentUser }), begin: () => begin(config, session, silently) };
}

/** Checks the page, then takes up what was there before: an answer in the address, or the provider's session. */
async function begin({ client_id }, session, silently) {
  const failed = await initFailure(client_id);
  if (failed) throw failed;
  const returned = returnedByRedirect(client_id);
  if (returned) await session.enter(returned);
  else if (!session.memory.has()) await silently().catch(() => {});
}

/** One request, one answer, no session: `gapi.auth2.authorize`. */
function authorizeOnce(config, callback) {
  const { client_id, response_type = "token", prompt, login_hint, include_granted_scopes } = config;
  const params = {
    client_id, response_type, login_hint, include_granted_scopes,
    scope: union(config.scope),
    hd: config.hosted_domain,
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
