// The HTML API: what `g_id_onload`, `g_id_signin` and `g_id_signout` say in `data-` attributes.

const MARKUP_SETTINGS = [
  "client_id", "color_scheme", "login_uri", "native_login_uri", "nonce", "context", "state_cookie_domain", "ux_mode",
  "prompt_parent_id", "allowed_parent_origin", "login_hint", "hd",
];
const MARKUP_SWITCHES = [
  "auto_select", "cancel_on_tap_outside", "itp_support", "use_fedcm_for_prompt", "use_fedcm_for_button",
  "button_auto_select",
];
const MARKUP_FUNCTIONS = ["callback", "native_callback", "intermediate_iframe_close_callback", "click_listener"];

/** A function of the page, by a name that may have dots. It is looked up when it is called. */
function named(path) {
  return (...args) => {
    const found = path.split(".").reduce((object, name) => object?.[name], window);
    if (typeof found !== "function") return warn(`The function "${path}" is not found.`);
    return found(...args);
  };
}

function settingsOf(element) {
  const config = {};
  for (const [name, value] of Object.entries(element.dataset)) {
    if (MARKUP_SETTINGS.includes(name)) config[name] = value;
    if (MARKUP_SWITCHES.includes(name)) config[name] = value === "true" || value === "1" || value === "";
    if (MARKUP_FUNCTIONS.includes(name)) config[name] = named(value);
  }
  return config;
}

function buttonOptionsOf({ dataset }) {
  const { click_listener, ...options } = dataset;
  return click_listener ? { ...options, click_listener: named(click_listener) } : options;
}

function readMarkup() {
  const onload = document.getElementById("g_id_onload");
  if (onload) initialize(settingsOf(onload));
  for (const element of document.querySelectorAll(".g_id_signin")) renderButton(element, buttonOptionsOf(element));
  for (const element of document.querySelectorAll(".g_id_signout")) {
    element.addEventListener("click", disableAutoSelect);
  }
  if (onload && mayPrompt(onload.dataset)) {
    const { moment_callback } = onload.dataset;
    prompt(moment_callback && named(moment_callback));
  }
}

/** One Tap comes by itself, unless the page says no, or its cookie says that somebody is signed in. */
function mayPrompt({ auto_prompt, skip_prompt_cookie }) {
  return auto_prompt !== "false" && !(skip_prompt_cookie && readCookie(skip_prompt_cookie));
}
