// One `standin demo`, or one `standin emulator`, per story: free ports, a directory of its own, and an end.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

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
