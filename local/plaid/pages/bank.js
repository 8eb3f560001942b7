/* Acting as the bank: everything goes through the admin API below /_local. Money stays text: nothing here rounds. */
(() => {
  "use strict";
  const list = document.getElementById("items");
  const wrong = document.getElementById("wrong");
  const status = document.getElementById("status");
  const SHOWN = 12;
  const FIRED = [
    "SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE", "LOGIN_REPAIRED", "NEW_ACCOUNTS_AVAILABLE", "PENDING_DISCONNECT",
    "USER_PERMISSION_REVOKED", "USER_ACCOUNT_REVOKED", "RECURRING_TRANSACTIONS_UPDATE",
  ];
  const ERRORS = ["ITEM_LOGIN_REQUIRED", "ITEM_LOCKED", "NO_ACCOUNTS", "INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING"];
  const MONEY = /"(amount|available|current|limit)":(-?\d[\d.eE+-]*)/g;

  function element(tag, properties, ...children) {
    const { label, ...own } = properties || {};
    const made = Object.assign(document.createElement(tag), own);
    if (label) made.setAttribute("aria-label", label);
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  async function call(path, body) {
    const init = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
    const response = await fetch("/_local/" + path, init);
    const answer = JSON.parse((await response.text()).replace(MONEY, '"$1":"$2"'));
    if (!response.ok) throw new Error(answer.display_message || answer.error_message);
    return answer;
  }

  async function act(done, path, body) {
    wrong.textContent = status.textContent = "";
    const from = document.activeElement && document.activeElement.dataset.key;
    try {
      await call(path, body);
      await draw();
      status.textContent = done;
    } catch (problem) {
      wrong.textContent = problem.message;
    }
    const again = from && document.querySelector(`[data-key="${CSS.escape(from)}"]`);
    if (again) again.focus();
  }

  function button(label, key, run, className = "") {
    const made = element("button", { type: "button", textContent: label, className });
    made.dataset.key = `${key} ${label}`;
    made.addEventListener("click", run);
    return made;
  }

  function field(label, properties) {
    return element("input", { label, autocomplete: "off", ...properties });
  }

  function choice(label, values, properties) {
    const options = values.map((one) => element("option", Array.isArray(one) ? { value: one[0], textContent: one[1] } : { value: one, textContent: one }));
    return element("select", { label, ...properties }, ...options);
  }

  /* Exact digits, grouped, with at least the decimals that the currency has. */
  function money(text, currency) {
    if (text === null || text === undefined) return "";
    let least = 2;
    try {
      least = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
    } catch {
      least = 0;
    }
    const [, sign, whole, part = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(text)) || [];
    if (whole === undefined) return `${text} ${currency}`;
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    const decimals = part.replace(/0+$/, "").padEnd(least, "0");
    return `${sign}${grouped}${decimals ? "." + decimals : ""} ${currency}`;
  }

  const currencyOf = (one) => one.iso_currency_code || one.unofficial_currency_code || "";

  function purchaseForm(item) {
    const open = item.accounts.filter((one) => one.state === "open");
    const description = field("Description", { placeholder: "What (any merchant)" });
    const amount = field("Amount", { placeholder: "Amount", inputMode: "decimal" });
    const account = choice("Account", open.map((one) => [one.account_id, `${one.name} ${one.mask || ""}`]));
    const body = (sign, pending) => {
      const asked = { item_id: item.item_id, account: account.value, pending };
      const typed = amount.value.trim();
      if (description.value.trim()) asked.description = description.value.trim();
      if (typed) asked.amount = sign === -1 ? "-" + typed.replace(/^-/, "") : typed;
      if (sign === -1 && !asked.amount) asked.amount = "-20.00";
      return asked;
    };
    const buy = element("button", { className: "main", type: "submit", textContent: "Buy" });
    buy.dataset.key = `${item.item_id} Buy`;
    const form = element(
      "form",
      { className: "row buy" },
      description,
      amount,
      account,
      buy,
      button("Buy, pending", item.item_id, () => act("Bought, not posted yet.", "purchases", body(1, true))),
      button("Refund", item.item_id, () => act("Refunded.", "purchases", body(-1, false))),
    );
    form.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      act("Bought.", "purchases", body(1, false));
    });
    return form;
  }

  function transactionRow(one) {
    const id = one.transaction_id;
    const change = field(`New amount of ${one.name}`, { value: one.amount, inputMode: "decimal", size: 8 });
    const tools = element(
      "div",
      { className: "row" },
      one.pending ? button("Post", id, () => act("Posted.", "post", { transaction_id: id, amount: change.value.trim() })) : null,
      change,
      button("Change", id, () => act("Changed.", "modify", { transaction_id: id, amount: change.value.trim() })),
      button("Remove", id, () => act("Removed.", "remove", { transaction_ids: [id] })),
    );
    return element(
      "tr",
      {},
      element("td", { className: "day", textContent: one.authorized_date || one.date }),
      element("td", { textContent: one.name }),
      element("td", {}, ...(one.pending ? [element("span", { className: "tag", textContent: "pending" })] : [])),
      element("td", { className: "quiet category", textContent: one.personal_finance_category ? one.personal_finance_category.detailed : "no category" }),
      element("td", { className: "amount" + (String(one.amount).startsWith("-") ? " in" : ""), textContent: money(one.amount, currencyOf(one)) }),
      element("td", {}, tools),
    );
  }

  function accountRow(item, one) {
    const named = { item_id: item.item_id, account: one.account_id };
    const tools = one.state !== "open" ? [] : [
      button("Close", one.account_id, () => act("Closed.", "accounts/close", named)),
      button("Revoke", one.account_id, () => act("Revoked.", "accounts/revoke", named)),
      button("New id", one.account_id, () => act("The account has a new id.", "accounts/churn", named)),
    ];
    return element(
      "tr",
      {},
      element("td", { textContent: `${one.name} ${one.mask ? "•• " + one.mask : ""}` }),
      element("td", { className: "quiet", textContent: one.subtype || one.type }),
      element("td", {}, element("span", { className: "tag " + one.state, textContent: one.state })),
      element("td", { className: "amount", textContent: money(one.balances.current, currencyOf(one.balances)) }),
      element("td", {}, element("div", { className: "row" }, ...tools)),
    );
  }

  function table(names, rows) {
    const kinds = { Amount: "number", Balance: "number", Category: "category" };
    const head = names.map((name) => element("th", { scope: "col", textContent: name, className: kinds[name] || "" }));
    const body = element("tbody", {}, ...rows);
    return element("div", { className: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), body));
  }

  function loginTools(item) {
    const where = { item_id: item.item_id };
    const code = choice("Error", ERRORS);
    const hook = choice("Webhook", FIRED);
    return element(
      "div",
      { className: "row tools" },
      item.error
        ? button("Repair the login", item.item_id, () => act("The login works again.", "repair", where))
        : button("Break the login", item.item_id, () => act("The login is broken.", "break", { ...where, error_code: code.value })),
      ...(item.error ? [] : [code]),
      button("Revoke permission", item.item_id, () => act("Permission revoked.", "break", { ...where, error_code: "USER_PERMISSION_REVOKED" })),
      button("Disconnect in a week", item.item_id, () => act("Announced.", "disconnect", where)),
      button("Offer a new account", item.item_id, () => act("The bank offers a new account.", "accounts/new", { ...where, name: "Holiday Savings", subtype: "savings" })),
      button("Fire", item.item_id, () => act("Fired.", "fire", { ...where, webhook_code: hook.value })),
      hook,
    );
  }

  async function itemCard(item) {
    const { transactions } = await call("transactions?item_id=" + item.item_id);
    const day = (one) => one.authorized_date || one.date || "";
    const newest = transactions.reverse().sort((a, b) => (day(a) < day(b) ? 1 : day(a) > day(b) ? -1 : 0)).slice(0, SHOWN);
    const facts = `user ${item.user || "(none)"} · ${item.transactions} transactions, ${item.pending} pending, ${item.held} held back`;
    const health = element("span", { className: "tag " + (item.error ? "bad" : "good"), textContent: item.error || item.readiness });
    const title = element("h2", { textContent: `${item.institution_name} · ${item.username}` });
    const card = element(
      "section",
      { className: "card item" },
      element("div", { className: "row head" }, title, health),
      element("p", { className: "quiet", textContent: facts }),
      purchaseForm(item),
      newest.length ? table(["Day", "What", "", "Category", "Amount", ""], newest.map(transactionRow)) : element("p", { className: "quiet", textContent: "No transactions yet." }),
      element("h3", { textContent: "Accounts" }),
      table(["Account", "Kind", "State", "Balance", ""], item.accounts.filter((one) => one.state !== "churned").map((one) => accountRow(item, one))),
      element("h3", { textContent: "Login and webhooks" }),
      loginTools(item),
    );
    card.style.setProperty("--bank", item.color);
    return card;
  }

  function clock(now) {
    document.getElementById("now").textContent = now.now.replace("T", " ").replace("Z", " UTC") + (now.rate ? "" : " · standing still");
    const move = (label, days, seconds) => button(label, "clock", () => act(`The clock moved on by ${label.slice(2)}.`, "clock", { days, seconds }));
    document.getElementById("moves").replaceChildren(move("+ 1 hour", 0, 3600), move("+ 1 day", 1, 0), move("+ 1 week", 7, 0), move("+ 30 days", 30, 0));
  }

  function knobs(known) {
    const turn = (name, value) => act("Set.", "knobs", { [name]: value });
    const one = (label, control, about) => element("div", { className: "knob" }, element("label", { htmlFor: control.id, textContent: label }), control, element("p", { className: "quiet", textContent: about }));
    const limits = choice(null, ["none", "sandbox", "production"], { id: "limits", value: known.limits });
    limits.value = known.limits;
    limits.addEventListener("change", () => act("Set.", "limits", { published: limits.value }));
    const latency = element("input", { id: "latency", type: "number", min: 0, step: 0.1, value: known.latency });
    latency.addEventListener("change", () => turn("latency", Number(latency.value)));
    const pages = element("input", { id: "page-size", type: "number", min: 1, max: 500, value: known.page_size || "", placeholder: "as asked" });
    pages.addEventListener("change", () => turn("page_size", pages.value ? Number(pages.value) : null));
    const news = element("input", { id: "news", type: "checkbox", checked: known.bank_updates });
    news.addEventListener("change", () => turn("bank_updates", news.checked));
    const losses = element("input", { id: "losses", type: "number", min: 0, max: 1, step: 0.05, value: known.webhook_chances.drop || 0 });
    losses.addEventListener("change", () => turn("webhook_chances", { ...known.webhook_chances, drop: Number(losses.value) }));
    document.getElementById("knobs").replaceChildren(
      one("Rate limits", limits, "As Plaid publishes them, per minute of this clock."),
      one("Latency", latency, "Seconds that every call waits first."),
      one("Rows of a page", pages, "The most that a sync page holds."),
      one("Banks bring news", news, "New rows one to four times a day as the clock goes on."),
      one("Lost webhooks", losses, "The chance that a webhook never leaves."),
    );
  }

  async function logs() {
    const [{ webhooks }, { requests }] = await Promise.all([call("webhooks"), call("requests")]);
    const hooks = webhooks.slice(-SHOWN).reverse().map((one) =>
      element("tr", {}, element("td", { textContent: one.body.webhook_code }), element("td", { className: "quiet", textContent: one.state }), element("td", { className: "quiet", textContent: one.outcome || "" })));
    const calls = requests.slice(-SHOWN).reverse().map((one) =>
      element("tr", {}, element("td", { textContent: one.path }), element("td", { className: "quiet", textContent: one.status || "dropped" }), element("td", { className: "quiet", textContent: one.error_code || "" })));
    document.getElementById("logs").replaceChildren(
      element("h3", { textContent: "Webhooks" }), table(["Code", "State", "Answer"], hooks),
      element("h3", { textContent: "Calls" }), table(["Endpoint", "Status", "Error"], calls),
    );
  }

  async function draw() {
    const [{ items }, { knobs: known }, now] = await Promise.all([call("items"), call("knobs"), call("health")]);
    const living = items.filter((item) => item.linked && !item.removed).reverse();
    const cards = await Promise.all(living.map(itemCard));
    clock(now);
    knobs(known);
    await logs();
    list.replaceChildren(...cards);
    if (!cards.length) list.append(element("section", { className: "card" }, element("h2", { textContent: "Nobody has linked this bank yet" }), element("p", { className: "quiet", textContent: "Link it in the app, then reload this page." })));
  }

  draw().catch((problem) => {
    wrong.textContent = problem.message;
  });
})();
