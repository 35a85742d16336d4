// The API key: asked for when the server wants one, kept for this tab, and told to api.js alone.

import { announce } from "./announcer.js";
import { byId, setText } from "./dom.js";
import { say, whenSpoken } from "./language.js";

const KEPT = "parakeet.key";
let waiters = [];
let problem = "";

/** The headers that every request to the API carries. */
export function keyHeaders() {
  const key = sessionStorage.getItem(KEPT);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Whether the user is being asked now; the document gets an event "keyasked" when that changes. */
export function asksForKey() {
  return !byId("key-panel").hidden;
}

/** Resolves once there is a key that the server accepts. */
export function keyGiven() {
  return new Promise((resolve) => waiters.push(resolve));
}

/** Show the field; `refused` where a key was sent and not accepted. */
export function askForKey(refused) {
  const panel = byId("key-panel");
  if (refused) sessionStorage.removeItem(KEPT);
  tell(refused ? "keyRefused" : "");
  byId("forget-key").hidden = true;
  if (!panel.hidden) return;
  show(true);
  byId("key-field").focus();
}

/** `check(headers)` resolves to whether the server accepts them, and rejects where it cannot be asked. */
export function startKeys(needed, check) {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(check);
  });
  byId("forget-key").addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    askForKey(false);
  });
  byId("forget-key").hidden = !sessionStorage.getItem(KEPT);
  whenSpoken(() => tell(problem));
  if (needed && !sessionStorage.getItem(KEPT)) askForKey(false);
}

async function submit(check) {
  const field = byId("key-field");
  const key = field.value.trim();
  try {
    // Header values are bytes; other characters can be in no key, and fetch would throw on them.
    const accepted = /^[\x21-\x7e]+$/.test(key) && (await check({ Authorization: `Bearer ${key}` }));
    if (!accepted) return refuse("keyRefused");
  } catch {
    return refuse("keyUnchecked");
  }
  sessionStorage.setItem(KEPT, key);
  field.value = "";
  tell("");
  show(false);
  byId("forget-key").hidden = false;
  announce(say("keyAccepted"));
  (document.querySelector("#rows button, #back:not([hidden])") ?? byId("choose")).focus();
  for (const resolve of waiters.splice(0)) resolve();
}

function show(asking) {
  byId("key-panel").hidden = !asking;
  document.dispatchEvent(new Event("keyasked"));
}

function refuse(name) {
  tell(name);
  byId("key-field").focus();
}

function tell(name) {
  problem = name;
  setText(byId("key-error"), name && say(name));
}
