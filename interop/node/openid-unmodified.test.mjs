// openid-client with Google's own issuer, which it discovers through the front.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as openid from "openid-client";
import { ADA, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, newDay, proxiedFetch, visit } from "./support.mjs";

beforeEach(newDay);

function discover() {
  const issuer = new URL("https://accounts.google.com");
  // Node's fetch knows no proxies before version 24; the library takes another one for that.
  const options = { [openid.customFetch]: proxiedFetch };
  return openid.discovery(issuer, CLIENT_ID, CLIENT_SECRET, undefined, options);
}

async function signIn(config) {
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const expectedNonce = openid.randomNonce();
  const address = openid.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: "openid email profile",
    access_type: "offline",
    nonce: expectedNonce,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const { url } = await visit(address);
  return openid.authorizationCodeGrant(config, url, { pkceCodeVerifier, expectedNonce });
}

test("every endpoint is found where Google has it", async () => {
  const metadata = (await discover()).serverMetadata();
  assert.equal(metadata.issuer, "https://accounts.google.com");
  assert.equal(metadata.authorization_endpoint, "https://accounts.google.com/o/oauth2/v2/auth");
  assert.equal(metadata.token_endpoint, "https://oauth2.googleapis.com/token");
  assert.equal(metadata.userinfo_endpoint, "https://openidconnect.googleapis.com/v1/userinfo");
  assert.equal(metadata.revocation_endpoint, "https://oauth2.googleapis.com/revoke");
  assert.equal(metadata.jwks_uri, "https://www.googleapis.com/oauth2/v3/certs");
});

test("a sign-in whose signature is checked, userinfo, a refresh and a revocation", async () => {
  const config = await discover();
  openid.enableNonRepudiationChecks(config);
  const tokens = await signIn(config);
  assert.equal(tokens.claims().iss, "https://accounts.google.com");
  const userinfo = await openid.fetchUserInfo(config, tokens.access_token, ADA.sub);
  assert.equal(userinfo.email, ADA.email);
  await openid.refreshTokenGrant(config, tokens.refresh_token);
  await openid.tokenRevocation(config, tokens.refresh_token);
  const again = openid.refreshTokenGrant(config, tokens.refresh_token);
  await assert.rejects(again, { error: "invalid_grant" });
});
