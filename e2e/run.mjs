// Tells every story, or those whose file names are given: `node e2e/run.mjs 4 popup`.
//
// Each story has a demo and browsers of its own. Screenshots go to e2e/screenshots.

import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBrowser } from "./lib/browser.mjs";
import { ask, binary, startDemo, startEmulator, startService } from "./lib/demo.mjs";
import { oracle } from "./lib/emulator.mjs";
import { startSite } from "./lib/site.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const SCREENSHOTS = join(HERE, "screenshots");

const STORY_MS = 180_000;

/** What a story is told with; everything it opens is closed when it ends, however it ends. */
class Stage {
  #servers = [];
  #browsers = [];

  constructor(name) {
    this.name = name;
  }

  async demo(options) {
    const demo = await startDemo(options);
    let stopped = null;
    const stop = () => (stopped ??= demo.stop());
    this.#servers.push(async () => {
      await stop();
      demo.remove();
    });
    return { ...demo, ...oracle(demo), stop };
  }

  /** The provider without an application. */
  async emulator() {
    const emulator = await startEmulator();
    this.#servers.push(emulator.stop);
    return { ...emulator, ...oracle(emulator) };
  }

  /** The service as it is configured with these lines of its provider, which browsers reach on another site. */
  async service(lines) {
    const service = await startService(lines);
    this.#servers.push(async () => {
      await service.stop();
      service.remove();
    });
    return { ...service, ...oracle(service) };
  }

  /** A command at a terminal that waits for somebody. */
  async ask(args) {
    const asked = await ask(args);
    this.#servers.push(asked.stop);
    return asked;
  }

  /** An application of the story's own on an origin of its own, which the provider's client knows. */
  async site(emulator, routes, options) {
    const site = await startSite(routes, options);
    this.#servers.push(site.close);
    if (options?.registered !== false) await site.registerAt(emulator);
    return site;
  }

  async browser(options) {
    const browser = await openBrowser(options);
    let closed = null;
    const close = () => (closed ??= browser.close());
    this.#browsers.push({ ...browser, close });
    return { ...browser, close };
  }

  async screenshot(page, name) {
    const path = join(SCREENSHOTS, `${this.name}-${name}.png`);
    await page.screenshot({ path, fullPage: true });
  }

  /** Closes all; what the watch over the pages has found fails the story. */
  async end() {
    for (const close of this.#closers()) await close();
    const findings = this.#browsers.flatMap((browser) => browser.findings);
    if (findings.length > 0) throw new Error(`on the pages:\n${[...new Set(findings)].join("\n")}`);
  }

  async abandon() {
    for (const close of this.#closers()) await close().catch(() => {});
  }

  /** Browsers first: a page that is left without its server complains. */
  #closers() {
    return [...this.#browsers.map(({ close }) => close), ...this.#servers];
  }
}

/** A story that waits for ever has failed, too. */
async function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the story did not end in time")), STORY_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function tell(name, story) {
  const stage = new Stage(name);
  const begun = performance.now();
  const say = (result) => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    process.stdout.write(`${result.padEnd(6)} ${name}: ${story.title} (${seconds} s)\n`);
  };
  if (story.skip?.()) {
    process.stdout.write(`skip   ${name}: ${story.skip()}\n`);
    return "skipped";
  }
  try {
    await inTime(story.tell(stage).then(() => stage.end()));
    say("ok");
    return "passed";
  } catch (error) {
    await stage.abandon();
    say("FAILED");
    process.stdout.write(`${error.stack}\n`.replace(/^/gm, "    "));
    return "failed";
  }
}

binary();
mkdirSync(SCREENSHOTS, { recursive: true });
const wanted = process.argv.slice(2);
const files = readdirSync(join(HERE, "stories"))
  .filter((file) => file.endsWith(".mjs"))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const file of files) {
  const story = await import(join(HERE, "stories", file));
  counts[await tell(file.replace(/\.mjs$/, ""), story)] += 1;
}
const { passed, failed, skipped } = counts;
process.stdout.write(`e2e: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exit(failed > 0 || passed + skipped === 0 ? 1 : 0);
