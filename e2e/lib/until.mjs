// Waiting for what can only be asked: again and again, until it is so.

import { setTimeout as pause } from "node:timers/promises";

/** Calls `ask` until it gives something true, and gives that back. */
export async function until(what, ask, { within = 15_000 } = {}) {
  const end = performance.now() + within;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await pause(50);
  }
}
