// Google's hosts, as seen through a proxy: an unmodified client with its own addresses reaches the emulator.
//
// The client is told of an HTTPS proxy and of a throw-away authority, as behind any company's proxy. What it
// sends to one of Google's hosts ends here and goes on to the emulator, under the same path; what it sends to
// any other host is refused and remembered. Nothing leaves the machine.
//
// Only addresses are translated: in `Location` and in the discovery document. ID tokens are signed, so their
// issuer is the emulator's business.

import http from "node:http";
import https from "node:https";
import { throwAway } from "./certificate.mjs";
import { HOSTS, asGoogles, serves } from "./google.mjs";

const DISCOVERY = "/.well-known/openid-configuration";

/** Starts a front before an emulator: its address as a proxy, its authority as PEM, what it refused. */
export async function startFront(emulator) {
  const { authority, certificate, key } = throwAway(HOSTS);
  const refused = [];
  const inside = https.createServer({ key, cert: certificate }, (request, response) => {
    const { host } = request.headers;
    if (serves(host, request.url)) return pass(emulator, request, response);
    refused.push(`${request.method} https://${host}${request.url}`);
    response.writeHead(404).end();
  });
  const proxy = http.createServer((request, response) => {
    refused.push(`${request.method} ${request.url}`);
    response.writeHead(403).end();
  });
  proxy.on("connect", (request, socket, head) => {
    const [host, port] = request.url.split(":");
    if (!HOSTS.includes(host) || port !== "443") {
      refused.push(`CONNECT ${request.url}`);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    socket.on("error", () => {});
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    socket.unshift(head);
    inside.emit("connection", socket);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    inside.closeAllConnections();
    proxy.closeAllConnections();
    proxy.close();
  };
  return { url: `http://127.0.0.1:${proxy.address().port}`, authority, refused, stop };
}

function pass(emulator, request, response) {
  const headers = { ...request.headers, host: new URL(emulator).host };
  const options = { method: request.method, headers };
  const onward = http.request(new URL(request.url, emulator), options, async (answer) => {
    const answered = { ...answer.headers };
    if (answered.location) answered.location = asGoogles(answered.location, emulator);
    if (request.url !== DISCOVERY) {
      response.writeHead(answer.statusCode, answered);
      answer.pipe(response);
      return;
    }
    const document = asGoogles(Buffer.concat(await answer.toArray()).toString(), emulator);
    answered["content-length"] = Buffer.byteLength(document);
    response.writeHead(answer.statusCode, answered).end(document);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}
