// google.accounts.id.prompt: One Tap's card, and everything that ends it.

/** The card that is on its way or on the page; there is one at a time. */
let tap = null;

async function prompt(listener) {
  if (!settings) {
    complain("You must call google.accounts.id.initialize() before google.accounts.id.prompt().");
    return;
  }
  tap?.dismiss("flow_restarted");
  const current = new Tap(settings, listener);
  tap = current;
  await current.start();
}

class Tap {
  constructor(config, listener) {
    this.config = config;
    this.moments = tellMoments(listener, Boolean(config.use_fedcm_for_prompt));
    this.closers = [];
    this.over = false;
  }

  async start() {
    const reason = await this.obstacle();
    if (this.over) return;
    if (reason) {
      this.end();
      this.moments.notDisplayed(reason);
      return;
    }
    this.show();
  }

  /** Why there is nothing to show, in the words of the notification. */
  async obstacle() {
    const { config } = this;
    if (!config.client_id) return "missing_client_id";
    if (!window.isSecureContext) return "secure_http_required";
    const status = await this.ask();
    if (!status) return "unknown_reason";
    this.now = status.now;
    if (status.message) complain(status.message);
    if (status.reason) return status.reason;
    return (readMemory().i_p ?? 0) > this.now ? "suppressed_by_user" : undefined;
  }

  async ask() {
    const { client_id, login_hint, hd } = this.config;
    const url = address("/gsi/status", { client_id, login_hint, hd });
    return fetch(url, { credentials: "include" }).then((answer) => answer.json(), () => undefined);
  }

  show() {
    const { config } = this;
    const id = newId();
    const mayGoOn = config.auto_select && (readMemory().i_t ?? 0) <= this.now;
    const url = address("/gsi/iframe/select", {
      ...siteParams(config, id),
      auto_select: Boolean(mayGoOn),
      use_fedcm: Boolean(config.use_fedcm_for_prompt),
    });
    const { box, frame } = cardBox(url, config.prompt_parent_id);
    const receive = (type, content) => this.hear(type, content, frame);
    this.closers.push(() => box.remove());
    this.closers.push(listen({ source: () => frame.contentWindow, id, clientId: config.client_id, receive }));
    if (config.cancel_on_tap_outside !== false) this.watchOutside();
  }

  hear(type, content, frame) {
    if (type === "shown") {
      frame.style.height = `${content.height}px`;
      frame.style.visibility = "visible";
      this.moments.displayed();
    } else if (type === "closed") {
      rememberClosing(this.now, this.config.state_cookie_domain);
      this.skip("user_cancel");
    } else if (type === "skipped") {
      this.skip(content);
    } else if (type === "credential") {
      this.dismiss("credential_returned");
      deliver(this.config, content);
    }
  }

  watchOutside() {
    const leave = () => this.skip("tap_outside");
    document.addEventListener("click", leave);
    this.closers.push(() => document.removeEventListener("click", leave));
  }

  skip(reason) {
    this.end();
    this.moments.skipped(reason);
  }

  dismiss(reason) {
    this.end();
    this.moments.dismissed(reason);
  }

  end() {
    this.over = true;
    this.closers.forEach((close) => close());
    if (tap === this) tap = null;
  }
}

/** The frame in its place: a corner of the page, or the element that the page chose. */
function cardBox(src, parentId) {
  const parent = parentId && document.getElementById(parentId);
  const box = document.createElement("div");
  box.id = "credential_picker_container";
  const corner = "position:fixed;top:20px;right:20px;z-index:9999;width:min(391px, calc(100vw - 40px))";
  box.style.cssText = parent ? "width:min(391px, 100%)" : corner;
  const frame = document.createElement("iframe");
  Object.assign(frame, { src, title: "Sign in with Google Dialog" });
  frame.style.cssText =
    "display:block;width:100%;height:220px;border:0;border-radius:8px;visibility:hidden;" +
    "background:#fff;color-scheme:light;box-shadow:0 1px 3px #3c40434d,0 4px 8px 3px #3c404326";
  box.append(frame);
  (parent || document.body).append(box);
  return { box, frame };
}

const cancel = () => tap?.dismiss("cancel_called");
