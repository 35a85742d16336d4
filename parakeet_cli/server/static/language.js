// The language of the page: chosen, remembered, and spoken by everything else through say().

import { STRINGS } from "./strings.js";

const REMEMBERED = "parakeet.language";
const watchers = new Set();
let language = remembered() ?? preferred();

/** The text of a name in STRINGS, with {values} put in. */
export function say(name, values = {}) {
  const found = STRINGS[language][name] ?? STRINGS.en[name];
  const form = typeof found === "string" ? found : found[plural(values.count)] ?? found.other;
  return form.replace(/\{(\w+)\}/g, (_, value) => shown(values[value]));
}

/** Whether there is such a text in the language of the page. */
export function has(name) {
  return name in STRINGS[language];
}

export function currentLanguage() {
  return language;
}

/** Speak `chosen` from now on, here and on the next visit. */
export function speak(chosen) {
  language = chosen;
  try {
    localStorage.setItem(REMEMBERED, chosen);
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
  for (const watcher of watchers) watcher();
}

/** Call `watcher` now and on every change of language. */
export function whenSpoken(watcher) {
  watchers.add(watcher);
  watcher();
}

/** Fill in every element below `root` that names its text. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of root.querySelectorAll("[data-say-label]")) {
    element.setAttribute("aria-label", say(element.dataset.sayLabel));
  }
}

/** 75.2 → "1:15"; 3675 → "1:01:15". */
export function clock(seconds) {
  const whole = Math.floor(Math.max(0, seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A length of time in its largest sensible unit: "12 sec", "3 min", "1.5 hr". */
export function span(seconds) {
  if (seconds < 90) return measure(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 5400) return measure(Math.round(seconds / 60), "minute");
  return measure(Math.round(seconds / 360) / 10, "hour");
}

/** Bytes, in units of 1000 as file managers mostly show them; never more than they are. */
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const number = bytes / 1000 ** power;
  return measure(number < 10 ? Math.floor(number * 10) / 10 : Math.floor(number), units[power]);
}

export function percent(share) {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

function measure(number, unit) {
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(number);
}

function shown(value) {
  return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : String(value ?? "");
}

function plural(count) {
  return new Intl.PluralRules(language).select(count ?? 0);
}

function remembered() {
  try {
    const chosen = localStorage.getItem(REMEMBERED);
    return chosen in STRINGS ? chosen : undefined;
  } catch {
    return undefined;
  }
}

function preferred() {
  return navigator.language.toLowerCase().startsWith("zh") ? "zh-Hans" : "en";
}
