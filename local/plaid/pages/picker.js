/* The bank picker: choose a bank, sign in, see the accounts, connect. Talks to the page that framed it, nobody else. */
(() => {
  "use strict";
  const token = decodeURIComponent(location.hash.slice(1));
  const main = document.querySelector("main");
  let session = null;
  let bank = null;

  function tell(kind, data) {
    window.parent.postMessage({ kind, data }, "*");
  }

  function event(name, extra) {
    tell("event", { name, ...extra });
  }

  async function ask(step, body) {
    const response = await fetch("/_local/link/" + step, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ link_token: token, ...body }),
    });
    const answer = await response.json();
    if (!response.ok) throw answer;
    return answer;
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
    button.dataset.institution = one.id;
    button.addEventListener("click", () => choose(one));
    return button;
  }

  function choose(one) {
    bank = one;
    event("SELECT_INSTITUTION", { institution: { institution_id: bank.id, name: bank.name } });
    signIn();
  }

  function signIn() {
    event("TRANSITION_VIEW", { status: "requires_credentials", metadata: { view_name: "CREDENTIAL" } });
    const username = element("input", { id: "username", name: "username", value: session.username || "user_good", autocomplete: "off", required: true });
    const password = element("textarea", { id: "password", name: "password", value: "pass_good", autocomplete: "off", spellcheck: false, rows: 1 });
    password.style.minHeight = "0";
    const wrong = element("p", { className: "wrong", role: "alert" });
    const button = element("button", { className: "main", type: "submit", textContent: "Sign in" });
    const hint = "user_good / pass_good · user_transactions_dynamic / anything · user_custom / a JSON configuration";
    const form = element(
      "form",
      {},
      element("label", { htmlFor: "username", textContent: "User name" }),
      username,
      element("label", { htmlFor: "password", textContent: "Password" }),
      password,
      element("p", { className: "quiet", textContent: hint }),
      wrong,
      element("div", { className: "row" }, ...(session.mode === "update" ? [] : [back()]), button),
    );
    form.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      attempt(button, wrong, async () => {
        const given = { institution_id: bank.id, username: username.value.trim(), password: password.value };
        const answer = await ask("preview", given);
        accounts(given, answer);
      });
    });
    show(session.mode === "update" ? `Sign in to ${bank.name} again` : `Sign in to ${bank.name}`, form);
  }

  function back() {
    const button = element("button", { type: "button", textContent: "Other bank" });
    button.addEventListener("click", banks);
    return button;
  }

  function accounts(given, answer) {
    event("TRANSITION_VIEW", { status: "requires_account_selection", metadata: { view_name: "SELECT_ACCOUNT" } });
    const list = element("ul", { id: "accounts" });
    for (const account of answer.accounts) {
      const mask = account.mask ? "•• " + account.mask : "";
      const name = element("span", { textContent: account.name });
      list.append(element("li", { className: "account" }, name, element("span", { className: "quiet", textContent: `${account.subtype || account.type} ${mask}` })));
    }
    const wrong = element("p", { className: "wrong", role: "alert" });
    const connect = element("button", { className: "main", type: "button", id: "connect", textContent: "Connect" });
    connect.addEventListener("click", () =>
      attempt(connect, wrong, async () => {
        const done = await ask("connect", given);
        tell("success", done);
      }),
    );
    show(`Your accounts at ${bank.name}`, list, wrong, element("div", { className: "row" }, connect));
    connect.focus();
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
    tell("exit", { error });
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
    if (pressed.key === "Escape") leave(null);
  });

  ask("session", {}).then(
    (answer) => {
      session = answer;
      tell("session", { link_session_id: session.link_session_id });
      if (session.mode === "update") choose(session.institutions[0]);
      else banks();
    },
    (problem) => {
      const error = shortError(problem);
      event("ERROR", { metadata: { error_code: error.error_code, error_type: error.error_type, error_message: error.error_message } });
      const close = element("button", { className: "main", type: "button", textContent: "Close" });
      close.addEventListener("click", () => leave(error));
      show("This link has expired", element("p", { textContent: error.error_message }), close);
    },
  );
})();
