// The live page: what is told is added as it is told, and the page is loaded again at the end.
// Text is set as text, never as markup: it is the subject's.

const list = document.getElementById("live");
const most = 500;

function textOf(told) {
  const data = told.data ?? {};
  for (const name of ["text", "stage", "state"]) {
    if (typeof data[name] === "string") return data[name];
  }
  return JSON.stringify(data);
}

// What does not print is shown as it is written in a string.
function visible(text) {
  return text.slice(0, 300).replace(/[^\P{C}]|[\u2028\u2029]/gu, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");
}

function add(told) {
  const line = document.createElement("li");
  line.value = told.number;
  const at = document.createElement("time");
  at.dateTime = told.at;
  at.textContent = String(told.at).slice(11, 19);
  const kind = document.createElement("span");
  kind.className = "kind";
  kind.textContent = visible(String(told.kind));
  line.append(at, " ", kind, " ", visible(textOf(told)));
  list.append(line);
  while (list.children.length > most) list.firstElementChild.remove();
  const field = document.getElementById("live-" + told.kind);
  if (field && (told.kind === "stage" || told.kind === "state")) field.textContent = visible(textOf(told));
}

if (list?.dataset.stream) {
  let last = Number(list.dataset.after);
  const stream = new EventSource(list.dataset.stream);
  const hear = (message) => {
    const told = JSON.parse(message.data);
    if (told.number <= last) return;
    last = told.number;
    add(told);
  };
  for (const kind of ["state", "stage", "event", "note", "message"]) stream.addEventListener(kind, hear);
  stream.addEventListener("end", () => {
    stream.close();
    location.reload();
  });
}
