// An OpenID provider that was not written here: oidc-provider, which is certified, as a stranger would run it.
//
// It is strict where Google is not: refresh tokens only for `offline_access` with a consent that was shown, a new
// one at every refresh, and an end of the whole grant when an old one comes again. What it did is read from its own
// events, and whether a token lives from its introspection endpoint.

import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { Provider } from "oidc-provider";
import { storeInMemory } from "./rows.mjs";

/** The people are whoever signs in; what the provider knows of them follows from their names. */
export const addressOf = (person) => `${person}@people.example`;

const findAccount = (_, id) => ({
  accountId: id,
  claims: () => ({ sub: id, email: addressOf(id), email_verified: true, name: `The ${id}` }),
});

/** A new key to sign with. */
function key(kid) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
}

/**
 * Starts a provider on a free port. Its clients are registered with `open`, since their addresses are known only
 * when there is an application; `life` is how many seconds an access token lives, and may be changed.
 */
export async function startProvider() {
  const server = http.createServer((request, response) => answer(request, response));
  let answer = (_, response) => response.writeHead(503).end();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let clients = [];
  const provider = { issuer, life: 3600, events: [], store: storeInMemory(), restart, forget, open, stop };

  function open(registered) {
    clients = registered;
    restart("first");
  }

  /** The same provider as after a night: what it gave is still known, and its key is another. */
  function restart(kid) {
    const made = new Provider(issuer, configuration(provider, clients, kid));
    watch(made, provider.events);
    answer = made.callback();
  }

  /** The same provider after a restore of nothing. */
  function forget() {
    provider.store = storeInMemory();
    restart("forgetful");
  }

  function stop() {
    server.closeAllConnections();
    server.close();
  }

  return provider;
}

function configuration(provider, clients, kid) {
  return {
    adapter: provider.store,
    clients,
    findAccount,
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    scopes: ["openid", "offline_access", "notes:read", "notes:write"],
    cookies: { keys: ["interop"] },
    jwks: { keys: [key(kid)] },
    pkce: { required: () => true },
    responseTypes: ["code", "code id_token"],
    rotateRefreshToken: true,
    // By itself it asks no loopback address; a logout token must reach one here.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: {
      backchannelLogout: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    ttl: {
      AccessToken: () => provider.life,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
  };
}

/** Puts down what happens, in order, as `{what, client, …}`. */
function watch(provider, events) {
  const note = (what, { oidc, request }, more) => {
    const authenticated = request?.headers.authorization?.startsWith("Basic ") ? "basic" : "post";
    const grantType = oidc?.params?.grant_type;
    events.push({ what, client: oidc?.client?.clientId, grantType, authenticated, ...more });
  };
  provider.on("grant.success", (context) => note("granted", context));
  provider.on("grant.error", (context, { error, error_detail: detail }) => note("refused", context, { error, detail }));
  provider.on("grant.revoked", (context) => note("revoked", context));
  provider.on("refresh_token.consumed", ({ clientId: client }) => events.push({ what: "consumed", client }));
  provider.on("backchannel.success", (context, client) => note("told of a logout", context, { client: client.clientId }));
  provider.on("backchannel.error", (context, error) => note("could not tell", context, { error: error.message }));
  provider.on("server_error", (context, error) => note("broke", context, { error: error.stack }));
}
