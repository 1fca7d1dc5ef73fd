// Runs every file of tests, or those whose names are given: `node interop/run.mjs openid python`.
//
// Each file has an emulator, a front and a home directory of its own, and sees nothing else of this machine's
// set-up: no proxies, no Google credentials, no certificates but the front's. For clients as they come, in files
// called `unmodified`, the emulator calls itself Google; in the others Google must not be asked for.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { binary } from "../e2e/lib/demo.mjs";
import { startEmulator } from "./lib/emulator.mjs";
import { startFront } from "./lib/front.mjs";
import { HOSTS, ISSUER } from "./lib/google.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const PYTHON = join(HERE, "python", ".venv", "bin", "python");
/** For a whole file; a test that takes longer waits for something that does not come. */
const PATIENCE_MS = 300_000;
const RESULTS = { ok: "passed", FAILED: "failed", skip: "skipped" };

const LANGUAGES = [
  {
    folder: "node",
    tests: /\.test\.mjs$/,
    command: (file) => [process.execPath, "--test-reporter", join(HERE, "lib", "reporter.mjs"), file],
  },
  {
    folder: "python",
    tests: /^test_.*\.py$/,
    command: (file) => [PYTHON, join(HERE, "python", "runner.py"), file],
  },
];

/** Every file of tests, as `folder/name`, with the command that runs it. */
function files(wanted) {
  const all = LANGUAGES.flatMap(({ folder, tests, command }) =>
    readdirSync(join(HERE, folder))
      .filter((name) => tests.test(name))
      .sort()
      .map((name) => ({ name: `${folder}/${name}`, command: command(join(HERE, folder, name)) })),
  );
  return all.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
}

async function runFile({ name, command }, counts) {
  process.stdout.write(`${name}\n`);
  const home = mkdtempSync(join(tmpdir(), "standin-interop-"));
  const isUnmodified = name.includes("unmodified");
  const emulator = await startEmulator(isUnmodified && ISSUER);
  const front = await startFront(emulator.address, isUnmodified ? HOSTS : []);
  const before = { ...counts };
  try {
    const code = await runCommand(command, environment(emulator, front, home), counts);
    if (code !== 0 && counts.failed === before.failed) {
      fail(counts, `${name} ended with ${code} and named no test that failed`);
    } else if (Object.keys(counts).every((result) => counts[result] === before[result])) {
      fail(counts, `${name} ran no test`);
    }
    if (front.refused.length > 0) fail(counts, `${name} asked for what is not Google's: ${front.refused}`);
  } finally {
    front.stop();
    await emulator.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

function fail(counts, reason) {
  process.stdout.write(`FAILED ${reason}\n`);
  counts.failed += 1;
}

function environment(emulator, front, home) {
  const authority = join(home, "authority.pem");
  writeFileSync(authority, front.authority);
  return {
    PATH: process.env.PATH,
    STANDIN_BIN: binary(),
    HOME: home,
    TMPDIR: home,
    EMULATOR: emulator.address,
    CLIENT_ID: emulator.clientId,
    CLIENT_SECRET: emulator.clientSecret,
    HTTPS_PROXY: front.url,
    NO_PROXY: "127.0.0.1,localhost",
    NODE_EXTRA_CA_CERTS: authority,
    REQUESTS_CA_BUNDLE: authority,
    HTTPLIB2_CA_CERTS: authority,
  };
}

async function runCommand([program, ...args], env, counts) {
  const options = { env, stdio: ["ignore", "pipe", "inherit"], timeout: PATIENCE_MS };
  const child = spawn(program, args, options);
  const ended = new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  for await (const line of createInterface({ input: child.stdout })) {
    process.stdout.write(`  ${line}\n`);
    const result = RESULTS[line.split(" ", 1)[0]];
    if (result) counts[result] += 1;
  }
  return ended;
}

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const file of files(process.argv.slice(2))) await runFile(file, counts);
const { passed, failed, skipped } = counts;
process.stdout.write(`interop: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exit(failed > 0 || passed + skipped === 0 ? 1 : 0);
