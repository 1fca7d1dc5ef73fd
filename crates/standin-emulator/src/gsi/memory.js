// What the page's own domain remembers: cookies that Google's script sets there, under their names.

const HOUR_MS = 3_600_000;
/** For how long One Tap stays away after it was closed, the longer the more often. */
const COOL_DOWN_MS = [2, 24, 7 * 24, 28 * 24].map((hours) => hours * HOUR_MS);

function readCookie(name) {
  const pairs = document.cookie.split("; ").map((pair) => pair.split("="));
  return pairs.find(([known]) => known === name)?.[1];
}

function writeCookie(name, value, attributes = "") {
  const across = location.protocol === "https:" ? ";SameSite=None;Secure" : "";
  document.cookie = `${name}=${value};path=/${attributes}${across}`;
}

/** A fresh value for the double submit: in a cookie of the page's domain, and to be posted. */
function newCsrfToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  const token = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  writeCookie("g_csrf_token", token);
  return token;
}

/** `i_l`: how often One Tap was closed; `i_p`: until when it stays away; `i_t`: until when it asks first. */
function readMemory() {
  try {
    return JSON.parse(decodeURIComponent(readCookie("g_state") ?? "{}"));
  } catch {
    return {};
  }
}

function writeMemory(memory, domain) {
  const attributes = ";max-age=15552000" + (domain ? `;domain=${domain}` : "");
  writeCookie("g_state", encodeURIComponent(JSON.stringify(memory)), attributes);
}

function rememberClosing(now, domain) {
  const memory = readMemory();
  const level = memory.i_l ?? 0;
  const until = now + COOL_DOWN_MS[Math.min(level, COOL_DOWN_MS.length - 1)];
  writeMemory({ ...memory, i_l: level + 1, i_p: until }, domain);
}

function rememberSignIn(domain) {
  writeMemory({ i_l: 0 }, domain);
}

function rememberSignOut(now, domain) {
  writeMemory({ ...readMemory(), i_t: now + 24 * HOUR_MS }, domain);
}
