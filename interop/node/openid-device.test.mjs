// openid-client on a device without a browser, while its person answers elsewhere.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as openid from "openid-client";
import { ADA, DRIVE, EMULATOR, advanceClock, control, newDay } from "./support.mjs";

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPE = `openid email ${DRIVE}`;

beforeEach(async () => {
  await newDay();
  await control("DELETE", "autopilot");
});

/** The client of a television, with that `fetch` of its own if it has one. */
async function television(fetch) {
  const client_id = "1-television.apps.googleusercontent.com";
  const { clients } = await control("PUT", "clients", { client_id, kind: "limited_input" });
  const options = { execute: [openid.allowInsecureRequests] };
  const secret = clients[0].client_secret;
  const config = await openid.discovery(new URL(EMULATOR), client_id, secret, undefined, options);
  if (fetch) config[openid.customFetch] = fetch;
  return config;
}

/** Google's answer has `verification_url` where RFC 8628 has `verification_uri`: programs adapt it. */
async function adapted(url, options) {
  const response = await fetch(url, options);
  if (!url.endsWith("/device/code")) return response;
  const { verification_url, ...answer } = await response.json();
  return Response.json({ verification_uri: verification_url, ...answer });
}

/** What the person at another machine says. */
async function answer({ verification_uri, user_code }, decision) {
  const form = new URLSearchParams({ code: user_code, account: ADA.email, ...decision });
  const page = await fetch(`${verification_uri}/consent`, { method: "POST", body: form });
  assert.equal(page.status, 200);
}

const poll = (config, begun) =>
  openid.pollDeviceAuthorizationGrant(config, { ...begun, interval: 0.01 });

test("a device is told to wait, and has its tokens when its person has answered", async () => {
  const config = await television(adapted);
  const begun = await openid.initiateDeviceAuthorization(config, { scope: SCOPE });
  assert.equal(begun.interval, 5);
  const early = openid.genericGrantRequest(config, GRANT, { device_code: begun.device_code });
  await assert.rejects(early, { error: "authorization_pending", status: 428 });
  await answer(begun, { scope: DRIVE, continue: "1" });
  await advanceClock(5);
  const tokens = await poll(config, begun);
  assert.equal(tokens.claims().email, ADA.email);
  assert.ok(tokens.scope.split(" ").includes(DRIVE));
  assert.match(tokens.refresh_token, /^1\/\//);
  const again = await openid.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(again.claims().sub, ADA.sub);
});

test("a device hears that its person said no", async () => {
  const config = await television(adapted);
  const begun = await openid.initiateDeviceAuthorization(config, { scope: SCOPE });
  await answer(begun, { cancel: "1" });
  await assert.rejects(poll(config, begun), { error: "access_denied", status: 403 });
});

test("a client that insists on RFC 8628's names gets none, as from Google", async () => {
  const config = await television();
  await assert.rejects(openid.initiateDeviceAuthorization(config, { scope: SCOPE }), (error) => {
    assert.match(error.cause.message, /verification_uri/);
    return true;
  });
});
