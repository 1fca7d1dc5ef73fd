// google.accounts.id: who somebody is, by a button or by One Tap.

/** Of the last `initialize`: each call replaces all of the one before. */
let settings = null;

const complain = (text) => console.error("[GSI_LOGGER]: " + text);
const warn = (text) => console.warn("[GSI_LOGGER]: " + text);

function initialize(config) {
  if (settings) {
    warn(
      "google.accounts.id.initialize() is called multiple times. This could cause unexpected " +
        "behavior and only the last initialized instance will be used.",
    );
  }
  settings = {
    auto_select: false,
    cancel_on_tap_outside: true,
    context: "signin",
    ux_mode: "popup",
    ...config,
  };
  if (!settings.client_id) complain("Missing required parameter: client_id.");
}

/** What the emulator's pages are told about this one. */
function siteParams(config, id) {
  return {
    client_id: config.client_id,
    origin: location.origin,
    id,
    nonce: config.nonce,
    login_hint: config.login_hint,
    hd: config.hd,
    context: config.context,
  };
}

const loginUri = (config) => config.login_uri ?? location.href.split("#")[0];

/** Hands a credential to the page, or, where it has no callback, to its server. */
function deliver(config, response) {
  if (response.select_by !== "auto") rememberSignIn(config.state_cookie_domain);
  if (config.callback) {
    config.callback({ ...response, clientId: config.client_id });
    return;
  }
  postForm(loginUri(config), { ...response, g_csrf_token: newCsrfToken() });
}

function postForm(action, fields) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action, hidden: true });
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

function disableAutoSelect() {
  rememberSignOut(Date.now(), settings?.state_cookie_domain);
}

/** The browser's own password store, where it has one. */
async function storeCredential({ id, password }, callback) {
  if (window.PasswordCredential) {
    const credential = new PasswordCredential({ id, password });
    await navigator.credentials.store(credential).catch(() => {});
  }
  callback?.();
}

async function revokeHint(hint, callback) {
  const body = new URLSearchParams({ client_id: settings?.client_id ?? "", hint: hint ?? "" });
  const request = { method: "POST", credentials: "include", body };
  const failed = { successful: false, error: "The request failed." };
  const result = await fetch(BASE + "/gsi/revoke", request).then((answer) => answer.json(), () => failed);
  callback?.(result);
}
