// Reading is easier with it, and possible without. It sends nothing anywhere: it reads pages
// of this server, and keeps one cookie, the theme.

const root = document.documentElement;

// Dark or light: until somebody chooses, as the browser likes.
for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.title = button.ariaLabel = dark() ? "Light colours" : "Dark colours"; };
  button.hidden = false;
  name();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    name();
  });
}

// What a link leads to may be folded.
function reveal() {
  let id;
  try {
    id = decodeURIComponent(location.hash.slice(1));
  } catch {
    return;
  }
  const target = id && document.getElementById(id);
  if (!target) return;
  for (let up = target; up; up = up.parentElement) {
    if (up.tagName === "DETAILS") up.open = true;
  }
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();

// Everything unfolds for the printer, and folds again.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("main details:not([open])")];
  for (const d of opened) d.open = true;
});
addEventListener("afterprint", () => {
  for (const d of opened) d.open = false;
});

// Copying at a click.
const status = document.createElement("p");
status.className = "unseen";
status.setAttribute("role", "status");
document.body.append(status);
for (const from of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copier";
  button.textContent = "Copy";
  from.after(button);
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(from.value ?? from.textContent);
    } catch {
      said = "Not copied";
    }
    button.textContent = status.textContent = said;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

// The navigation shows where one is.
const links = new Map([...document.querySelectorAll(".toc a")].map((a) => [a.hash.slice(1), a]));
if (links.size > 0 && "IntersectionObserver" in window) {
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const e of entries) e.isIntersecting ? seen.add(e.target.id) : seen.delete(e.target.id);
    const first = [...links.keys()].find((id) => seen.has(id));
    for (const [id, a] of links) id === first ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current");
  }, { rootMargin: "-10% 0px -60% 0px" });
  for (const id of links.keys()) {
    const part = document.getElementById(id);
    if (part) watch.observe(part);
  }
}

// A long table can be narrowed down to rows that have some words.
for (const region of document.querySelectorAll(".scroll")) {
  const rows = [...region.querySelectorAll("tbody tr")];
  if (rows.length < 15 || region.querySelector("[rowspan]")) continue;
  const label = document.createElement("label");
  label.className = "narrow";
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "filter";
  input.setAttribute("aria-label", `Filter: ${region.getAttribute("aria-label") ?? "table"}`);
  label.append(input);
  region.before(label);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((w) => text.includes(w));
      if (!row.hidden) left++;
    }
    status.textContent = `${left} of ${rows.length} rows`;
  });
}

// What is on another page of this server is shown in place, as text; with a modifier the link
// is a link.
for (const link of document.querySelectorAll("a[data-open]")) {
  link.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return;
    if (new URL(link.href).origin !== location.origin) return;
    event.preventDefault();
    const shown = link.parentElement.querySelector(":scope > .opened");
    if (shown) {
      shown.remove();
      return;
    }
    try {
      const answer = await fetch(link.href, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const text = page.querySelector("main pre")?.textContent;
      if (text === undefined) throw new Error("no text");
      const pre = document.createElement("pre");
      pre.className = "opened output";
      pre.tabIndex = 0;
      pre.textContent = text;
      link.parentElement.append(pre);
    } catch {
      location.href = link.href;
    }
  });
}
