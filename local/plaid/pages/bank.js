/* Acting as the bank: buy, refund, post, remove, break and repair the login. All through the admin API. */
(() => {
  "use strict";
  const list = document.getElementById("items");
  const wrong = document.getElementById("wrong");
  const status = document.getElementById("status");
  const SHOWN = 12;
  const AMOUNT = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 10 });

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  async function call(path, body) {
    const init = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
    const response = await fetch("/_local/" + path, init);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error_message);
    return answer;
  }

  async function act(done, path, body) {
    wrong.textContent = status.textContent = "";
    try {
      await call(path, body);
      await draw();
      status.textContent = done;
    } catch (problem) {
      wrong.textContent = problem.message;
    }
  }

  function button(label, run, className = "") {
    const made = element("button", { type: "button", textContent: label, className });
    made.addEventListener("click", run);
    return made;
  }

  function purchaseForm(item) {
    const field = (name, placeholder, label) => {
      const input = element("input", { name, placeholder, autocomplete: "off" });
      input.setAttribute("aria-label", label);
      return input;
    };
    const description = field("description", "What (any merchant)", "Description");
    const amount = field("amount", "Amount", "Amount");
    amount.inputMode = "decimal";
    const account = element("select", { name: "account" }, ...item.accounts.map((one) => element("option", { value: one.account_id, textContent: `${one.name} ${one.mask || ""}` })));
    account.setAttribute("aria-label", "Account");
    const body = (sign, pending) => {
      const asked = { item_id: item.item_id, account: account.value, pending };
      if (description.value.trim()) asked.description = description.value.trim();
      if (amount.value.trim()) asked.amount = sign === -1 ? "-" + amount.value.trim().replace(/^-/, "") : amount.value.trim();
      if (sign === -1 && !asked.amount) asked.amount = "-20.00";
      return asked;
    };
    const form = element(
      "form",
      { className: "row" },
      description,
      amount,
      account,
      element("button", { className: "main", type: "submit", textContent: "Buy" }),
      button("Buy, pending", () => act("Bought, not posted yet.", "purchases", body(1, true))),
      button("Refund", () => act("Refunded.", "purchases", body(-1, false))),
    );
    form.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      act("Bought.", "purchases", body(1, false));
    });
    return form;
  }

  function transactionRow(one) {
    const currency = one.iso_currency_code || one.unofficial_currency_code;
    const tools = element("div", { className: "row" });
    if (one.pending) tools.append(button("Post", () => act("Posted.", "post", { transaction_id: one.transaction_id })));
    tools.append(button("Remove", () => act("Removed.", "remove", { transaction_ids: [one.transaction_id] })));
    return element(
      "tr",
      {},
      element("td", { className: "day", textContent: one.authorized_date || one.date }),
      element("td", {}, one.name, ...(one.pending ? [" ", element("span", { className: "tag", textContent: "pending" })] : [])),
      element("td", { className: "quiet category", textContent: one.personal_finance_category ? one.personal_finance_category.detailed : "" }),
      element("td", { className: "amount", textContent: `${AMOUNT.format(one.amount)} ${currency}` }),
      element("td", {}, tools),
    );
  }

  async function itemCard(item) {
    const { transactions } = await call("transactions?item_id=" + item.item_id);
    const newest = [...transactions].sort((a, b) => (a.authorized_date || a.date) < (b.authorized_date || b.date) ? 1 : -1).slice(0, SHOWN);
    const where = { item_id: item.item_id };
    const head = ["Day", "What", "Category", "Amount", ""].map((name) => element("th", { scope: "col", textContent: name }));
    const login = item.error
      ? button("Repair the login", () => act("The login works again.", "repair", where))
      : button("Break the login", () => act("The login is broken.", "break", where));
    const revoke = button("Revoke permission", () => act("Permission revoked.", "break", { ...where, error_code: "USER_PERMISSION_REVOKED" }));
    return element(
      "section",
      { className: "card" },
      element("h2", { textContent: `${item.institution_name} · ${item.username}` }),
      element("p", { className: "quiet", textContent: `user ${item.user || "(none)"} · ${item.transactions} transactions, ${item.pending} pending, ${item.held} held back · ${item.error || item.readiness}` }),
      purchaseForm(item),
      element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...newest.map(transactionRow))),
      element("p", { className: "row" }, login, revoke),
    );
  }

  async function draw() {
    const { items } = await call("items");
    const living = items.filter((item) => item.linked && !item.removed).reverse();
    const cards = await Promise.all(living.map(itemCard));
    list.replaceChildren(...cards);
    if (!cards.length) list.append(element("p", { textContent: "Nobody has linked this bank yet." }));
  }

  draw().catch((problem) => {
    wrong.textContent = problem.message;
  });
})();
