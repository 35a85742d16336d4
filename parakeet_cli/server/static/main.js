// Starts the page: makes the parts, and tells them of each other.

import { announce } from "./announcer.js";
import { acceptsKey } from "./api.js";
import { byId, setText } from "./dom.js";
import { download } from "./downloads.js";
import { startDrop } from "./drop.js";
import { startKeys } from "./key.js";
import { currentLanguage, say, size, span, speak, translate, whenSpoken } from "./language.js";
import { sentence } from "./problems.js";
import { Queue } from "./queue.js";
import { Result } from "./result.js";
import { Rows } from "./rows.js";

const { needsKey, mostBytes, mostSeconds } = document.body.dataset;
const queue = new Queue(Number(mostBytes));
const rows = new Rows(queue, { open, download: downloadOne });
const result = new Result(queue);

function startLanguages() {
  const buttons = [...document.querySelectorAll("[data-language]")];
  for (const button of buttons) button.addEventListener("click", () => speak(button.dataset.language));
  whenSpoken(() => {
    document.documentElement.lang = currentLanguage();
    document.title = say("title");
    translate(document);
    setText(byId("limits"), limits());
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.language === currentLanguage());
  });
}

function limits() {
  const seconds = Number(mostSeconds);
  const values = { size: size(Number(mostBytes)), hours: Number.isFinite(seconds) ? span(seconds) : "" };
  return say(values.hours ? "limits" : "limitsSize", values);
}

/** Show one result. The browser's own Back leads to the list again, and no id is ever in an address. */
function open(entry) {
  history.pushState({ result: true }, "");
  byId("home").hidden = true;
  result.open(entry);
}

function close() {
  const { entry } = result;
  if (!entry) return;
  result.close();
  byId("home").hidden = false;
  rows.focus(entry);
}

async function downloadOne(entry, extension) {
  setText(byId("queue-problem"), "");
  try {
    announce(say("downloaded", { file: await download(entry, extension) }));
  } catch (error) {
    setText(byId("queue-problem"), say("downloadFailed", { format: extension.toUpperCase(), reason: sentence(error) }));
  }
}

async function downloadAll() {
  const extension = byId("all-format").value;
  for (const entry of queue.entries) if (entry.state === "done") await downloadOne(entry, extension);
}

startLanguages();
startKeys(needsKey === "yes", acceptsKey);
startDrop((files) => {
  if (result.entry) history.back();
  queue.add(files);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the browser's own way would be a step of its history, and close an open result
  byId("main").focus();
});
byId("back").addEventListener("click", () => history.back());
byId("all-download").addEventListener("click", downloadAll);
addEventListener("popstate", close);
addEventListener("pagehide", () => result.editor.finish()); // a sentence that is being corrected is kept as it is
addEventListener("beforeunload", (event) => {
  if (queue.entries.some(({ id, rests }) => !id && !rests)) event.preventDefault(); // an upload would be lost
});
if (history.state?.result) history.replaceState(null, ""); // loaded anew while a result was shown
queue.resume();
