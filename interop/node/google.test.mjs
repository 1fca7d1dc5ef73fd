// google-auth-library and googleapis, pointed at the emulator by their own options.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { CodeChallengeMethod, OAuth2Client } from "google-auth-library";
import { google } from "googleapis";
import {
  ADA,
  CALENDAR,
  CLIENT_ID,
  CLIENT_SECRET,
  DRIVE,
  EMULATOR,
  REDIRECT_URI,
  advanceClock,
  control,
  ledger,
  newDay,
  visit,
} from "./support.mjs";

const SCOPES = ["openid", "email", "profile", CALENDAR, DRIVE];

beforeEach(newDay);

function newClient(options = {}) {
  return new OAuth2Client({
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    redirectUri: REDIRECT_URI,
    issuers: [EMULATOR],
    endpoints: {
      oauth2AuthBaseUrl: `${EMULATOR}/o/oauth2/v2/auth`,
      oauth2TokenUrl: `${EMULATOR}/token`,
      oauth2RevokeUrl: `${EMULATOR}/revoke`,
      tokenInfoUrl: `${EMULATOR}/tokeninfo`,
      oauth2FederatedSignonPemCertsUrl: `${EMULATOR}/oauth2/v1/certs`,
      oauth2FederatedSignonJwkCertsUrl: `${EMULATOR}/oauth2/v3/certs`,
    },
    ...options,
  });
}

async function newCode(client, options) {
  const request = { access_type: "offline", scope: SCOPES, ...options };
  const { url } = await visit(client.generateAuthUrl(request));
  return url.searchParams.get("code");
}

async function signedIn(options) {
  const client = newClient(options);
  const { tokens } = await client.getToken(await newCode(client));
  client.setCredentials(tokens);
  return client;
}

const drive = (auth) => google.drive({ version: "v3", auth, rootUrl: EMULATOR });
const calendar = (auth) => google.calendar({ version: "v3", auth, rootUrl: EMULATOR });

/** The token endpoint's or an API's refusal, as the library hands it on. */
const refusal = (status, body) => (error) => {
  assert.equal(error.status, status);
  assert.deepEqual(error.response.data, body);
  return true;
};

