// Google's hosts, as seen through a proxy: an unmodified client with its own addresses reaches the emulator.
//
// The client is told of an HTTPS proxy and of a throw-away authority, as behind any company's proxy. What it
// sends to one of Google's hosts ends here and goes on to the emulator, under the same path; what it sends to
// any other host is refused and remembered. Nothing leaves the machine.
//
// The emulator is one that calls itself Google's issuer, and has all paths there. So its addresses are put where
// Google has them, in `Location` and in the discovery document; nothing else is touched.

import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { buffer, text } from "node:stream/consumers";
import { throwAway } from "./certificate.mjs";
import { HOSTS, ISSUER, REGIONS, asGoogles, serves } from "./google.mjs";

const DISCOVERY = "/.well-known/openid-configuration";

/**
 * Starts a front for these of Google's hosts before the emulator at this address: its address as a proxy, the
 * authority's certificate as PEM, and what it refused so far.
 */
export async function startFront(emulator, hosts) {
  const refused = [];
  const { authority, certificate, key } = throwAway([...HOSTS, REGIONS]);
  const inside = https.createServer({ key, cert: certificate }, (request, response) => {
    if (serves(request.headers.host, request.url)) {
      pass(emulator, request, response).catch(() => response.destroy());
      return;
    }
    if (request.headers.host !== REGIONS) {
      refused.push(`${request.method} https://${request.headers.host}${request.url}`);
    }
    response.writeHead(404).end();
  });
  const proxy = http.createServer((request, response) => {
    refused.push(`${request.method} ${request.url}`);
    response.writeHead(403).end();
  });
  proxy.on("connect", ({ url }, socket, head) => {
    if ([...hosts, REGIONS].some((host) => url === `${host}:443`)) return receive(inside, socket, head);
    refused.push(`CONNECT ${url}`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    for (const server of [inside, proxy]) server.closeAllConnections();
    proxy.close();
  };
  return { url: `http://127.0.0.1:${proxy.address().port}`, authority, refused, stop };
}

/** The client has its tunnel, and the TLS server is at the other end of it. */
function receive(inside, socket, head) {
  socket.on("error", () => {});
  socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
  socket.unshift(head);
  inside.emit("connection", socket);
}

async function pass(emulator, request, response) {
  const headers = { ...request.headers, host: new URL(ISSUER).host };
  const body = await buffer(request);
  const onward = http.request(new URL(request.url, emulator), { method: request.method, headers });
  // What fails before there is an answer rejects `once`; what fails later shows in the answer.
  onward.on("error", () => {}).end(body);
  const [answer] = await once(onward, "response");
  await answerWith(request.url, answer, response);
}

async function answerWith(path, answer, response) {
  const { "transfer-encoding": _, ...headers } = answer.headers;
  if (headers.location) headers.location = asGoogles(headers.location);
  const content = path === DISCOVERY ? rehosted(await text(answer)) : await buffer(answer);
  response.writeHead(answer.statusCode, { ...headers, "content-length": Buffer.byteLength(content) });
  response.end(content);
}

function rehosted(document) {
  const rehost = (_, value) => (typeof value === "string" ? asGoogles(value) : value);
  return JSON.stringify(JSON.parse(document, rehost), null, 2);
}
