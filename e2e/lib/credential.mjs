// The independent judge of ID tokens: another library, with the keys that the provider publishes.

import { createRemoteJWKSet, jwtVerify } from "jose";

/** The claims of a token of this provider for this client, by its clock; throws if the token is not good. */
export async function verify({ emulator, client_id, now }, token, { issuer = emulator } = {}) {
  const keys = createRemoteJWKSet(new URL(`${emulator}/oauth2/v3/certs`));
  const currentDate = new Date((await now()) * 1000);
  const expected = { issuer, audience: client_id, algorithms: ["RS256"], currentDate };
  const { payload } = await jwtVerify(token, keys, expected);
  return payload;
}

/** Redeems a code as a server does, which has the secret. */
export async function redeem({ emulator, client_id, client_secret }, code, redirect_uri = "postmessage") {
  const body = new URLSearchParams({
    grant_type: "authorization_code", code, client_id, client_secret, redirect_uri,
  });
  const answer = await fetch(`${emulator}/token`, { method: "POST", body });
  return { status: answer.status, ...(await answer.json()) };
}
