/*
 * The local Plaid's Link: defines window.Plaid for the unmodified react-plaid-link, without any network but this server.
 * open() shows the bank picker in a frame; the picker talks back by postMessage, and only it is listened to.
 */
(() => {
  "use strict";
  if (window.Plaid && window.Plaid.isLocalStandIn) return;
  const server = new URL(document.currentScript.src).origin;

  function requestId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 15);
  }

  class Link {
    constructor(config) {
      this.config = config;
      this.sessionId = crypto.randomUUID ? crypto.randomUUID() : requestId();
      this.institution = null;
      this.status = null;
      this.onMessage = this.onMessage.bind(this);
      this.onKey = this.onKey.bind(this);
      this.handler = {
        open: () => this.open(),
        exit: (options, callback) => this.exit(options, callback),
        submit: () => undefined,
        destroy: () => this.destroy(),
      };
      setTimeout(() => config.onLoad && !this.destroyed && config.onLoad(), 0);
    }

    open() {
      if (this.overlay || this.destroyed) return;
      this.returnTo = document.activeElement;
      this.overlay = document.createElement("div");
      this.overlay.id = "plaid-link-overlay";
      this.overlay.style.cssText =
        "position:fixed;inset:0;z-index:2147483000;background:rgba(10,14,18,.55);display:flex;align-items:center;justify-content:center;padding:12px";
      this.frame = document.createElement("iframe");
      this.frame.title = "Link your bank";
      this.frame.id = "plaid-link-iframe";
      this.frame.src = server + "/link/picker" + this.query() + "#" + encodeURIComponent(this.config.token || "");
      this.frame.style.cssText =
        "width:100%;max-width:400px;height:100%;max-height:640px;border:0;border-radius:14px;background:#fff;box-shadow:0 20px 60px rgba(0,0,0,.35)";
      this.overlay.setAttribute("role", "dialog");
      this.overlay.setAttribute("aria-modal", "true");
      this.overlay.setAttribute("aria-label", "Link your bank");
      this.overlay.append(this.frame);
      this.overflow = document.body.style.overflow;
      document.body.style.overflow = "hidden";
      document.body.append(this.overlay);
      window.addEventListener("message", this.onMessage);
      document.addEventListener("keydown", this.onKey, true);
      this.frame.addEventListener("load", () => this.frame && this.frame.focus());
      this.event("OPEN");
    }

    /* Back from an OAuth bank with receivedRedirectUri; or, where there is no room for a pop-up, leave for it. */
    query() {
      const asked = new URLSearchParams();
      const received = this.config.receivedRedirectUri;
      const state = received && new URL(received, location.href).searchParams.get("oauth_state_id");
      if (state) asked.set("oauth_state_id", state);
      if (window.innerWidth < 600) asked.set("redirect", "1");
      return asked.size ? "?" + asked : "";
    }

    exit(options, callback) {
      if (this.overlay) this.finish(null);
      if (callback) callback();
    }

    destroy() {
      this.close();
      this.destroyed = true;
    }

    close() {
      if (!this.overlay) return;
      window.removeEventListener("message", this.onMessage);
      document.removeEventListener("keydown", this.onKey, true);
      this.overlay.remove();
      this.overlay = this.frame = null;
      document.body.style.overflow = this.overflow;
      if (this.returnTo && this.returnTo.focus) this.returnTo.focus();
    }

    onKey(event) {
      if (event.key === "Escape") {
        event.preventDefault();
        this.finish(null);
      } else if (event.key === "Tab" && this.frame) {
        event.preventDefault();
        this.frame.focus();
      }
    }

    onMessage(message) {
      if (!this.frame || message.origin !== server || message.source !== this.frame.contentWindow) return;
      const { kind, data } = message.data || {};
      if (kind === "session") this.sessionId = data.link_session_id;
      if (kind === "event") this.note(data);
      if (kind === "success") this.succeed(data);
      if (kind === "redirect" && new URL(data.url).origin === server) location.assign(data.url);
      if (kind === "exit") this.finish(data.error);
    }

    note(data) {
      if (data.institution) this.institution = data.institution;
      if (data.status) this.status = data.status;
      this.event(data.name, data.metadata);
    }

    succeed(data) {
      this.close();
      this.event("HANDOFF");
      this.config.onSuccess && this.config.onSuccess(data.public_token, data.metadata);
    }

    finish(error) {
      this.close();
      this.event("EXIT", error ? { error_code: error.error_code, error_type: error.error_type, error_message: error.error_message } : {});
      this.config.onExit &&
        this.config.onExit(error, {
          institution: this.institution,
          status: this.status,
          link_session_id: this.sessionId,
          request_id: requestId(),
        });
    }

    event(name, extra) {
      if (!this.config.onEvent) return;
      this.config.onEvent(name, {
        error_code: null,
        error_message: null,
        error_type: null,
        exit_status: this.status,
        institution_id: this.institution ? this.institution.institution_id : null,
        institution_name: this.institution ? this.institution.name : null,
        institution_search_query: null,
        link_session_id: this.sessionId,
        mfa_type: null,
        request_id: requestId(),
        selection: null,
        timestamp: new Date().toISOString(),
        view_name: null,
        ...extra,
      });
    }
  }

  window.Plaid = {
    isLocalStandIn: true,
    create: (config) => new Link(config).handler,
  };
})();
