// A GitHub that was not written here: emulate's, behind the addresses of an Enterprise Server.
//
// emulate serves pages and API at one root. An Enterprise Server has the API at `/api/v3`, and the service asks there,
// so that prefix is taken away in between; nothing else is changed. What emulate does not have is `/applications/…`: its
// answer there is GitHub's for a token that is dead, so nobody here signs in for less than before, or disconnects.

import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freeAddress } from "./service.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const NODE_22 = join(HERE, "node_modules", "node", "bin", "node");
const CLIENT = { client_id: "Iv1.interop", client_secret: "interop-secret" };

/** Starts it, with an OAuth app whose answers come to these addresses. `asked` is every path that was asked for. */
export async function startGitHub(callbacks) {
  const { port } = new URL(await freeAddress());
  const program = join(HERE, "github-server.mjs");
  const child = spawn(NODE_22, [program, port, ...callbacks], { stdio: ["ignore", "pipe", "inherit"] });
  const ready = once(createInterface({ input: child.stdout }), "line");
  const ended = once(child, "exit").then(() => Promise.reject(new Error("emulate ended")));
  ended.catch(() => {});
  await Promise.race([ready, ended]);
  const asked = [];
  const front = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url.split("?", 1)[0]}`);
    const path = request.url.replace(/^\/api\/v3(?=\/)/, "");
    const { method, headers } = request;
    const onward = http.request({ host: "127.0.0.1", port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.once("error", () => response.destroy());
    request.pipe(onward);
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const stop = () => {
    front.closeAllConnections();
    front.close();
    child.kill();
  };
  return { ...CLIENT, origin: `http://127.0.0.1:${front.address().port}`, asked, stop };
}
