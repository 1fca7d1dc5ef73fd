// What node --test says, one line per test, in the words that run.mjs counts.

/** A reporter of node:test. */
export default async function* report(events) {
  for await (const { type, data } of events) {
    if (data.details?.type === "suite" || !["test:pass", "test:fail"].includes(type)) continue;
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const word = skipped ? "skip" : type === "test:pass" ? "ok" : "FAILED";
    yield `${word.padEnd(6)} ${data.name} (${(data.details.duration_ms / 1000).toFixed(1)} s)\n`;
    if (word === "FAILED") yield explained(data.details.error);
  }
}

function explained(error) {
  const cause = error.cause ?? error;
  const answer = cause.response?.data ? `\nthe answer was ${JSON.stringify(cause.response.data)}` : "";
  return `${`${cause.stack ?? cause}${answer}`.replace(/^/gm, "    ")}\n`;
}
