// The emulator's control API and ledger, and the job's side of Standin: what a story checks against.

async function call(method, url, body, headers = {}) {
  const answer = await fetch(url, {
    method,
    headers: { ...(body && { "content-type": "application/json" }), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : null };
}

/** What a story asks of one demo, past its pages. */
export function oracle({ app, emulator, client_key: key }) {
  const control = (method, path, body) => call(method, `${emulator}/_emulator/${path}`, body);
  const events = async () => (await control("GET", "ledger")).body.events;
  const api = async (path, token) =>
    (await call("GET", `${emulator}${path}`, undefined, { authorization: `Bearer ${token}` })).body;
  const vend = (user, body = {}) =>
    call("POST", `${app}/v1/users/${user}/grants/google/token`, body, {
      authorization: `Bearer ${key}`,
    });
  return {
    events,
    vend,
    of: async (kind) => (await events()).filter((event) => event.kind === kind),
    count: async (kind) => (await events()).filter((event) => event.kind === kind).length,
    advance: (seconds) => control("POST", "clock", { advance_seconds: seconds }),
    autopilot: (autopilot) => control("PUT", "autopilot", autopilot),
    fault: (fault) => control("POST", "faults", [fault]),
    now: async () => (await control("GET", "clock")).body.now,
    /** What is really in the user's calendar and Drive. */
    written: async (user) => {
      const token = (await vend(user)).body.access_token;
      const { items } = await api("/calendar/v3/calendars/primary/events", token);
      const { files } = await api("/drive/v3/files", token);
      return { events: items, files };
    },
  };
}
