import assert from "node:assert/strict";
import { ADA } from "../lib/people.mjs";

export const title = "RD-1: whatever return address is asked for, Chromium ends on a page of this site";

const SLASHES = ["/", "\\", "%2f", "%5c", "%252f", "\u2044", "\uff0f", ""];
const NOTHINGS = ["", " ", "\t", "\n", "\r\n", "\0", "\u00a0", "\u2028", "\ufeff", "%09", "%0d%0a", "%00"];
const BEFORE = ["", "/.", "/..", "/a/..", "/%2e", "/a/%2e%2e", "https:", "http:"];
const PLAIN = [
  "https://evil.example",
  "//evil.example",
  "///evil.example",
  "/\\evil.example",
  "\t//evil.example",
  "/\t/evil.example",
  "http://{host}@evil.example/",
  "http://{host}.evil.example/",
  "//evil.example\\@{host}",
  "javascript:document.title='evil'",
  "java\nscript:document.title='evil'",
  "data:text/html,<title>evil</title>",
  "blob:http://{host}/evil",
  "//evil\u3002example",
  "/auth/google/login?return_to=//evil.example",
];

/** Slash, nothing, slash and host; and slashes after what folds away. */
function* corpus(host) {
  yield* PLAIN.map((text) => text.replaceAll("{host}", host));
  for (const first of SLASHES) {
    for (const second of SLASHES) {
      for (const nothing of NOTHINGS) yield `${first}${nothing}${second}evil.example`;
      for (const before of BEFORE) yield `${before}${first}${second}evil.example`;
    }
  }
}

export async function tell(stage) {
  // Without an application, so that nothing but the service answers: most of the pages are not there.
  const service = await stage.service([]);
  const { page, context } = await stage.browser({ ...service, expects: /status of 404/ });
  const left = [];
  context.on("request", (request) => {
    if (!["127.0.0.1", "localhost"].includes(new URL(request.url()).hostname)) left.push(request.url());
  });
  await service.autopilot({ user: ADA, decision: "allow" });
  const all = [...new Set(corpus(new URL(service.app).host))];
  assert.ok(all.length > 900, `${all.length}`);

  // What this very browser makes of them: those that would lead it away are not few.
  await page.goto(`${service.app}/account`);
  const tempting = await page.evaluate((asked) => {
    const leaves = (text) => {
      try {
        return new URL(text, location.href).origin !== location.origin;
      } catch {
        return true;
      }
    };
    return asked.filter(leaves);
  }, all);
  assert.ok(tempting.length > 60, `${tempting.length}`);

  // The plain ones, and of the others every so many: of those that tempt, and of all.
  const some = (list, step) => list.filter((_, index) => index % step === 0);
  const tried = new Set([...all.slice(0, PLAIN.length), ...some(tempting, 3), ...some(all, 90)]);
  for (const asked of tried) {
    await page.goto(`${service.app}/auth/google/login?return_to=${encodeURIComponent(asked)}`);
    const ended = new URL(page.url());
    assert.equal(ended.origin, new URL(service.app).origin, JSON.stringify(asked));
    assert.ok(!tempting.includes(asked) || ended.pathname === "/", `${JSON.stringify(asked)}: ${ended}`);
    assert.notEqual(await page.title(), "evil", JSON.stringify(asked));
  }
  assert.ok(tried.size > 40, `${tried.size}`);
  assert.deepEqual(left, [], "nobody else was asked anything");
}
