// The way to the emulator's windows and frames, and the messages they send back.
//
// A message counts only if it comes from the emulator's origin, from the very window or frame that was
// opened, and for the id and client it was opened for. Everything else that arrives is somebody else's.

const HOME = new URL(BASE).origin;
const POPUP = "width=500,height=650,left=100,top=100";
/** A popup posts its message just before it closes: that message may come a little later. */
const LATE_MS = 250;

const newId = () => "auth" + Math.floor(1e6 * Math.random() + 1);

/** A URL of the emulator's; what is undefined, null or empty is left out. */
function address(path, params) {
  const url = new URL(BASE + path);
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url.href;
}

/** Calls `receive(type, content)` for each message of one window; returns what ends it. */
function listen({ source, id, clientId, receive }) {
  const hear = (event) => {
    if (event.origin !== HOME || event.source === null || event.source !== source()) return;
    const params = read(event.data);
    if (params?.id === id && params.clientId === clientId) receive(params.type, params[params.type]);
  };
  window.addEventListener("message", hear);
  return () => window.removeEventListener("message", hear);
}

function read(text) {
  try {
    return JSON.parse(text).params;
  } catch {
    return undefined;
  }
}

/** Opens a popup and calls `answer(type, content)` or `fail(type, message)`, once. */
function askInPopup({ url, id, clientId, answer, fail }) {
  const popup = window.open(url, "g_auth_token_window", POPUP);
  if (!popup) {
    fail("popup_failed_to_open", "Failed to open popup window on url: " + url + ". Maybe blocked by the browser?");
    return;
  }
  let done = false;
  const finish = () => {
    done = true;
    clearInterval(watch);
    unlisten();
  };
  const receive = (type, content) => {
    finish();
    answer(type, content);
  };
  const unlisten = listen({ source: () => popup, id, clientId, receive });
  const watch = setInterval(() => {
    if (!popup.closed) return;
    clearInterval(watch);
    setTimeout(() => {
      if (done) return;
      finish();
      fail("popup_closed", "Popup window closed");
    }, LATE_MS);
  }, 150);
}

/** Asks in a hidden frame, where nobody can be asked anything; calls `answer` or, after a while, `fail`. */
function askInFrame({ url, id, clientId, answer, fail }) {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.src = url;
  const end = () => {
    clearTimeout(late);
    unlisten();
    frame.remove();
  };
  const receive = (type, content) => {
    end();
    answer(type, content);
  };
  const unlisten = listen({ source: () => frame.contentWindow, id, clientId, receive });
  const late = setTimeout(() => {
    end();
    fail("unknown", "The frame did not answer.");
  }, 10_000);
  document.documentElement.append(frame);
}

/** The pseudo URI by which the authorization endpoint learns where its message goes. */
const relayUri = (id) => "storagerelay://" + location.origin.replace("://", "/") + "?id=" + id;

/** Takes back what a user gave the project, by any of its tokens: `{successful, error?}`. */
async function revokeToken(token) {
  try {
    const answer = await fetch(BASE + "/revoke", { method: "POST", body: new URLSearchParams({ token }) });
    const { error, error_description } = await answer.json();
    return answer.ok ? { successful: true } : { successful: false, error, error_description };
  } catch {
    return { successful: false, error: "unknown", error_description: "The request failed." };
  }
}
