/* The own page of an OAuth bank: the user signs in and consents here, then goes back to Link: the pop-up closes, or the
   page returns to redirect_uri?oauth_state_id=... */
(() => {
  "use strict";
  const query = new URLSearchParams(location.search);
  const state = query.get("oauth_state_id") || "";
  const main = document.querySelector("main");

  async function post(path, body) {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ oauth_state_id: state, ...body }) };
    const response = await fetch("/_local/oauth/" + path, init);
    const answer = await response.json();
    if (!response.ok) throw answer;
    return answer;
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  async function decide(body) {
    const { back } = await post("decide", body);
    if (back && !query.get("popup")) {
      location.href = back;
      return;
    }
    main.replaceChildren(element("h1", { textContent: "You can close this window" }));
    window.close();
  }

  function draw(shown) {
    document.title = shown.bank.name;
    const name = document.getElementById("name");
    name.textContent = shown.bank.name;
    name.style.background = shown.bank.color;
    const username = element("input", { id: "username", value: shown.username, autocomplete: "off", required: true });
    const password = element("input", { id: "password", type: "password", value: "pass_good", autocomplete: "off", required: true });
    const wrong = element("p", { className: "wrong", role: "alert" });
    const refuse = element("button", { type: "button", textContent: "Refuse" });
    const allow = element("button", { className: "main", type: "submit", textContent: "Sign in and allow" });
    const form = element(
      "form",
      {},
      element("label", { htmlFor: "username", textContent: "User name" }),
      username,
      element("label", { htmlFor: "password", textContent: "Password" }),
      password,
      element("p", { textContent: `${shown.client_name} will see your accounts, balances and transactions.` }),
      wrong,
      element("div", { className: "row" }, refuse, allow),
    );
    const attempt = async (body) => {
      wrong.textContent = "";
      try {
        await decide(body);
      } catch (problem) {
        wrong.textContent = problem.display_message || problem.error_message || String(problem);
      }
    };
    form.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      attempt({ consent: true, username: username.value.trim(), password: password.value });
    });
    refuse.addEventListener("click", () => attempt({ consent: false }));
    main.replaceChildren(element("h1", { textContent: `Sign in to ${shown.bank.name}` }), form);
    username.focus();
  }

  post("show", {}).then(draw, (problem) => {
    main.replaceChildren(element("h1", { textContent: "This page has expired" }), element("p", { textContent: problem.error_message || String(problem) }));
  });
})();
