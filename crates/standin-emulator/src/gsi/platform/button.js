// gapi.signin2.render, and the button that both generations of markup show.

const BUTTON_STYLE =
  "box-sizing:border-box;display:inline-flex;align-items:center;gap:8px;padding:0 10px 0 4px;" +
  "border:1px solid #747775;border-radius:2px;font:500 14px/1 Roboto,system-ui,sans-serif;cursor:pointer;white-space:nowrap;overflow:hidden";
const MARK_STYLE = "flex:none;border-radius:2px;background:#fff;color:#b3261e;text-align:center;font-weight:700";
const TAG_STYLE =
  "flex:none;padding:2px 4px;border-radius:3px;background:#b3261e;color:#fff;font:700 8px/1 system-ui,sans-serif";
const THEMES = { light: "background:#fff;color:#1f1f1f", dark: "background:#1a73e8;color:#fff" };

function span(text, style) {
  const element = document.createElement("span");
  element.textContent = text;
  element.style.cssText = style;
  return element;
}

function signInButton({ label, theme, width, height = 36, onPress }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "abcRioButton";
  button.title = "Emulator, not Google";
  const size = `height:${height}px;${width ? `width:${width}px;` : ""}`;
  button.style.cssText = `${BUTTON_STYLE};${size}${THEMES[theme] ?? THEMES.light}`;
  const side = `${height - 10}px`;
  const mark = span("G", `${MARK_STYLE};width:${side};line-height:${side}`);
  const text = span(label, "flex:1;text-align:center;line-height:1.3");
  const tag = span("EMULATOR", TAG_STYLE);
  button.append(mark, text, tag);
  button.addEventListener("click", onPress);
  return button;
}

/** Draws the button of `g-signin2`; whoever is signed in already is told to `onsuccess` at once. */
function renderSignin2(target, options = {}) {
  const element = typeof target === "string" ? document.getElementById(target) : target;
  initFromMeta();
  const { scope, width, height, longtitle, theme, onsuccess, onfailure } = options;
  const succeed = () => pageFunction(onsuccess)?.(instance.auth.currentUser.get());
  const fail = (error) => pageFunction(onfailure)?.(error);
  const label = longtitle === true || longtitle === "true" ? "Sign in with Google" : "Sign in";
  const press = () => instance?.auth.signIn({ scope }).then(succeed, fail);
  element.replaceChildren(signInButton({ label, theme, width, height: Number(height ?? 36), onPress: press }));
  instance?.ready.then(() => instance.auth.isSignedIn.get() && succeed(), fail);
}
