// A little application on an origin of its own: pages as a story writes them, and what was sent to it.

import { createServer } from "node:http";

/**
 * Serves `routes`: by path, a page's text or `(request) => ({status, headers, body})`. `host` is the
 * loopback name in its origin. `requests` holds what came by POST: path, headers, body.
 */
export async function startSite(routes, { host = "127.0.0.1" } = {}) {
  const requests = [];
  const server = createServer(async (incoming, outgoing) => {
    const { pathname } = new URL(incoming.url, "http://site");
    const body = await read(incoming);
    if (incoming.method === "POST") requests.push({ path: pathname, headers: incoming.headers, body });
    const route = routes[pathname];
    const answer = typeof route === "function" ? route({ headers: incoming.headers, body }) : { body: route };
    const status = route === undefined ? (pathname === "/favicon.ico" ? 204 : 404) : (answer.status ?? 200);
    outgoing.writeHead(status, { "content-type": "text/html; charset=utf-8", ...answer.headers });
    outgoing.end(answer.body ?? "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://${host}:${server.address().port}`;
  const registerAt = ({ emulator, client_id }) =>
    fetch(`${emulator}/_emulator/clients`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        client_id,
        javascript_origins: [origin],
        redirect_uris: [`${origin}/`, `${origin}/login`, `${origin}/code`],
      }),
    });
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin, requests, registerAt, close };
}

async function read(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A page with the provider's script and, once that is there, a script of its own; `note` collects. */
export function page({ emulator, script = "/gsi/client", head = "", body = "", then = "" }) {
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>A site</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; margin: 24px; } main > * { margin: 12px 0; }</style>
${head}
<script>
window.noted = [];
const note = (what, value) => noted.push({ what, value });
window.onGoogleLibraryLoad = () => { ${then} };
</script>
<script src="${emulator}${script}" async defer></script>
<h1>A site that is not Google’s</h1>
<main>${body}</main>
</html>`;
}

/** Waits until the page has noted something under this name for the `nth` time, and gives it back. */
export async function noted(page, what, nth = 1) {
  const held = await page.waitForFunction(
    ([name, count]) => window.noted?.filter((entry) => entry.what === name)[count - 1] ?? null,
    [what, nth],
  );
  return (await held.jsonValue()).value;
}

/** Everything noted so far, by name. */
export const names = (page) => page.evaluate(() => window.noted.map(({ what }) => what));
