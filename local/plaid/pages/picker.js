/* The bank picker: choose a bank, sign in, choose accounts, connect. In a frame it talks to the page that framed it and to
   nobody else; as Hosted Link (/hl/<id>) it is a page of its own. OAuth banks are left to their own page and come back. */
(() => {
  "use strict";
  const query = new URLSearchParams(location.search);
  const hosted = location.pathname.startsWith("/hl/") ? location.pathname.slice(4) : null;
  const main = document.querySelector("main");
  let token = decodeURIComponent(location.hash.slice(1));
  let doneUrl = null;
  let session = null;
  let bank = null;
  let status = null;

  async function post(path, body, extra) {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...extra };
    const response = await fetch("/_local/" + path, init);
    const answer = await response.json();
    if (!response.ok) throw answer;
    return answer;
  }

  const ask = (step, body) => post("link/" + step, { link_token: token, ...body });

  function tell(kind, data) {
    if (!hosted) window.parent.postMessage({ kind, data }, "*");
  }

  function event(name, extra) {
    const metadata = { ...(extra && extra.metadata) };
    if (bank) Object.assign(metadata, { institution_id: bank.id, institution_name: bank.name });
    status = (extra && extra.status) || status;
    tell("event", { name, ...extra });
    post("link/event", { link_token: token, name, metadata }).catch(() => undefined);
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function show(title, ...children) {
    const heading = element("h1", { tabIndex: -1, textContent: title });
    main.replaceChildren(heading, ...children);
    const first = main.querySelector("input, button");
    (first || heading).focus();
  }

  function shortError(problem) {
    const { error_type, error_code, error_message, display_message } = problem;
    return {
      error_type: error_type || "API_ERROR",
      error_code: error_code || "INTERNAL_SERVER_ERROR",
      error_message: error_message || String(problem),
      display_message: display_message || null,
    };
  }

  function banks() {
    event("TRANSITION_VIEW", { status: "requires_credentials", metadata: { view_name: "SELECT_INSTITUTION" } });
    const list = element("ul", {});
    const search = element("input", { id: "search", type: "search", placeholder: "Search banks", autocomplete: "off" });
    search.setAttribute("aria-label", "Search banks");
    const fill = () => {
      const wanted = search.value.trim().toLowerCase();
      const found = session.institutions.filter((one) => one.name.toLowerCase().includes(wanted));
      list.replaceChildren(...found.map((one) => element("li", {}, bankButton(one))));
      if (!found.length) list.append(element("li", { className: "quiet", textContent: "No bank of that name." }));
    };
    search.addEventListener("input", fill);
    fill();
    show("Choose your bank", element("p", { className: "quiet", textContent: `${session.client_name} wants to see your transactions.` }), search, list);
  }

  function bankButton(one) {
    const badge = element("span", { className: "badge" });
    badge.style.background = one.color;
    badge.setAttribute("aria-hidden", "true");
    const button = element("button", { type: "button", className: "bank" }, badge, element("span", { textContent: one.name }));
    if (one.oauth) button.append(element("span", { className: "tag", textContent: "bank's own page" }));
    button.dataset.institution = one.id;
    button.addEventListener("click", () => choose(one));
    return button;
  }

  function choose(one) {
    bank = one;
    event("SELECT_INSTITUTION", { institution: { institution_id: bank.id, name: bank.name } });
    if (bank.oauth) leaveForBank();
    else signIn();
  }

  function signIn() {
    event("TRANSITION_VIEW", { status: "requires_credentials", metadata: { view_name: "CREDENTIAL" } });
    const username = element("input", { id: "username", name: "username", value: session.username || "user_good", autocomplete: "off", required: true });
    const password = element("textarea", { id: "password", name: "password", value: "pass_good", autocomplete: "off", spellcheck: false, rows: 1 });
    password.style.minHeight = "0";
    const wrong = element("p", { className: "wrong", role: "alert" });
    const button = element("button", { className: "main", type: "submit", textContent: "Sign in" });
    const hint = "user_good / pass_good · user_transactions_dynamic, user_yuppie, user_ewa_user, user_small_business / anything · user_custom / a JSON configuration · user_thousands / how many";
    const form = element(
      "form",
      {},
      element("label", { htmlFor: "username", textContent: "User name" }),
      username,
      element("label", { htmlFor: "password", textContent: "Password" }),
      password,
      element("p", { className: "quiet", textContent: hint }),
      wrong,
      element("div", { className: "row" }, ...back(), button),
    );
    form.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      attempt(button, wrong, async () => {
        const given = { institution_id: bank.id, username: username.value.trim(), password: password.value };
        accounts(given, await ask("preview", given));
      });
    });
    show(session.mode === "update" ? `Sign in to ${bank.name} again` : `Sign in to ${bank.name}`, form);
  }

  function back() {
    if (session.mode === "update") return [];
    const button = element("button", { type: "button", textContent: "Other bank" });
    button.addEventListener("click", banks);
    return [button];
  }

  /* OAuth: in a pop-up, or by leaving this page when it is too narrow for one and there is an address to come back to. */
  function leaveForBank(problem) {
    event("TRANSITION_VIEW", { status: "requires_oauth", metadata: { view_name: "OAUTH" } });
    const wrong = element("p", { className: "wrong", role: "alert", textContent: problem || "" });
    const button = element("button", { className: "main", type: "button", textContent: `Continue to ${bank.name}` });
    button.addEventListener("click", () => {
      const leaves = hosted || query.get("redirect");
      const popup = leaves ? null : window.open("about:blank", "_blank", "popup,width=480,height=720");
      attempt(button, wrong, async () => {
        const returns = hosted ? { return_to: location.origin + location.pathname } : {};
        const started = await post("oauth/start", { link_token: token, institution_id: bank.id, ...returns });
        event("OPEN_OAUTH");
        if (leaves && started.can_redirect) return goTo(location.origin + started.url);
        if (popup) popup.location.href = started.url + "&popup=1";
        else wrong.replaceChildren(element("a", { href: started.url + "&popup=1", target: "_blank", textContent: `Open ${bank.name}` }));
        await comeBack(started.oauth_state_id, popup);
      });
    });
    const text = `${bank.name} signs you in on its own page. You come back here afterwards.`;
    show(`Continue to ${bank.name}`, element("p", { textContent: text }), wrong, element("div", { className: "row" }, ...back(), button));
    button.focus();
  }

  function goTo(url) {
    if (hosted) location.href = url;
    else tell("redirect", { url });
  }

  async function comeBack(state, popup) {
    for (;;) {
      const { status: found } = await post("oauth/state", { oauth_state_id: state });
      if (found !== "pending") {
        event("CLOSE_OAUTH");
        return found === "granted" ? resume(state) : leaveForBank("You did not give your consent at the bank.");
      }
      if (popup && popup.closed) return leaveForBank("The bank's page was closed before you were done.");
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  async function resume(state) {
    const given = { oauth_state_id: state };
    accounts(given, await ask("preview", given));
  }

  async function returned(state) {
    const found = await post("oauth/state", { oauth_state_id: state });
    bank = session.institutions.find((one) => one.id === found.institution_id) || session.institutions[0];
    event("SELECT_INSTITUTION", { institution: { institution_id: bank.id, name: bank.name } });
    if (found.status === "granted") await resume(state);
    else leaveForBank("You did not give your consent at the bank.");
  }

  function accounts(given, answer) {
    event("TRANSITION_VIEW", { status: "requires_account_selection", metadata: { view_name: "SELECT_ACCOUNT" } });
    const list = element("ul", { id: "accounts" });
    const boxes = answer.accounts.map((account, number) => {
      const box = element("input", { type: "checkbox", id: `account-${number}`, checked: account.selected, value: account.key });
      const label = element("label", { htmlFor: box.id, textContent: account.name });
      const mask = account.mask ? "•• " + account.mask : "";
      const kind = element("span", { className: "quiet", textContent: `${account.subtype || account.type} ${mask}` });
      list.append(element("li", { className: "account" }, ...(session.selects_accounts ? [box] : []), label, kind));
      return box;
    });
    const wrong = element("p", { className: "wrong", role: "alert" });
    const connect = element("button", { className: "main", type: "button", id: "connect", textContent: "Connect" });
    connect.addEventListener("click", () =>
      attempt(connect, wrong, async () => {
        const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
        const all = chosen.length === boxes.length && session.mode === "link";
        if (!chosen.length) throw { error_message: "Choose at least one account.", error_code: "NO_ACCOUNTS", error_type: "ITEM_ERROR" };
        finish(await ask("connect", session.selects_accounts && !all ? { ...given, accounts: chosen } : given));
      }),
    );
    show(`Your accounts at ${bank.name}`, list, wrong, element("div", { className: "row" }, connect));
    connect.focus();
  }

  function finish(done) {
    tell("success", done);
    if (!hosted) return;
    if (doneUrl) location.href = doneUrl;
    else end("Your bank is connected", "You can close this page now.");
  }

  function end(title, text) {
    document.querySelector("footer .row").remove();
    show(title, element("p", { textContent: text }));
  }

  async function attempt(button, wrong, work) {
    button.disabled = true;
    wrong.textContent = "";
    try {
      await work();
    } catch (problem) {
      const error = shortError(problem);
      wrong.textContent = error.display_message && error.error_code !== "INVALID_CREDENTIALS" ? error.display_message : sentence(error);
      event("ERROR", { metadata: { error_code: error.error_code, error_type: error.error_type, error_message: error.error_message } });
    } finally {
      button.disabled = false;
    }
  }

  function sentence(error) {
    const detail = error.error_message.startsWith("user_custom:") ? error.error_message : error.display_message;
    return detail || error.error_message;
  }

  function leave(error) {
    const body = { link_token: token, status, ...(error ? { error_code: error.error_code } : {}) };
    post("link/exit", body, { keepalive: true }).catch(() => undefined);
    tell("exit", { error });
    if (hosted) end("You left without connecting a bank", "You can close this page now.");
  }

  document.getElementById("exit").addEventListener("click", () => leave(null));
  document.getElementById("simulate").addEventListener("click", () =>
    leave({
      error_type: "INSTITUTION_ERROR",
      error_code: "INSTITUTION_NOT_RESPONDING",
      error_message: "this institution is not currently responding to this request. please try again soon",
      display_message: "This bank is not answering right now. Please try again later.",
    }),
  );
  document.addEventListener("keydown", (pressed) => {
    if (pressed.key === "Escape" && !hosted) leave(null);
  });

  async function begin() {
    if (hosted) {
      document.body.classList.add("hosted");
      const found = await post("link/hosted", { id: hosted });
      token = found.link_token;
      doneUrl = found.completion_redirect_uri;
    }
    session = await ask("session", {});
    tell("session", { link_session_id: session.link_session_id });
    if (hosted) event("OPEN");
    if (query.get("oauth_state_id")) await returned(query.get("oauth_state_id"));
    else if (session.mode === "update") choose(session.institutions[0]);
    else banks();
  }

  begin().catch((problem) => {
    const error = shortError(problem);
    tell("event", { name: "ERROR", metadata: { error_code: error.error_code, error_type: error.error_type, error_message: error.error_message } });
    if (hosted) return end("This link has expired", error.error_message);
    const close = element("button", { className: "main", type: "button", textContent: "Close" });
    close.addEventListener("click", () => tell("exit", { error }));
    show("This link has expired", element("p", { textContent: error.error_message }), close);
  });
})();
