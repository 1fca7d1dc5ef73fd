// A browser for pages without scripts: it keeps cookies, follows redirects and sends forms.

import assert from "node:assert/strict";

const MAX_HOPS = 20;

/** One browser: what it holds is shared by nothing. */
export class Browser {
  #cookies = [];

  /** Asks for one address, and follows nothing. */
  async send(url, { headers, ...options } = {}) {
    const cookie = this.#for(new URL(url));
    const response = await fetch(url, {
      redirect: "manual",
      ...options,
      headers: { ...(cookie && { cookie }), ...headers },
    });
    for (const line of response.headers.getSetCookie()) this.#keep(new URL(url), line);
    return response;
  }

  /** Goes to an address, and on from there to the first page: where that is, and what stands on it. */
  async visit(url, options) {
    let here = String(url);
    let response = await this.send(here, options);
    for (let hops = 0; hops < MAX_HOPS; hops += 1) {
      const location = response.headers.get("location");
      if (location === null) return { url: new URL(here), status: response.status, text: await response.text() };
      here = new URL(location, here).href;
      response = await this.send(here);
    }
    throw new Error(`no end of redirects at ${here}`);
  }

  /** Sends the form of a page, with these fields filled in, and goes on to the next page. */
  async submit({ url, text }, fields = {}) {
    const action = text.match(/<form[^>]* action="([^"]+)"/)?.[1];
    assert.ok(action, `there is no form on ${url}:\n${text}`);
    const hidden = text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
    const given = [...hidden].map(([, name, value]) => [name, unescaped(value)]);
    const body = new URLSearchParams([...given, ...Object.entries(fields)]);
    return this.visit(new URL(unescaped(action), url), { method: "POST", body, headers: { origin: url.origin } });
  }

  #for({ origin, pathname }) {
    const suits = (cookie) => cookie.origin === origin && pathname.startsWith(cookie.path);
    return this.#cookies.filter(suits).map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  #keep({ origin }, line) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const [, name, value] = pair.match(/^([^=]+)=(.*)$/s);
    const attribute = (wanted) => attributes.find((text) => text.toLowerCase().startsWith(wanted))?.slice(wanted.length);
    const path = attribute("path=") ?? "/";
    const isSame = (other) => other.origin === origin && other.path === path && other.name === name;
    this.#cookies = this.#cookies.filter((other) => !isSame(other));
    const expires = attribute("expires=");
    const isGone = attribute("max-age=") === "0" || (expires && new Date(expires) <= new Date());
    if (!isGone) this.#cookies.push({ origin, path, name, value });
  }
}

function unescaped(text) {
  const named = { amp: "&", quot: '"', lt: "<", gt: ">" };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code, name) =>
    code ? String.fromCodePoint(Number(code)) : (named[name] ?? whole),
  );
}