test("a code is exchanged with PKCE, and the answer has Google's members", async () => {
  const client = newClient();
  const { codeVerifier, codeChallenge } = await client.generateCodeVerifierAsync();
  const code = await newCode(client, {
    code_challenge: codeChallenge,
    code_challenge_method: CodeChallengeMethod.S256,
  });
  const asked = Date.now();
  const { tokens } = await client.getToken({ code, codeVerifier });
  const answered = Date.now();
  assert.match(tokens.access_token, /^ya29\./);
  assert.match(tokens.refresh_token, /^1\/\//);
  assert.equal(tokens.token_type, "Bearer");
  assert.ok(tokens.scope.split(" ").includes("https://www.googleapis.com/auth/userinfo.email"));
  const lifetime = 3_599_000;
  assert.ok(tokens.expiry_date >= asked + lifetime && tokens.expiry_date <= answered + lifetime);
  assert.ok(tokens.id_token);
});

test("a verifier that is not the challenge's is refused", async () => {
  const client = newClient();
  const { codeChallenge } = await client.generateCodeVerifierAsync();
  const { codeVerifier } = await client.generateCodeVerifierAsync();
  const code = await newCode(client, {
    code_challenge: codeChallenge,
    code_challenge_method: CodeChallengeMethod.S256,
  });
  await assert.rejects(
    client.getToken({ code, codeVerifier }),
    refusal(400, { error: "invalid_grant", error_description: "Invalid code verifier." }),
  );
});

test("a code works once", async () => {
  const client = newClient();
  const code = await newCode(client);
  await client.getToken(code);
  const body = { error: "invalid_grant", error_description: "Bad Request" };
  await assert.rejects(client.getToken(code), refusal(400, body));
});

test("a code that nobody gave and a wrong secret have Google's words", async () => {
  const malformed = { error: "invalid_grant", error_description: "Malformed auth code." };
  await assert.rejects(newClient().getToken("4/0nonsense"), refusal(400, malformed));
  const client = newClient({ clientSecret: "GOCSPX-not-the-one" });
  const code = await newCode(client);
  const body = { error: "invalid_client", error_description: "The provided client secret is invalid." };
  await assert.rejects(client.getToken(code), refusal(401, body));
});

test("a sign-in without offline access brings no refresh token, nor does a second one", async () => {
  const client = newClient();
  const online = await client.getToken(await newCode(client, { access_type: "online" }));
  assert.equal(online.tokens.refresh_token, undefined);
  const again = await client.getToken(await newCode(client));
  assert.equal(again.tokens.refresh_token, undefined);
  const asked = await client.getToken(await newCode(client, { prompt: "consent" }));
  assert.match(asked.tokens.refresh_token, /^1\/\//);
});

test("what is asked for later comes on top of what was granted before", async () => {
  const first = newClient();
  await first.getToken(await newCode(first, { scope: ["openid", DRIVE] }));
  const client = newClient();
  const more = { scope: ["openid", CALENDAR], include_granted_scopes: true };
  const { tokens } = await client.getToken(await newCode(client, more));
  assert.deepEqual(tokens.scope.split(" ").sort(), [CALENDAR, DRIVE, "openid"].sort());
  client.setCredentials(tokens);
  assert.deepEqual((await drive(client).files.list()).data.files, []);
});

test("calendar: what is inserted is listed, changed and deleted", async () => {
  const { events } = calendar(await signedIn());
  const requestBody = {
    summary: "Tea",
    start: { dateTime: "2026-10-12T10:00:00+01:00", timeZone: "Europe/London" },
    end: { dateTime: "2026-10-12T11:00:00+01:00", timeZone: "Europe/London" },
  };
  const inserted = (await events.insert({ calendarId: "primary", requestBody })).data;
  assert.equal(inserted.kind, "calendar#event");
  assert.deepEqual(inserted.creator, { email: ADA.email, self: true });
  const listed = await events.list({
    calendarId: "primary",
    timeMin: "2026-10-12T00:00:00Z",
    timeMax: "2026-10-13T00:00:00Z",
    singleEvents: true,
    orderBy: "startTime",
  });
  assert.deepEqual(listed.data.items.map(({ id, summary }) => ({ id, summary })), [
    { id: inserted.id, summary: "Tea" },
  ]);
  const event = { calendarId: "primary", eventId: inserted.id };
  await events.patch({ ...event, requestBody: { location: "Ockham Park" } });
  assert.equal((await events.get(event)).data.location, "Ockham Park");
  assert.equal((await events.delete(event)).status, 204);
  await assert.rejects(events.delete(event), ({ status }) => status === 410);
});

test("drive: what is uploaded is listed and read back", async () => {
  const { files } = drive(await signedIn());
  const media = { mimeType: "text/plain", body: "The Analytical Engine weaves algebraic patterns." };
  const request = { requestBody: { name: "notes.txt" }, media };
  // Uploads heed the root of the call only, not that of the client.
  const { id, mimeType } = (await files.create(request, { rootUrl: EMULATOR })).data;
  assert.equal(mimeType, "text/plain");
  const listed = await files.list({ pageSize: 10 });
  assert.deepEqual(listed.data.files.map((file) => file.id), [id]);
  const content = await files.get({ fileId: id, alt: "media" }, { responseType: "text" });
  assert.equal(content.data, "The Analytical Engine weaves algebraic patterns.");
});

test("a token without the scope is refused with the list of scopes that would do", async () => {
  const client = newClient();
  const { tokens } = await client.getToken(await newCode(client, { scope: ["openid", DRIVE] }));
  client.setCredentials(tokens);
  await assert.rejects(calendar(client).events.list({ calendarId: "primary" }), (error) => {
    assert.equal(error.status, 403);
    assert.equal(error.response.data.error.status, "PERMISSION_DENIED");
    assert.equal(error.response.data.error.errors[0].reason, "insufficientPermissions");
    assert.match(error.response.headers.get("www-authenticate"), /error="insufficient_scope"/);
    return true;
  });
});

test("an access token whose time is over is refreshed before the call", async () => {
  const client = await signedIn();
  const before = client.credentials;
  const heard = [];
  client.on("tokens", (tokens) => heard.push(tokens));
  client.setCredentials({ ...before, expiry_date: Date.now() - 1000 });
  await drive(client).files.list();
  assert.notEqual(client.credentials.access_token, before.access_token);
  assert.equal(client.credentials.refresh_token, before.refresh_token);
  assert.equal(heard.length, 1);
  const calls = await ledger("token_refreshed", "api_call");
  assert.deepEqual(calls.map(({ kind, status }) => status ?? kind), ["token_refreshed", 200]);
});

test("an access token that the API refuses is refreshed, and the call made again", async () => {
  const client = await signedIn({ forceRefreshOnFailure: true });
  await advanceClock(3600);
  await drive(client).files.list();
  const calls = await ledger("token_refreshed", "api_call");
  assert.deepEqual(calls.map(({ kind, status }) => status ?? kind), [401, "token_refreshed", 200]);
});

test("after a revocation nothing works, neither refresh nor access token", async () => {
  const client = await signedIn();
  const { refresh_token, access_token } = client.credentials;
  assert.equal((await client.revokeCredentials()).status, 200);
  client.setCredentials({ refresh_token });
  const body = { error: "invalid_grant", error_description: "Token has been expired or revoked." };
  await assert.rejects(client.getAccessToken(), refusal(400, body));
  const again = { error: "invalid_token", error_description: "Token expired or revoked" };
  await assert.rejects(client.revokeToken(access_token), refusal(400, again));
});

test("what the user takes back is gone for the client too", async () => {
  const client = await signedIn();
  await control("POST", `users/${ADA.email}/revoke`);
  client.setCredentials({ refresh_token: client.credentials.refresh_token });
  const body = { error: "invalid_grant", error_description: "Token has been expired or revoked." };
  await assert.rejects(client.getAccessToken(), refusal(400, body));
});

test("an ID token verifies by the published certificates, for its audience and its issuer only", async () => {
  const client = await signedIn();
  const { id_token: idToken } = client.credentials;
  const payload = (await client.verifyIdToken({ idToken, audience: CLIENT_ID })).getPayload();
  assert.equal(payload.sub, ADA.sub);
  assert.equal(payload.email_verified, true);
  const audience = "another.apps.googleusercontent.com";
  await assert.rejects(client.verifyIdToken({ idToken, audience }), /Wrong recipient/);
  const ofGoogle = newClient({ issuers: undefined });
  await assert.rejects(ofGoogle.verifyIdToken({ idToken, audience: CLIENT_ID }), /Invalid issuer/);
});

test("an ID token with a broken signature, or of a key that nobody published, does not verify", async () => {
  for (const [fault, reason] of [["bad_signature", /Invalid token signature/], ["unknown_kid", /No pem found/]]) {
    await control("POST", "faults", [{ endpoint: "token", fault }]);
    const client = await signedIn();
    const { id_token: idToken } = client.credentials;
    await assert.rejects(client.verifyIdToken({ idToken, audience: CLIENT_ID }), reason);
  }
});

test("after a rotation of keys the new certificate is found", async () => {
  await control("POST", "keys/rotate");
  const client = await signedIn();
  const { id_token: idToken } = client.credentials;
  assert.ok(await client.verifyIdToken({ idToken, audience: CLIENT_ID }));
});

test("tokeninfo says whose an access token is and what it may", async () => {
  const begun = Date.now();
  const client = await signedIn();
  const info = await client.getTokenInfo(client.credentials.access_token);
  const took = Date.now() - begun;
  assert.equal(info.aud, CLIENT_ID);
  assert.equal(info.sub, ADA.sub);
  assert.ok(info.scopes.includes(CALENDAR));
  // Both count from when an answer came, one of them in whole seconds.
  assert.ok(Math.abs(info.expiry_date - client.credentials.expiry_date) <= took + 1000);
  await assert.rejects(client.getTokenInfo("ya29.nonsense"), (error) => error.status === 400);
});

test("userinfo says who the user is, by Google's older names too", async () => {
  const auth = await signedIn();
  const v2 = await google.oauth2({ version: "v2", auth, rootUrl: EMULATOR }).userinfo.get();
  assert.deepEqual([v2.data.id, v2.data.email, v2.data.name], [ADA.sub, ADA.email, ADA.name]);
  const { data } = await auth.request({ url: `${EMULATOR}/v1/userinfo` });
  assert.deepEqual([data.sub, data.email, data.name], [ADA.sub, ADA.email, ADA.name]);
});

test("a redirect URI that nobody registered is never sent to", async () => {
  const client = newClient();
  const request = { scope: SCOPES, redirect_uri: "http://127.0.0.1:8080/other" };
  const { url, response } = await visit(client.generateAuthUrl(request));
  assert.equal(url.pathname, "/signin/oauth/error");
  assert.match(await response.text(), /Error 400: redirect_uri_mismatch/);
});

test("who says no is reported to the application", async () => {
  await control("PUT", "autopilot", { user: ADA.email, decision: "deny" });
  const { url } = await visit(newClient().generateAuthUrl({ scope: SCOPES, state: "s" }));
  assert.equal(url.searchParams.get("error"), "access_denied");
  assert.equal(url.searchParams.get("state"), "s");
});
