// google.accounts.oauth2: codes and access tokens for pages, by popup or by redirect.

/** A setting that is on unless it is exactly false. */
const unlessFalse = (value) => String(value !== false);

function authorizationParams(config, more) {
  return {
    gsiwebsdk: "3",
    client_id: config.client_id,
    scope: config.scope,
    login_hint: config.login_hint ?? config.hint,
    hd: config.hd ?? config.hosted_domain,
    state: config.state,
    nonce: config.nonce,
    include_granted_scopes: unlessFalse(config.include_granted_scopes),
    enable_granular_consent: unlessFalse(config.enable_granular_consent ?? config.enable_serial_consent),
    ...more,
  };
}

/** Asks in a popup. What the endpoint says goes to `callback`, what the browser says to `error_callback`. */
function authorizeInPopup(config, params) {
  const id = newId();
  const fail = (type, message) => {
    config.error_callback?.(Object.assign(new Error(message), { type }));
  };
  askInPopup({
    url: address("/o/oauth2/v2/auth", { ...params, redirect_uri: relayUri(id) }),
    id,
    clientId: config.client_id,
    answer: (type, result) => {
      if (type !== "authResult" || !result) return fail("unknown", "The popup gave no answer.");
      config.callback?.(withNumbers(result));
    },
    fail,
  });
}

function withNumbers(result) {
  return result.expires_in === undefined ? result : { ...result, expires_in: Number(result.expires_in) };
}

function requireSettings(config, names) {
  for (const name of names) {
    if (!config?.[name]) throw new Error(`Missing required parameter ${name}.`);
  }
}

function initCodeClient(config) {
  requireSettings(config, ["client_id", "scope"]);
  const params = authorizationParams(config, {
    response_type: "code",
    access_type: "offline",
    prompt: config.select_account ? "select_account" : undefined,
  });
  const byRedirect = () => {
    const redirect_uri = config.redirect_uri ?? location.href.split("#")[0];
    location.assign(address("/o/oauth2/v2/auth", { ...params, redirect_uri }));
  };
  const byPopup = () => authorizeInPopup(config, params);
  return { requestCode: config.ux_mode === "redirect" ? byRedirect : byPopup };
}

function initTokenClient(config) {
  requireSettings(config, ["client_id", "scope"]);
  return {
    requestAccessToken(overrides) {
      const wanted = { prompt: "select_account", ...config, ...overrides };
      const params = authorizationParams(wanted, { response_type: "token", prompt: wanted.prompt });
      authorizeInPopup({ ...wanted, callback: config.callback, error_callback: config.error_callback }, params);
    },
  };
}

function granted(response, scopes, method) {
  const given = (response?.scope ?? "").split(" ");
  return scopes[method]((scope) => given.includes(scope));
}

const oauth2 = {
  initCodeClient,
  initTokenClient,
  hasGrantedAllScopes: (response, ...scopes) => granted(response, scopes, "every"),
  hasGrantedAnyScope: (response, ...scopes) => granted(response, scopes, "some"),
  revoke: (accessToken, done) => void revokeToken(accessToken).then((result) => done?.(result)),
};
