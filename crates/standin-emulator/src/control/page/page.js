// The emulator's page: reads the state, waits at the ledger, and calls the control API for its buttons.
// Everything shown is set as text: names and addresses are anybody's.

const MOST_ROWS = 500;

const find = (id) => document.getElementById(id);

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.textContent = text ?? "";
  return made;
}

async function call(method, path, body) {
  const response = await fetch(path, { method, body: body && JSON.stringify(body) });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : {};
  if (!response.ok) throw new Error(answer.detail ?? `the emulator answered ${response.status}`);
  return answer;
}

async function attempt(work, done) {
  try {
    await work();
    find("notice").textContent = done;
    await refresh();
  } catch (error) {
    find("notice").textContent = error.message;
  }
}

function button(text, method, path, body) {
  const made = element("button", text);
  made.addEventListener("click", () => attempt(() => call(method, path, body), `${text}: done.`));
  return made;
}

/** A row: a first line with buttons at its end, then lines in a list. */
function row(title, soft, buttons, lines) {
  const head = element("div", "", { className: "head" });
  const name = element("span", title);
  if (soft) name.append(" ", element("span", soft, { className: "soft" }));
  head.append(name);
  const side = element("span", "", { className: "side" });
  side.append(...buttons);
  head.append(side);
  const whole = element("div");
  whole.append(head);
  if (lines.length > 0) {
    const list = element("ul");
    list.append(...lines);
    whole.append(list);
  }
  return whole;
}

function line(text, className = "") {
  const item = element("li", "", { className });
  item.append(element("code", text));
  return item;
}

function fill(id, rows, nothing) {
  find(id).replaceChildren(...(rows.length > 0 ? rows : [element("div", nothing, { className: "soft" })]));
}

const userRow = (autopilot) => (user) => {
  const flies = autopilot?.user === user.email;
  const buttons = [
    flies
      ? button("Ask again", "DELETE", "autopilot")
      : button("Always allow", "PUT", "autopilot", { user: user.email, decision: "allow" }),
    button("Revoke all", "POST", `users/${encodeURIComponent(user.email)}/revoke`),
  ];
  const note = [user.hd && `Workspace ${user.hd}`, flies && `autopilot: ${autopilot.decision}`];
  return row(user.email, note.filter(Boolean).join(" · "), buttons, [line(user.sub)]);
};

const clientRow = (client) =>
  row(client.name, `${client.kind} · ${client.status} · ${client.project}`, [], [
    line(client.client_id),
    ...client.redirect_uris.map((uri) => line(uri)),
    ...client.javascript_origins.map((origin) => line(`origin ${origin}`)),
  ]);

const grantRow = (grant) =>
  row(grant.user, grant.project, [], [
    ...grant.scopes.map((scope) => line(scope)),
    ...grant.refresh_tokens.map((token) => line(`refresh ${token.token}`, token.dead ? "dead" : "")),
    ...grant.access_tokens.map((token) => line(`access ${token.token}`, token.dead ? "dead" : "")),
  ]);

const faultRow = (fault) => row(fault.fault, `${fault.endpoint} · ${fault.remaining} left`, [], []);

async function refresh() {
  const state = await call("GET", "state");
  find("origin").textContent = state.origin;
  const ahead = state.clock.offset_seconds;
  const now = new Date(state.clock.now * 1000).toISOString().replace(".000", "");
  find("time").textContent = ahead === 0 ? now : `${now} (${ahead} s ahead of the machine)`;
  fill("users", state.users.map(userRow(state.autopilot)), "No accounts.");
  fill("clients", state.clients.map(clientRow), "No clients.");
  fill("grants", state.grants.map(grantRow), "Nobody has allowed anything yet.");
  fill("faults", state.faults.map(faultRow), "None: everything goes as it should.");
}

function eventRow({ seq, at, kind, user, client_id, ...details }) {
  const shown = Object.entries(details).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return name.endsWith("_sha256") ? `${name} ${text.slice(0, 8)}…` : `${name} ${text}`;
  });
  const made = element("tr");
  const time = new Date(at).toISOString().slice(11, 19);
  made.append(element("td", seq), element("td", time), element("td", kind), element("td", user ?? ""));
  const cell = element("td");
  cell.append(element("code", shown.join(" · ")));
  made.append(cell);
  return made;
}

/** The newest first, and only so many: a page that stays open for weeks must not grow for weeks. */
function showEvents(events) {
  const ledger = find("ledger");
  ledger.prepend(...events.slice(-MOST_ROWS).reverse().map(eventRow));
  while (ledger.childElementCount > MOST_ROWS) ledger.lastElementChild.remove();
}

/** Waits for events for ever; a smaller number than before means that somebody has reset everything. */
async function watch() {
  let after = 0;
  for (;;) {
    try {
      const { events, next } = await call("GET", `ledger?after=${after}&wait_seconds=20`);
      if (next < after) {
        after = 0;
        find("ledger").replaceChildren();
        await refresh();
        continue;
      }
      after = next;
      if (events.length > 0) {
        showEvents(events);
        await refresh();
      }
    } catch {
      find("notice").textContent = "The emulator does not answer. Trying again.";
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

for (const control of document.querySelectorAll("[data-call]")) {
  const [method, path] = control.dataset.call.split(" ");
  const body = control.dataset.body && JSON.parse(control.dataset.body);
  control.addEventListener("click", () =>
    attempt(() => call(method, path, body), `${control.textContent}: done.`),
  );
}
await refresh();
watch();
