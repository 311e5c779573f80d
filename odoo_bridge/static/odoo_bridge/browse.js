// The pages of the API: forms that send what a program would send, and short addresses of filters.
// Reading and logging in work without any of this.
"use strict";

// Without what is not filled in: an address that says only what was asked for.
for (const form of document.querySelectorAll("form[data-query]")) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) {
      if (value === "") event.formData.delete(name);
    }
  });
}

// Not crypto.randomUUID, which plain HTTP to another machine does not have.
function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

for (const button of document.querySelectorAll("[data-fresh]")) {
  button.addEventListener("click", () => {
    button.parentElement.querySelector("input").value = freshKey();
  });
}

function element(tag, text, options = {}) {
  const node = Object.assign(document.createElement(tag), options);
  if (text !== undefined) node.textContent = text;
  return node;
}

function typed(input) {
  const text = input.value;
  switch (input.dataset.typed) {
    case "boolean": return text === "true";
    case "number": return text === "" ? null : Number(text);
    case "json": return JSON.parse(text);
    default: return text;
  }
}

// The body as text. Of a PATCH what was changed, of anything else what was filled in.
function bodyOf(form) {
  const inputs = [...form.querySelectorAll("[data-as=form] [data-typed]")];
  const raw = form.querySelector("[data-json]");
  if (!raw) return "{}";
  if (form.querySelector("[name=_as]:checked").value === "json") return raw.value;
  const changes = form.dataset.send === "PATCH";
  const given = inputs.filter((input) =>
    changes ? input.value !== (input.dataset.before ?? "") : input.value !== "");
  return JSON.stringify(Object.fromEntries(given.map((input) => [input.name, typed(input)])));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(result, status, good, sent, answer) {
  const badge = element("span", status, { className: `ob-badge ${good ? "ob-good" : "ob-bad"}` });
  const line = element("p");
  line.append(badge);
  result.replaceChildren(line);
  const location = answer?.headers.get("Location");
  if (location?.startsWith("/")) {
    line.append(" ", element("a", location, { href: location }));
  }
  if (answer?.status === 401) {
    const login = document.querySelector(".ob-person a[href*='session/login']");
    line.append(" ", element("a", "Log in", { href: login?.href ?? "." }));
  }
  if (sent) {
    const details = element("details");
    details.append(element("summary", "Request"), element("pre", sent, { tabIndex: 0 }));
    result.append(details);
  }
}

function complain(form, fields) {
  for (const [name, wrong] of Object.entries(fields)) {
    const first = name.split(".")[0];
    const input = form.querySelector(`[data-as=form] [name="${CSS.escape(first)}"]`);
    if (!input) continue;
    input.setAttribute("aria-invalid", "true");
    const text = wrong.map((one) => (name === first ? "" : `${name}: `) + one.message).join(" ");
    input.closest(".ob-field").append(element("small", text, { className: "ob-wrong" }));
  }
}

async function send(form) {
  const result = form.querySelector("[data-result]");
  for (const old of form.querySelectorAll(".ob-wrong")) old.remove();
  for (const old of form.querySelectorAll("[aria-invalid]")) old.removeAttribute("aria-invalid");
  let body;
  try {
    body = bodyOf(form);
    JSON.parse(body);
  } catch (error) {
    show(result, `This is no JSON: ${error.message}`, false);
    return;
  }
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  for (const input of form.querySelectorAll("[data-header]")) {
    headers[input.dataset.header] = input.value;
  }
  const method = form.dataset.send;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const sent = `${method} ${form.getAttribute("action")}\n${lines.join("\n")}\n\n${pretty(body)}`;
  let answer, text;
  try {
    answer = await fetch(form.action, {
      method,
      body,
      headers: { ...headers, "X-CSRFToken": form.dataset.token },
    });
    text = await answer.text();
  } catch {
    show(result, "No response. You can send the request again with the same key.", false, sent);
    return;
  }
  show(result, `${answer.status} ${answer.statusText}`, answer.ok, sent, answer);
  const known = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  const details = element("details");
  details.append(element("summary", "Response headers"), element("pre", known, { tabIndex: 0 }));
  result.append(details);
  if (text) result.append(element("pre", pretty(text), { tabIndex: 0 }));
  try {
    complain(form, JSON.parse(text).error.fields);
  } catch {
    // No fields are named, or it is no JSON: it is shown as it is.
  }
}

for (const form of document.querySelectorAll("form[data-send]")) {
  // What is required of the inputs must not hold up the JSON in their place.
  const choose = () => {
    form.noValidate = form.querySelector("[name=_as]:checked")?.value === "json";
  };
  for (const radio of form.querySelectorAll("[name=_as]")) radio.addEventListener("change", choose);
  choose();
  for (const input of form.querySelectorAll("[data-typed]")) input.dataset.before = input.value;
  const button = form.querySelector("[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await send(form);
    } finally {
      button.disabled = false;
    }
  });
}
