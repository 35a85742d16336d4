// The list of files as it is seen: one row each, changed in place so that focus and reading position stay.

import { announce } from "./announcer.js";
import { byId, element, setText } from "./dom.js";
import { asksForKey } from "./key.js";
import { clock, percent, say, size, span, whenSpoken } from "./language.js";
import { sentence } from "./problems.js";

/** Draws `queue`. `deeds`: open(entry), download(entry, format). */
export class Rows {
  constructor(queue, deeds) {
    this.queue = queue;
    this.deeds = deeds;
    this.rows = new Map();
    queue.addEventListener("list", () => this.#list());
    queue.addEventListener("change", (event) => this.#draw(event.detail));
    document.addEventListener("keyasked", () => this.#list());
    whenSpoken(() => this.#list());
  }

  /** Put the focus on the first thing to do with `entry`. */
  focus(entry) {
    this.rows.get(entry)?.element.querySelector("button")?.focus();
  }

  #list() {
    const { entries } = this.queue;
    for (const [entry, row] of this.rows) if (!entries.includes(entry)) this.#takeOut(entry, row);
    for (const entry of entries) {
      if (!this.rows.has(entry)) byId("rows").append(this.#add(entry).element);
      this.#draw(entry);
    }
    byId("queue").hidden = entries.length === 0;
    byId("home").classList.toggle("has-files", entries.length > 0);
    this.#count();
  }

  #add(entry) {
    const row = new Row(entry);
    this.rows.set(entry, row);
    return row;
  }

  #takeOut(entry, row) {
    const focused = row.element.contains(document.activeElement);
    const neighbour = row.element.nextElementSibling ?? row.element.previousElementSibling;
    row.element.remove();
    this.rows.delete(entry);
    if (focused) (neighbour?.querySelector("button") ?? byId("choose")).focus();
  }

  #draw(entry) {
    const row = this.rows.get(entry);
    if (!row) return; // it was removed while an answer was under way
    const before = row.state;
    row.draw(this.#buttons(entry));
    if (before === row.state || before === null) return;
    if (entry.state === "done") announce(say("doneAloud", { name: entry.name }));
    if (entry.state === "failed") announce(say("failedAloud", { name: entry.name, reason: sentence(entry.error) }));
    this.#count();
  }

  #count() {
    const { entries } = this.queue;
    const done = entries.filter(({ state }) => state === "done").length;
    setText(byId("queue-count"), say("queueCount", { done, count: entries.length }));
    byId("all").hidden = done < 2;
  }

  /** What can be done with an entry in its state: [name of the text, name of the label, deed, class]. */
  #buttons(entry) {
    const { queue, deeds } = this;
    const remove = ["remove", "removeOf", () => this.#remove(entry), "quiet"];
    if (entry.state === "done") {
      const download = ["SRT", "downloadOf", () => deeds.download(entry, "srt"), ""];
      return [["open", "openOf", () => deeds.open(entry), "primary"], download, remove];
    }
    if (entry.state !== "failed") return [["cancel", "cancelOf", () => this.#remove(entry), ""]];
    const retry = ["retry", "retryOf", () => queue.retry(entry), ""];
    return entry.file ? [retry, remove] : [remove];
  }

  #remove(entry) {
    if (entry.edited && !confirm(say("loseEdits", { name: entry.name }))) return;
    this.queue.remove(entry);
    announce(say("removedAloud", { name: entry.name }));
  }
}

class Row {
  constructor(entry) {
    this.entry = entry;
    this.state = null;
    this.name = element("bdi", { text: entry.name });
    this.facts = element("span", { class: "note" });
    this.status = element("p", { class: "status" });
    this.progress = element("progress", { max: 1 });
    this.text = element("p", { class: "live", dir: "auto", tabindex: 0, role: "group" });
    this.problem = element("p", { class: "problem" });
    this.buttons = element("div", { class: "buttons" });
    this.element = element(
      "li",
      { class: "row" },
      element("div", { class: "row-head" }, element("p", { class: "name" }, this.name, " ", this.facts), this.status),
      this.buttons,
      this.progress,
      this.text,
      this.problem,
    );
  }

  draw(buttons) {
    const { entry } = this;
    const length = entry.job?.duration;
    setText(this.facts, [size(entry.size), length && clock(length)].filter(Boolean).join(" · "));
    setText(this.status, status(entry));
    setText(this.problem, entry.state === "failed" ? sentence(entry.error) : "");
    this.element.dataset.state = entry.state;
    this.#drawProgress();
    this.#drawText();
    this.#drawButtons(buttons);
    this.state = entry.state;
  }

  #drawProgress() {
    const { entry, progress } = this;
    progress.hidden = !["uploading", "checking", "running"].includes(entry.state);
    progress.setAttribute("aria-label", say("progressOf", { name: entry.name }));
    const share = entry.state === "uploading" ? entry.share : entry.state === "running" ? entry.job.progress?.share : null;
    if (share === null || share === undefined) progress.removeAttribute("value");
    else progress.value = share;
  }

  #drawText() {
    const { entry, text } = this;
    text.hidden = entry.rests || !entry.text;
    if (text.hidden) return;
    const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 8;
    setText(text, entry.text);
    text.setAttribute("aria-label", say("textSoFar", { name: entry.name }));
    if (atEnd) text.scrollTop = text.scrollHeight;
  }

  /** New buttons only in a new state or language; a button that had the focus hands it to the first. */
  #drawButtons(buttons) {
    const kind = buttons.map(([text]) => (text === "SRT" ? text : say(text))).join();
    if (this.kind === kind) return;
    this.kind = kind;
    const focused = this.buttons.contains(document.activeElement);
    this.buttons.replaceChildren(
      ...buttons.map(([text, label, deed, look]) =>
        element("button", {
          type: "button",
          class: look,
          text: text === "SRT" ? text : say(text),
          "aria-label": say(label, { name: this.entry.name, format: text }),
          on: { click: deed },
        }),
      ),
    );
    if (focused) this.buttons.firstElementChild.focus();
  }
}

function status(entry) {
  const { state, trouble, job } = entry;
  if (trouble) return say(trouble.name, { time: span(trouble.seconds ?? 0) });
  if (state === "waiting" || (state === "uploading" && entry.share === 0)) {
    return say(asksForKey() ? "waitingForKey" : "waiting");
  }
  if (state === "uploading") return say("uploading", { share: percent(entry.share) });
  if (state === "queued" && job.trouble) return say("cannotBegin", { reason: job.trouble });
  if (state === "queued") return job.position ? say("queuedAt", { position: job.position }) : say("queued");
  if (state === "running") return running(job);
  if (state === "done") return say(entry.edited ? "doneEdited" : "done");
  return say(state);
}

function running({ progress, duration, eta_seconds: eta }) {
  if (!progress?.seconds) return say("starting");
  const done = clock(progress.seconds);
  const said = duration ? say("running", { done, total: clock(duration) }) : say("runningOpen", { done });
  return eta > 0 ? `${said} · ${say("left", { time: span(eta) })}` : said;
}
