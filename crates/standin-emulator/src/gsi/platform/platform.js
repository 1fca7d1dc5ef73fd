// What the page gets: `gapi`, its own function by `?onload=…`, and its markup read.

const ONLOAD = document.currentScript?.src && new URL(document.currentScript.src).searchParams.get("onload");
const LIBRARIES = { auth2 };

/** All libraries are here already; `gapi.auth2` becomes visible when it is asked for, as Google's does. */
function load(names, done) {
  for (const name of names.split(":")) {
    if (LIBRARIES[name]) window.gapi[name] ??= LIBRARIES[name];
  }
  const callback = typeof done === "function" ? done : done?.callback;
  queueMicrotask(() => callback?.());
}

window.gapi ??= {};
Object.assign(window.gapi, { load, auth: classicAuth, signin: classicSignin, signin2: { render: renderSignin2 } });

function start() {
  readMarkup();
  if (ONLOAD) pageFunction(ONLOAD)?.();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start, { once: true });
else start();
