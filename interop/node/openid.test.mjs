// openid-client, a certified relying party, pointed at the emulator as its issuer.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as openid from "openid-client";
import {
  ADA,
  CLIENT_ID,
  CLIENT_SECRET,
  EMULATOR,
  REDIRECT_URI,
  control,
  newDay,
  posted,
  visit,
} from "./support.mjs";

beforeEach(newDay);

/** The client of an emulator; plain HTTP is allowed, for it is this machine's. */
function discover(authentication = openid.ClientSecretPost(CLIENT_SECRET)) {
  const execute = [openid.allowInsecureRequests];
  return openid.discovery(new URL(EMULATOR), CLIENT_ID, undefined, authentication, { execute });
}

/** Asks for a code: where the answer arrived, and what must be in it. */
async function ask(config, params) {
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier,
    expectedState: openid.randomState(),
    expectedNonce: openid.randomNonce(),
    idTokenExpected: true,
  };
  const address = openid.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: "openid email profile",
    access_type: "offline",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...params,
  });
  return { ...(await visit(address)), checks };
}

async function signIn(config, params) {
  const { url, checks } = await ask(config, params);
  return openid.authorizationCodeGrant(config, url, checks);
}

/** The library's error or what caused it says so. */
const because = (reason) => (error) => {
  assert.match(`${error.message}: ${error.cause?.message}`, reason);
  return true;
};

test("discovery, a code with PKCE, state and nonce, and the ID token's claims", async () => {
  const config = await discover();
  assert.equal(config.serverMetadata().issuer, EMULATOR);
  assert.ok(config.serverMetadata().supportsPKCE());
  const tokens = await signIn(config);
  assert.equal(tokens.token_type, "bearer");
  assert.equal(tokens.claims().sub, ADA.sub);
  assert.equal(tokens.claims().email, ADA.email);
  assert.ok(tokens.claims().at_hash);
});

test("a code may come in a form that posts itself", async () => {
  const config = await discover();
  const { checks, ...page } = await ask(config, { response_mode: "form_post" });
  const tokens = await openid.authorizationCodeGrant(config, await posted(page), checks);
  assert.equal(tokens.claims().sub, ADA.sub);
});

for (const response_mode of ["fragment", "form_post"]) {
  test(`hybrid: a code and an ID token that vouches for it, by ${response_mode}`, async () => {
    const config = await discover();
    openid.useCodeIdTokenResponseType(config);
    const { checks, ...page } = await ask(config, { response_mode });
    const answer = response_mode === "fragment" ? page.url : await posted(page);
    const tokens = await openid.authorizationCodeGrant(config, answer, checks);
    assert.equal(tokens.claims().sub, ADA.sub);
    assert.match(tokens.refresh_token, /^1\/\//);
  });
}

test("implicit: an ID token alone, with the nonce that was asked for", async () => {
  const config = await discover(openid.None());
  openid.useIdTokenResponseType(config);
  const nonce = openid.randomNonce();
  const params = { redirect_uri: REDIRECT_URI, scope: "openid email", nonce };
  const { url } = await visit(openid.buildAuthorizationUrl(config, params));
  const claims = await openid.implicitAuthentication(config, url, nonce);
  assert.equal(claims.sub, ADA.sub);
  const another = openid.implicitAuthentication(config, url, openid.randomNonce());
  await assert.rejects(another, because(/"nonce"/));
});

test("the client may authenticate with HTTP Basic", async () => {
  const tokens = await signIn(await discover(openid.ClientSecretBasic(CLIENT_SECRET)));
  assert.equal(tokens.claims().sub, ADA.sub);
});

test("an answer with another state or from another issuer is not taken", async () => {
  const config = await discover();
  const { url, checks } = await ask(config);
  const other = { ...checks, expectedState: "another" };
  await assert.rejects(openid.authorizationCodeGrant(config, url, other), because(/"state"/));
  await control("POST", "faults", [{ endpoint: "authorize", fault: "wrong_iss" }]);
  const mixed = await ask(config);
  await assert.rejects(openid.authorizationCodeGrant(config, mixed.url, mixed.checks), because(/"iss"/));
});

test("the signature is checked against the published keys", async () => {
  const config = await discover();
  openid.enableNonRepudiationChecks(config);
  assert.equal((await signIn(config)).claims().sub, ADA.sub);
  await control("POST", "faults", [{ endpoint: "token", fault: "bad_signature" }]);
  await assert.rejects(signIn(config), because(/signature/));
});

test("after a rotation of keys the client finds the new one", async () => {
  const config = await discover();
  openid.enableNonRepudiationChecks(config);
  await control("POST", "keys/rotate");
  assert.equal((await signIn(config)).claims().sub, ADA.sub);
});

test("userinfo is the same user's", async () => {
  const config = await discover();
  const tokens = await signIn(config);
  const userinfo = await openid.fetchUserInfo(config, tokens.access_token, ADA.sub);
  assert.equal(userinfo.email, ADA.email);
  assert.equal(userinfo.email_verified, true);
  await assert.rejects(openid.fetchUserInfo(config, tokens.access_token, "1"), because(/"sub"/));
});

test("a refresh gives an ID token of the same user, and no new refresh token", async () => {
  const config = await discover();
  const { refresh_token } = await signIn(config);
  const refreshed = await openid.refreshTokenGrant(config, refresh_token);
  assert.equal(refreshed.claims().sub, ADA.sub);
  assert.equal(refreshed.claims().nonce, undefined);
  assert.equal(refreshed.refresh_token, undefined);
});

test("a revoked refresh token is refused by name", async () => {
  const config = await discover();
  const { refresh_token } = await signIn(config);
  await openid.tokenRevocation(config, refresh_token);
  await assert.rejects(openid.refreshTokenGrant(config, refresh_token), (error) => {
    assert.ok(error instanceof openid.ResponseBodyError);
    assert.equal(error.error, "invalid_grant");
    assert.equal(error.error_description, "Token has been expired or revoked.");
    return true;
  });
});

test("who says no, and who cannot be asked, come back as errors of the authorization", async () => {
  const config = await discover();
  const refused = async (params) => {
    const { url, checks } = await ask(config, params);
    const error = await openid.authorizationCodeGrant(config, url, checks).catch((error) => error);
    assert.ok(error instanceof openid.AuthorizationResponseError);
    return error.error;
  };
  assert.equal(await refused({ prompt: "none" }), "interaction_required");
  await control("PUT", "autopilot", { user: ADA.email, decision: "deny" });
  assert.equal(await refused(), "access_denied");
});
