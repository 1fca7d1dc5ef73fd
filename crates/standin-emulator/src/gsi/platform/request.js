// Requests of the older library: the older endpoint, older names, and a frame where nobody is asked.

const SIGN_IN_SCOPES = ["openid", "email", "profile"];

/** What the older library calls what went wrong in the browser. */
const OLD_ERRORS = {
  popup_closed: "popup_closed_by_user",
  popup_failed_to_open: "popup_blocked_by_browser",
  interaction_required: "immediate_failed",
};

const words = (scope) => (Array.isArray(scope) ? scope : (scope ?? "").split(" ")).filter(Boolean);

/** Two lists of scopes as one, each scope once. */
const union = (...lists) => [...new Set(lists.flatMap(words))].join(" ");

/**
 * Asks the authorization endpoint. `silent` asks in a hidden frame, where nobody sees a page. Gives back
 * the answer's parameters; whatever went wrong is thrown as `{error, error_subtype?}`.
 */
function authorize(params, { silent = false } = {}) {
  const id = newId();
  const needsNonce = words(params.response_type).includes("id_token");
  const url = address("/o/oauth2/auth", {
    gsiwebsdk: "2",
    ss_domain: location.origin,
    include_granted_scopes: "true",
    redirect_uri: relayUri(id),
    nonce: needsNonce ? crypto.randomUUID() : undefined,
    ...params,
    ...(silent && { immediate: "true" }),
  });
  return new Promise((resolve, reject) => {
    (silent ? askInFrame : askInPopup)({
      url,
      id,
      clientId: params.client_id,
      answer: (type, result) => (result?.error ? reject(failure(result)) : resolve(result)),
      fail: (type) => reject(failure({ error: type })),
    });
  });
}

function failure({ error, error_subtype }) {
  const known = { error: OLD_ERRORS[error] ?? error };
  return error_subtype ? { ...known, error_subtype } : known;
}

/** Adds to an answer when it was given and until when it holds, in milliseconds. */
function dated(result) {
  const issued = Date.now();
  const seconds = Number(result.expires_in ?? 0);
  return { ...result, expires_in: seconds, first_issued_at: issued, expires_at: issued + seconds * 1000 };
}
