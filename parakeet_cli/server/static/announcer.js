// What a screen reader says of its own accord: files that are done or failed, never progress.

import { byId } from "./dom.js";

const SECONDS_TO_HEAR = 1.2;
const waiting = [];
let speaking = false;

/** Say `text` after what is being said; several at a time are said together. */
export function announce(text) {
  waiting.push(text);
  if (!speaking) next();
}

function next() {
  speaking = waiting.length > 0;
  byId("announcer").textContent = waiting.splice(0).join(" ");
  if (speaking) setTimeout(next, SECONDS_TO_HEAR * 1000);
}
