// `standin serve` before providers of a test's own: the real binary, over a database of its own.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { binary } from "../../e2e/lib/demo.mjs";

/** A port that was free a moment ago: providers must know the address before there is a service. */
export async function freeAddress() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

/** Starts the service at this address, with these tables `[[provider]]`. */
export async function startService(address, providers) {
  const directory = mkdtempSync(join(tmpdir(), "standin-service-"));
  const config = join(directory, "standin.toml");
  const command = (...args) => execFileSync(binary(), [...args, "--config", config], { encoding: "utf8" });
  execFileSync(binary(), ["init", "--dir", directory]);
  writeFileSync(config, configuration(address, directory, providers));
  const child = spawn(binary(), ["serve", "--json", "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
  const log = [];
  child.stderr.on("data", (text) => log.push(text));
  const ended = once(child, "exit");
  const ready = once(createInterface({ input: child.stdout }), "line");
  const first = await Promise.race([ready, ended.then(() => null)]);
  if (first === null) throw new Error(`the service ended:\n${log.join("")}`);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const addClient = (name, ...rules) => {
    const allowed = rules.flatMap((rule) => ["--allow", rule]);
    return JSON.parse(command("clients", "add", name, "--json", ...allowed)).key;
  };
  return { address, addClient, log: () => log.join(""), stop };
}

function configuration(address, directory, providers) {
  const lines = [
    `public_url = "${address}"`,
    `listen = "${new URL(address).host}"`,
    'operator_listen = "127.0.0.1:0"',
    "[database]",
    `url = "sqlite://${join(directory, "standin.db")}"`,
    "[keys]",
    'file = "keys.toml"',
  ];
  for (const provider of providers) {
    // A string or a list of strings in JSON is the same in TOML.
    lines.push("[[provider]]", ...Object.entries(provider).map(([key, value]) => `${key} = ${JSON.stringify(value)}`));
  }
  return `${lines.join("\n")}\n`;
}
