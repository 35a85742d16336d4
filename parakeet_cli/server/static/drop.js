// Files come in: dropped anywhere on the page, or chosen.

import { announce } from "./announcer.js";
import { byId, setText } from "./dom.js";
import { say } from "./language.js";

/** `take(files)` gets one or more Files. */
export function startDrop(take) {
  const taken = (files) => {
    if (files.length === 0) return;
    announce(say("added", { count: files.length }));
    take(files);
  };
  const input = byId("files");
  byId("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    taken([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    byId("veil").hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) byId("veil").hidden = true; // it left the window
  });
  document.addEventListener("drop", (event) => {
    byId("veil").hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    taken(dropped(event.dataTransfer));
  });
}

function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

/** The files among what was dropped; a folder has no content of its own, and says so. */
function dropped(transfer) {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
  setText(byId("drop-problem"), folders.length ? say("folder") : "");
  return items.filter((item) => !folders.includes(item)).map((item) => item.getAsFile());
}
