// What every page has: htmx, news from the server, and small comforts for the keyboard.
import htmx from "htmx.org";

window.htmx = htmx;

function listen() {
  const path = document.body.dataset.live;
  if (!path || !window.EventSource) return;
  const source = new EventSource(path);
  let first = true;
  source.addEventListener("figures", () => {
    // The first message says how things stand, which the page shows already.
    if (!first && !document.querySelector("dialog[open], form :focus")) {
      htmx.trigger(document.body, "news");
    }
    first = false;
  });
  window.addEventListener("pagehide", () => source.close());
}

function countDown() {
  const now = Date.now() + Number(document.body.dataset.skew || 0);
  for (const each of document.querySelectorAll("[data-due]")) {
    const left = Math.round((Number(each.dataset.due) - now) / 1000);
    const size = Math.abs(left);
    const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60];
    const text = parts.map((part) => String(part).padStart(2, "0")).join(":");
    if (size < 172800) each.textContent = (left < 0 ? "−" : "") + text;
    each.classList.toggle("late", left < 0);
  }
}

// What people typed into a form that came to nothing, because it was refused or the session had
// ended, stands in it again. The tab keeps it until its next page; passwords it never keeps.
const TYPED = "leadrules.typed";
const UNKEPT = new Set(["hidden", "password", "submit", "button", "file"]);
const inputsOf = (form) => [...form.elements].filter((each) => each.name && !UNKEPT.has(each.type));
const isTicked = (input) => input.type === "checkbox" || input.type === "radio";

function keepTyped(event) {
  const form = event.target;
  const typed = inputsOf(form).map((each) => [each.name, isTicked(each) ? each.checked : each.value]);
  if (form.getAttribute("method") !== "post" || !typed.length) return;
  sessionStorage.setItem(TYPED, JSON.stringify({ action: form.getAttribute("action"), typed }));
}

function giveBackTyped() {
  const kept = JSON.parse(sessionStorage.getItem(TYPED) || "null");
  sessionStorage.removeItem(TYPED);
  // Pages say what was done, and the one behind the sign-in says nothing.
  if (!kept || document.querySelector("main > .note.good")) return;
  const form = [...document.forms].find((each) => each.getAttribute("action") === kept.action);
  for (const input of form ? inputsOf(form) : []) {
    const at = kept.typed.findIndex(([name]) => name === input.name);
    if (at < 0) continue;
    const [[, value]] = kept.typed.splice(at, 1);
    if (isTicked(input)) input.checked = value;
    else input.value = value;
  }
  for (let menu = form && form.closest("details"); menu; menu = menu.parentElement.closest("details")) {
    menu.open = true;
  }
}

function ready() {
  giveBackTyped();
  document.body.dataset.skew = String(Number(document.body.dataset.now || Date.now()) - Date.now());
  listen();
  countDown();
  setInterval(countDown, 1000);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest && event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing) {
    const box = document.querySelector("input[type=search]");
    if (box) {
      event.preventDefault();
      box.focus();
    }
  }
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  }
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  if (event.target.closest("[data-print]")) window.print();
});

document.addEventListener("submit", keepTyped);

document.addEventListener("change", (event) => {
  const { form, dataset, value, checked } = event.target;
  if (form && form.dataset.auto !== undefined) form.requestSubmit();
  // Of a form's sets of fields one counts, that which is chosen.
  if (dataset.chooses !== undefined) {
    for (const each of form.querySelectorAll("fieldset")) each.hidden = each.disabled = each.name !== value;
  }
  if (dataset.ticks) {
    for (const each of document.getElementsByName(dataset.ticks)) each.checked = checked;
  }
});

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
else ready();
