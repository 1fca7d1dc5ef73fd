// google-auth-library and googleapis as they come, with Google's own addresses, through the front.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { GoogleAuth, OAuth2Client } from "google-auth-library";
import { google } from "googleapis";
import {
  ADA,
  CALENDAR,
  CLIENT_ID,
  CLIENT_SECRET,
  DRIVE,
  REDIRECT_URI,
  control,
  ledger,
  newDay,
  visit,
} from "./support.mjs";

beforeEach(newDay);

async function signedIn() {
  const client = new OAuth2Client(CLIENT_ID, CLIENT_SECRET, REDIRECT_URI);
  const scope = ["openid", "email", "profile", CALENDAR, DRIVE];
  const { codeVerifier, codeChallenge } = await client.generateCodeVerifierAsync();
  const address = client.generateAuthUrl({
    access_type: "offline",
    scope,
    code_challenge: codeChallenge,
    code_challenge_method: "S256",
  });
  assert.equal(new URL(address).origin, "https://accounts.google.com");
  const { url } = await visit(address);
  assert.equal(url.searchParams.get("iss"), "https://accounts.google.com");
  const { tokens } = await client.getToken({ code: url.searchParams.get("code"), codeVerifier });
  client.setCredentials(tokens);
  return client;
}

test("a sign-in with both APIs, tokeninfo and userinfo", async () => {
  const auth = await signedIn();
  const files = google.drive({ version: "v3", auth }).files;
  const media = { mimeType: "text/plain", body: "as it comes" };
  const { data } = await files.create({ requestBody: { name: "as it comes" }, media });
  const content = await files.get({ fileId: data.id, alt: "media" }, { responseType: "text" });
  assert.equal(content.data, "as it comes");
  const { events } = google.calendar({ version: "v3", auth });
  const requestBody = { start: { date: "2026-10-12" }, end: { date: "2026-10-13" } };
  await events.insert({ calendarId: "primary", requestBody });
  assert.equal((await events.list({ calendarId: "primary" })).data.items.length, 1);
  assert.equal((await auth.getTokenInfo(auth.credentials.access_token)).sub, ADA.sub);
  const userinfo = await google.oauth2({ version: "v2", auth }).userinfo.get();
  assert.equal(userinfo.data.email, ADA.email);
});

test("an ID token verifies, with either spelling of the issuer", async () => {
  const client = await signedIn();
  const verified = (idToken) => client.verifyIdToken({ idToken, audience: CLIENT_ID });
  const { id_token } = client.credentials;
  assert.equal((await verified(id_token)).getPayload().iss, "https://accounts.google.com");
  const address = new URL(client.generateAuthUrl({ scope: "openid email", response_type: "id_token", nonce: "n" }));
  address.pathname = "/o/oauth2/auth";
  const { url } = await visit(address);
  const { iss, sub } = (await verified(new URLSearchParams(url.hash.slice(1)).get("id_token"))).getPayload();
  assert.deepEqual({ iss, sub }, { iss: "accounts.google.com", sub: ADA.sub });
});

test("a refresh, then a revocation", async () => {
  const client = await signedIn();
  const { refresh_token, access_token } = client.credentials;
  client.setCredentials({ refresh_token });
  assert.notEqual((await client.getAccessToken()).token, access_token);
  await client.revokeToken(refresh_token);
  client.setCredentials({ refresh_token });
  await assert.rejects(client.getAccessToken(), /invalid_grant/);
  assert.equal((await ledger("revoked")).length, 1);
});

test("saved credentials of a user work again", async () => {
  const { refresh_token } = (await signedIn()).credentials;
  const saved = { type: "authorized_user", client_id: CLIENT_ID, client_secret: CLIENT_SECRET };
  const auth = new GoogleAuth({ credentials: { ...saved, refresh_token } });
  const { data } = await google.drive({ version: "v3", auth }).files.list();
  assert.deepEqual(data.files, []);
  assert.equal((await ledger("token_refreshed")).length, 1);
});

test("a service account gets a token for itself, and one that says who it is", async () => {
  const email = "backup@emulated-project.iam.gserviceaccount.com";
  const credentials = await control("PUT", "service-accounts", { email });
  const auth = new GoogleAuth({ credentials, scopes: [DRIVE] });
  const { data } = await google.drive({ version: "v3", auth }).about.get({ fields: "user" });
  assert.equal(data.user.emailAddress, email);
  const audience = "https://service.example";
  const client = await new GoogleAuth({ credentials }).getIdTokenClient(audience);
  const idToken = await client.idTokenProvider.fetchIdToken(audience);
  const ticket = await new OAuth2Client().verifyIdToken({ idToken, audience });
  assert.equal(ticket.getPayload().email, email);
});
