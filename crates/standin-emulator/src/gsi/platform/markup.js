// What old pages say in `<meta>` elements and `data-` attributes.

const metaContent = (name) => document.querySelector(`meta[name="${name}"]`)?.content;

/** `<meta name="google-signin-client_id">` starts gapi.auth2 without a word of script, for the first button. */
function initFromMeta() {
  const meta = (name) => metaContent(`google-signin-${name}`);
  const client_id = meta("client_id");
  if (!client_id || instance) return;
  load("auth2");
  init({
    client_id,
    scope: meta("scope"),
    cookie_policy: meta("cookiepolicy"),
    hosted_domain: meta("hosted_domain"),
    fetch_basic_profile: meta("fetch_basic_profile") !== "false",
    openid_realm: meta("openid_realm"),
    ux_mode: meta("ux_mode"),
    redirect_uri: meta("redirect_uri"),
  }).then(undefined, (failed) => console.error(failed));
}

function readClassicMarkup(root) {
  for (const element of root.querySelectorAll(".g-signin")) renderClassic(element, { ...element.dataset });
}

function readMarkup() {
  if (window.___gcfg?.parsetags === "explicit") return;
  for (const element of document.querySelectorAll(".g-signin2")) renderSignin2(element, { ...element.dataset });
  readClassicMarkup(document);
}
