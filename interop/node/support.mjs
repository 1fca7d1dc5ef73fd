// The emulator's own doors, and the person at the browser.

import { EnvHttpProxyAgent, fetch } from "undici";

const { EMULATOR, CLIENT_ID, CLIENT_SECRET } = process.env;

export { CLIENT_ID, CLIENT_SECRET, EMULATOR };
export const REDIRECT_URI = "http://127.0.0.1:8080/auth/google/callback";
export const CALENDAR = "https://www.googleapis.com/auth/calendar.events";
export const DRIVE = "https://www.googleapis.com/auth/drive.file";
export const EMAIL = "https://www.googleapis.com/auth/userinfo.email";
export const ADA = { email: "ada@example.com", sub: "108151210181518451210", name: "Ada Lovelace" };

const dispatcher = new EnvHttpProxyAgent();

/** `fetch` through the proxy that the environment names, as Node itself does from version 24 on. */
export const proxiedFetch = (url, options) => fetch(url, { ...options, dispatcher });

/** Calls the control API. */
export async function control(method, path, body) {
  const response = await fetch(`${EMULATOR}/_emulator/${path}`, { method, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** Everything as in the beginning, and Ada at the browser, who allows whatever she is asked. */
export async function newDay() {
  await control("POST", "reset");
  await control("PUT", "autopilot", { user: ADA.email, decision: "allow" });
}

export async function advanceClock(seconds) {
  await control("POST", "clock", { advance_seconds: seconds });
}

/** What happened, in order: the events of these kinds. */
export async function ledger(...kinds) {
  const { events } = await control("GET", "ledger?after=0");
  return events.filter(({ kind }) => kinds.includes(kind));
}

/** Goes to an authorization page and follows it back to the application: the address, and the answer there. */
export async function visit(url, redirectUri = REDIRECT_URI) {
  let here = String(url);
  for (let hops = 0; hops < 10; hops += 1) {
    const response = await proxiedFetch(here, { redirect: "manual" });
    const location = response.headers.get("location");
    if (location === null) return { url: new URL(here), response };
    here = new URL(location, here).href;
    if (here.startsWith(redirectUri)) return { url: new URL(here) };
  }
  throw new Error(`no end of redirects at ${here}`);
}

/** Lets a page that posts itself do so: the request that reaches the application. */
export async function posted({ response }) {
  const page = await response.text();
  const action = page.match(/<form[^>]* method="post" action="([^"]+)"/)[1];
  const fields = page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
  const body = new URLSearchParams([...fields].map(([, name, value]) => [name, unescaped(value)]));
  return new Request(unescaped(action), { method: "POST", body });
}

function unescaped(text) {
  return text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
}
