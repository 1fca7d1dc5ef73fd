// gapi.auth, and the Google+ sign-in of before: one callback that is told whatever happens.

let currentToken = null;

/** `immediate` asks without a page; the answer is `immediate_failed` if somebody would have to be asked. */
function classicAuthorize(config, callback) {
  const { client_id, scope, response_type = "token", immediate, ...more } = config;
  const { approval_prompt, access_type, login_hint, prompt } = more;
  const silent = immediate === true || immediate === "true";
  const params = { client_id, response_type, access_type, login_hint, scope: union(scope) };
  const loud = { prompt, approval_prompt: prompt ? undefined : approval_prompt };
  const asked = authorize({ ...params, ...(!silent && loud) }, { silent });
  asked.then(
    (result) => {
      currentToken = { ...dated(result), client_id, response_type, state: result.state ?? "" };
      callback?.(currentToken);
    },
    (error) => callback?.({ ...error, client_id, scope: params.scope, response_type }),
  );
}

/** A page's function by its name, as markup gives it. */
function pageFunction(name) {
  return typeof name === "string" ? name.split(".").reduce((at, part) => at?.[part], window) : name;
}

/** The settings of one Google+ sign-in, from markup or from `gapi.signin.render`. */
function classicConfig(options) {
  const pick = (name) => options[name] ?? metaContent(`google-signin-${name}`);
  const offline = pick("accesstype") === "offline" || pick("redirecturi") === "postmessage";
  return {
    client_id: pick("clientid") ?? metaContent("google-signin-client_id"),
    scope: union(pick("scope") ?? "https://www.googleapis.com/auth/userinfo.profile", "openid"),
    response_type: offline ? "code token id_token" : "token id_token",
    access_type: offline ? "offline" : undefined,
    approval_prompt: pick("approvalprompt"),
    callback: options.callback ?? metaContent("google-signin-callback"),
  };
}

/** Asks, and tells the callback with the status that old pages look at. */
function classicSignIn(config, { immediate }) {
  const { callback, ...request } = config;
  classicAuthorize({ ...request, immediate }, (result) => {
    const signed_in = !result.error;
    const method = signed_in ? (immediate ? "AUTO" : "PROMPT") : null;
    const status = { google_logged_in: signed_in, signed_in, method };
    pageFunction(callback)?.({ ...result, status });
  });
}

/** The button of `g-signin`: asks by itself once without a page, then whenever it is pressed. */
function renderClassic(element, options) {
  const config = classicConfig(options);
  const press = () => classicSignIn(config, { immediate: false });
  element.replaceChildren(signInButton({ label: "Sign in", theme: options.theme, onPress: press }));
  classicSignIn(config, { immediate: true });
}

const classicAuth = {
  authorize: classicAuthorize,
  init: (then) => then?.(),
  getToken: () => currentToken,
  setToken: (token) => void (currentToken = token),
  checkSessionState: (session, then) => then?.(currentToken !== null),
  signIn: (options) => classicSignIn(classicConfig(options ?? {}), { immediate: false }),
  signOut: () => void (currentToken = null),
};

const classicSignin = {
  render: (target, options) => {
    renderClassic(typeof target === "string" ? document.getElementById(target) : target, options ?? {});
  },
  go: () => readClassicMarkup(document),
};
