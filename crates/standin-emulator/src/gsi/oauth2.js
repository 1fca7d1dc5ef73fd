// google.accounts.oauth2 as pages know it, for one emulator.
//
// A code client opens the emulator in a popup and waits for one message: from the emulator's origin,
// for this request's id and this client. Everything else that arrives is somebody else's.
(() => {
  "use strict";
  const ORIGIN = EMULATOR_ORIGIN;
  const POPUP = "width=500,height=650,left=100,top=100";

  // Undefined settings are left out; the two switches are on unless they are exactly false.
  function authorizationUrl(config, redirectUri) {
    const params = {
      gsiwebsdk: "3",
      client_id: config.client_id,
      scope: config.scope,
      redirect_uri: redirectUri,
      prompt: config.select_account ? "select_account" : undefined,
      login_hint: config.login_hint ?? config.hint,
      state: config.state,
      access_type: "offline",
      hd: config.hd ?? config.hosted_domain,
      nonce: config.nonce,
      response_type: "code",
      include_granted_scopes: String(config.include_granted_scopes !== false),
      enable_granular_consent: String(config.enable_granular_consent !== false),
    };
    const url = new URL("/o/oauth2/v2/auth", ORIGIN);
    for (const [name, value] of Object.entries(params)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url.href;
  }

  function requestByPopup(config) {
    const id = "auth" + Math.floor(1e6 * Math.random() + 1);
    const relay = "storagerelay://" + location.origin.replace("://", "/") + "?id=" + id;
    const popup = window.open(authorizationUrl(config, relay), "g_auth_token_window", POPUP);
    if (!popup) {
      fail(config, "popup_failed_to_open", "Failed to open popup window. Maybe blocked by the browser.");
      return;
    }
    let done = false;
    const finish = () => {
      done = true;
      clearInterval(watch);
      window.removeEventListener("message", receive);
    };
    const receive = (event) => {
      const result = event.origin === ORIGIN && authResult(event.data, id, config.client_id);
      if (!result) return;
      finish();
      config.callback?.(result);
    };
    const watch = setInterval(() => {
      if (!popup.closed) return;
      clearInterval(watch);
      // The popup posts its message just before it closes: let that message win.
      setTimeout(() => {
        if (done) return;
        finish();
        fail(config, "popup_closed", "Popup window closed");
      }, 250);
    }, 150);
    window.addEventListener("message", receive);
  }

  function authResult(data, id, clientId) {
    try {
      const { params } = JSON.parse(data);
      const ours = params.id === id && params.clientId === clientId && params.type === "authResult";
      return ours ? params.authResult : undefined;
    } catch {
      return undefined;
    }
  }

  function fail(config, type, message) {
    const error = new Error(message);
    error.type = type;
    config.error_callback?.(error);
  }

  function initCodeClient(config) {
    for (const name of ["client_id", "scope"]) {
      if (!config?.[name]) throw new Error(`Missing required parameter ${name}.`);
    }
    return {
      requestCode() {
        if (config.ux_mode === "redirect") {
          location.assign(authorizationUrl(config, config.redirect_uri ?? location.href));
        } else {
          requestByPopup(config);
        }
      },
    };
  }

  const granted = (response, scopes, every) => {
    const given = (response?.scope ?? "").split(" ");
    return scopes[every ? "every" : "some"]((scope) => given.includes(scope));
  };

  window.google ??= {};
  window.google.accounts ??= {};
  window.google.accounts.oauth2 = {
    initCodeClient,
    hasGrantedAllScopes: (response, ...scopes) => granted(response, scopes, true),
    hasGrantedAnyScope: (response, ...scopes) => granted(response, scopes, false),
  };
  window.onGoogleLibraryLoad?.();
})();
