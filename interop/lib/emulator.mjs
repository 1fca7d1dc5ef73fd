// One `standin emulator` per file of tests, on a free port.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { binary } from "../../e2e/lib/demo.mjs";

/** Starts an emulator, with a name for itself or its address: where it is, its client's id and secret, its end. */
export async function startEmulator(name) {
  const args = ["emulator", "--json", "--listen", "127.0.0.1:0"];
  if (name) args.push("--origin", name);
  const child = spawn(binary(), args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const ready = new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve));
  const line = await Promise.race([ready, ended]);
  if (typeof line !== "string") throw new Error(`the emulator ended with ${line}`);
  const { listen, client_id, client_secret } = JSON.parse(line);
  const stop = () => {
    child.kill("SIGTERM");
    return ended;
  };
  return { address: `http://${listen}`, clientId: client_id, clientSecret: client_secret, stop };
}
