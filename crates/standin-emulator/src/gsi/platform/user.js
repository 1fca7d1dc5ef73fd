// GoogleUser: who is signed in, what was said about it, and what that user may be asked for.

/** The claims of an ID token that came from our own popup; a server must verify it, this page need not. */
function claimsOf(idToken) {
  const part = idToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

async function fetchProfile(accessToken) {
  const headers = { authorization: `Bearer ${accessToken}` };
  const answer = await fetch(BASE + "/oauth2/v3/userinfo", { headers });
  return answer.ok ? answer.json() : {};
}

/** What is known after a sign-in. */
async function sessionFrom(result) {
  const response = dated(result);
  const claims = response.id_token ? claimsOf(response.id_token) : {};
  const profile = response.access_token ? await fetchProfile(response.access_token) : {};
  return { response, claims: { ...claims, ...profile } };
}

function basicProfile({ sub, name, given_name, family_name, picture, email }) {
  return {
    getId: () => sub,
    getName: () => name,
    getGivenName: () => given_name,
    getFamilyName: () => family_name,
    getImageUrl: () => picture,
    getEmail: () => email,
  };
}

/** One GoogleUser per GoogleAuth; `get` gives null while nobody is signed in, `renew` asks anew in silence. */
function googleUser(auth, config, { get: session, renew }) {
  const granted = () => words(session()?.response.scope);
  const sharesAccess = () => config.fetch_basic_profile === false || words(config.scope).length > 0;
  return {
    getId: () => session()?.claims.sub ?? null,
    isSignedIn: () => session() !== null,
    getHostedDomain: () => session()?.claims.hd,
    getGrantedScopes: () => session()?.response.scope ?? null,
    getBasicProfile: () => (session()?.claims.name ? basicProfile(session().claims) : undefined),
    getAuthResponse: (withAccess) => authResponse(session(), withAccess || sharesAccess()),
    reloadAuthResponse: () => renew().then(() => authResponse(session(), true)),
    hasGrantedScopes: (wanted) => session() !== null && words(wanted).every((scope) => granted().includes(scope)),
    grant: (options) => auth.signIn(options),
    signIn: (options) => auth.signIn(options),
    grantOfflineAccess: (options) => auth.grantOfflineAccess(options),
    disconnect: () => auth.disconnect(),
  };
}

function authResponse(session, withAccess) {
  if (!session) return null;
  const { access_token, id_token, scope, expires_in, first_issued_at, expires_at, token_type } = session.response;
  const login_hint = session.claims.sub;
  const always = { id_token, login_hint, expires_in, first_issued_at, expires_at, idpId: "google" };
  return withAccess ? { access_token, token_type, scope, ...always } : always;
}
