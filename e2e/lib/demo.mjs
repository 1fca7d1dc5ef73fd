// One `standin demo`, or one `standin emulator`, per story: free ports, a directory of its own, and an end.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "./until.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const READY_MS = 30_000;

/** The binary: `$STANDIN_BIN`, or the debug build, which is made if it is not there. */
export function binary() {
  const path = process.env.STANDIN_BIN ?? join(ROOT, "target", "debug", "standin");
  if (!existsSync(path)) {
    const options = { cwd: ROOT, stdio: "inherit" };
    const built = spawnSync("cargo", ["build", "-p", "standin-server"], options);
    if (built.status !== 0 || !existsSync(path)) throw new Error(`there is no ${path}`);
  }
  return path;
}

/** Starts a demo. With `before`, an earlier one that has stopped, it has that one's data and addresses. */
export async function startDemo({ before } = {}) {
  const directory = before?.directory ?? mkdtempSync(join(tmpdir(), "standin-e2e-"));
  const listen = (url) => (url ? new URL(url).host : "127.0.0.1:0");
  const args = ["demo", "--json", "--data", join(directory, "demo")];
  args.push("--listen", listen(before?.app), "--emulator-listen", listen(before?.emulator));
  args.push("--operator-listen", listen(before?.operator));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    return { ...(await launch(args)), remove, directory };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Starts the provider alone, for pages of a story's own. */
export const startEmulator = () => launch(["emulator", "--json", "--listen", "127.0.0.1:0"]);

/**
 * Starts the provider for browsers at `localhost`, and the service at `127.0.0.1`: two sites, though one machine.
 * `lines` are keys of the provider in the service's configuration.
 */
export async function startService(lines) {
  const directory = mkdtempSync(join(tmpdir(), "standin-e2e-"));
  const [port, provider] = [await freePort(), await freePort()];
  const app = `http://127.0.0.1:${port}`;
  const run = (args) => spawnSync(binary(), args, { encoding: "utf8" });
  const made = run(["init", "--dir", join(directory, "standin"), "--public-url", app]);
  const config = join(directory, "standin", "standin.toml");
  const removed = () => rmSync(directory, { recursive: true, force: true });
  let emulator;
  try {
    if (made.status !== 0) throw new Error(made.stderr);
    const args = ["emulator", "--json", "--listen", `127.0.0.1:${provider}`];
    emulator = await launch([...args, "--browser-origin", `http://localhost:${provider}`]);
    const { client_id, client_secret } = emulator;
    await fetch(`${emulator.emulator}/_emulator/clients`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ client_id, redirect_uris: [`${app}/auth/google/callback`] }),
    });
    const ours = [`issuer = "${emulator.emulator}"`, `client_id = "${client_id}"`, `client_secret = "${client_secret}"`];
    // What `init` wrote for a key that is told here is not said twice.
    const told = lines.map((line) => line.split(" = ")[0]);
    const text = told
      .reduce((text, key) => text.replace(new RegExp(`^${key} = .*\n`, "m"), ""), readFileSync(config, "utf8"))
      .replace(/^listen = .*/m, `listen = "127.0.0.1:${port}"`)
      .replace(/^operator_listen = .*/m, 'operator_listen = "127.0.0.1:0"')
      .replace(/^client_secret_json = .*/m, [...ours, ...lines].join("\n"));
    writeFileSync(config, text);
    const service = await launch(["serve", "--json", "--config", config]);
    const stop = async () => {
      await service.stop();
      await emulator.stop();
    };
    return { ...service, app, emulator: emulator.emulator, client_id, config, remove: removed, stop };
  } catch (error) {
    await emulator?.stop();
    removed();
    throw error;
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Runs a command of the binary to its end, and gives back the JSON that it printed. */
export function command(args) {
  const { status, stdout, stderr } = spawnSync(binary(), args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`standin ${args.join(" ")} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

/**
 * Starts a command that says what a person must do, and ends when they have done it: what it says first, what it
 * says in the end, what it has complained, and a way to answer it.
 */
export async function ask(args) {
  const child = spawn(binary(), args, { stdio: ["pipe", "pipe", "pipe"] });
  const lines = [];
  const complaints = [];
  child.stderr.on("data", (text) => complaints.push(text));
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  const ended = new Promise((resolve) => child.on("close", (code) => resolve({ code, said: lines.at(-1) })));
  const complained = () => complaints.join("");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  await until("it says what to do", () => lines.length > 0 || child.exitCode !== null);
  if (lines.length === 0) throw new Error(`standin ${args.join(" ")} ended: ${complained()}`);
  return { first: lines[0], ended, complained, stop, answer: (text) => child.stdin.end(text) };
}

/** Starts the binary, waits for its ready line, and gives back what that says and how to stop it. */
async function launch(args) {
  const child = spawn(binary(), args, { stdio: ["ignore", "pipe", "pipe"] });
  const log = [];
  child.stderr.on("data", (text) => log.push(text));
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve({ code, signal })));
  const stop = async () => {
    child.kill("SIGTERM");
    const stubborn = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const end = await ended;
    clearTimeout(stubborn);
    return end;
  };
  try {
    const addresses = JSON.parse(await readyLine(child, ended));
    return { ...addresses, log: () => log.join(""), stop };
  } catch (error) {
    await stop();
    throw new Error(`standin ${args[0]} did not start: ${error.message}\n${log.join("")}`);
  }
}

function readyLine(child, ended) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no ready line")), READY_MS);
    createInterface({ input: child.stdout }).once("line", (line) => {
      clearTimeout(late);
      resolve(line);
    });
    ended.then(({ code }) => reject(new Error(`it ended with ${code}`)));
  });
}
