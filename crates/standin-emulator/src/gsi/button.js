// google.accounts.id.renderButton: the emulator's button in a frame, and what a click on it does.

const LOOK = ["type", "theme", "size", "text", "shape", "logo_alignment", "width"];
/** `<script src="…/gsi/client?hl=de">` chooses a language for all buttons. */
const SCRIPT_LOCALE = document.currentScript?.src && new URL(document.currentScript.src).searchParams.get("hl");

function renderButton(parent, options = {}, clickListener = undefined) {
  if (!settings) {
    complain("Failed to render button before calling initialize().");
    return;
  }
  if (!parent) {
    complain("Failed to render button because there is no parent or options set.");
    return;
  }
  const { client_id: clientId } = settings;
  const id = newId();
  const look = Object.fromEntries(LOOK.map((name) => [name, options[name]]));
  const params = { client_id: clientId, origin: location.origin, id, hl: options.locale ?? SCRIPT_LOCALE, ...look };
  const frame = buttonFrame(address("/gsi/button", params));
  let isReady = false;
  const ready = ({ width, height, refusal }) => {
    Object.assign(frame.style, { width: `${width}px`, height: `${height}px` });
    if (refusal && !isReady) complain(refusal);
    isReady = true;
  };
  listen({
    source: () => frame.contentWindow,
    id,
    clientId: clientId ?? "",
    receive: (type, content) => {
      if (type === "ready") ready(content);
      if (type !== "pressed") return;
      (options.click_listener ?? clickListener)?.();
      signInWithButton(settings, options.state);
    },
  });
  parent.replaceChildren(frame);
}

function buttonFrame(src) {
  const frame = document.createElement("iframe");
  Object.assign(frame, { src, title: "Sign in with Google Button", id: "gsi_" + newId() });
  frame.style.cssText =
    "display:block;border:0;margin:-2px -10px;height:44px;width:240px;color-scheme:light;max-width:none";
  return frame;
}

function signInWithButton(config, state) {
  const id = newId();
  const params = { ...siteParams(config, id), ux_mode: config.ux_mode, state };
  if (config.ux_mode === "redirect") {
    const more = { login_uri: loginUri(config), g_csrf_token: newCsrfToken() };
    location.assign(address("/gsi/select", { ...params, ...more }));
    return;
  }
  askInPopup({
    url: address("/gsi/select", params),
    id,
    clientId: config.client_id ?? "",
    answer: (type, response) => {
      if (type === "credential") deliver(config, response);
    },
    fail: (type, message) => {
      if (type === "popup_failed_to_open") complain(message);
    },
  });
}
