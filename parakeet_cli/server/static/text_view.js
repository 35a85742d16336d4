// The text beside the player: words to click, doubtful ones marked, gaps in their place.

import { byId, element } from "./dom.js";
import { clock, percent, say, span } from "./language.js";
import { spaceBetween } from "./words.js";

/** Draws a Transcript. `deeds`: seek(seconds), edit(number), toggle() for play and pause. */
export class TextView {
  constructor(deeds) {
    this.deeds = deeds;
    this.list = byId("segments");
    this.list.addEventListener("click", (event) => this.#clicked(event));
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  draw(transcript) {
    this.transcript = transcript;
    this.items = transcript.segments.map((_, number) => this.#segment(number));
    const items = this.items.flatMap((item, number) => [...this.#gaps(number), item]);
    if (items.length === 0 && transcript.source.gaps.length === 0) items.push(element("li", { class: "note", text: say("noWords") }));
    this.list.replaceChildren(...items, ...this.#gaps(this.items.length));
    this.#indexWords();
  }

  /** Draw one segment anew. */
  redraw(number) {
    const item = this.#segment(number);
    this.items[number].replaceWith(item);
    this.items[number] = item;
    this.#indexWords();
    return item;
  }

  itemOf(number) {
    return this.items[number];
  }

  /** Put the focus on the first word of a segment or, where it is empty, on its button. */
  focusSegment(number) {
    const word = this.items[number].querySelector(".word");
    if (word) this.#rove(word);
    (word ?? this.items[number].querySelector("button")).focus();
  }

  /** Mark the word that is heard at `seconds`; returns it if it is another than before. */
  highlight(seconds) {
    const word = this.#wordAt(seconds);
    if (word === this.heard) return null;
    this.heard?.classList.remove("heard");
    word?.classList.add("heard");
    this.heard = word;
    return word;
  }

  get doubtfulCount() {
    return this.list.querySelectorAll(".doubtful").length;
  }

  /** Focus the next doubtful word after the one in focus, from the top again after the last. */
  nextDoubtful() {
    const doubtful = [...this.list.querySelectorAll(".doubtful")];
    const after = (word) => this.roving?.compareDocumentPosition(word) & Node.DOCUMENT_POSITION_FOLLOWING;
    const first = this.visited ? doubtful.find(after) : undefined;
    const next = first ?? doubtful[0];
    if (!next) return;
    this.visited = true;
    this.#rove(next);
    next.focus();
    this.deeds.seek(Number(next.dataset.start));
  }

  #segment(number) {
    const { transcript } = this;
    const words = transcript.segments[number];
    const time = clock(transcript.startOf(number));
    const text = element("p", { class: "words", dir: "auto" }, ...this.#words(words, number));
    const edit = element("button", { type: "button", class: "quiet edit", tabindex: -1, text: say("edit"), "aria-label": say("editAt", { time }) });
    const mark = transcript.isEdited(number) ? element("span", { class: "tag", text: say("edited") }) : "";
    const stamp = element("span", { class: "time", "data-start": transcript.startOf(number), text: time });
    return element("li", { class: "segment", "data-number": number }, stamp, text, element("div", { class: "segment-tools" }, mark, edit));
  }

  #words(words, number) {
    if (words.length === 0) return [element("span", { class: "note", text: say("emptied") })];
    const gaps = this.transcript.gapsWithin(number);
    const parts = [];
    for (const [at, word] of words.entries()) {
      while (gaps.length && gaps[0].start < word.start) parts.push(gapMark("span", gaps.shift()), " ");
      parts.push(wordMark(word), spaceBetween(word.text, words[at + 1]?.text ?? ""));
    }
    return [...parts, ...gaps.map((gap) => gapMark("span", gap))];
  }

  #gaps(number) {
    return this.transcript.gapsBefore(number).map((gap) => gapMark("li", gap));
  }

  #indexWords() {
    this.words = [...this.list.querySelectorAll(".word")];
    this.starts = this.words.map((word) => Number(word.dataset.start));
    this.heard = null;
    if (!this.roving?.isConnected) this.roving = null;
    if (!this.roving && this.words.length) this.#rove(this.words[0]);
  }

  /** The last word that has begun by then, unless it has been over for a while. */
  #wordAt(seconds) {
    let [low, high] = [0, this.starts.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.starts[mid] <= seconds + 0.01) low = mid + 1;
      else high = mid;
    }
    const word = this.words[low - 1];
    return word && seconds < Number(word.dataset.end) + 0.5 ? word : null;
  }

  #clicked(event) {
    const edit = event.target.closest(".edit");
    if (edit) return this.deeds.edit(Number(edit.closest(".segment").dataset.number));
    const timed = event.target.closest("[data-start]");
    if (!timed || !getSelection().isCollapsed) return undefined;
    if (timed.classList.contains("word")) this.#rove(timed);
    return this.deeds.seek(Number(timed.dataset.start));
  }

  #key(event) {
    if (!event.target.classList.contains("word") || event.ctrlKey || event.altKey || event.metaKey) return;
    const word = event.target;
    if (event.key === "Enter" || event.key === " ") this.deeds.seek(Number(word.dataset.start));
    else if (event.key.toLowerCase() === "p") this.deeds.toggle();
    else if (!this.#move(word, event.key)) return;
    event.preventDefault();
  }

  /** Move the focus by an arrow key, Home or End; false for any other key. */
  #move(word, key) {
    const at = this.words.indexOf(word);
    const number = Number(word.closest(".segment").dataset.number);
    const firstOf = (step) => {
      for (let other = number + step; this.items[other]; other += step) {
        const first = this.items[other].querySelector(".word");
        if (first) return first;
      }
      return word;
    };
    const targets = {
      ArrowRight: () => this.words[at + 1],
      ArrowLeft: () => this.words[at - 1],
      ArrowDown: () => firstOf(1),
      ArrowUp: () => firstOf(-1),
      Home: () => this.words[0],
      End: () => this.words.at(-1),
    };
    if (!(key in targets)) return false;
    const target = targets[key]() ?? word;
    this.#rove(target);
    target.focus();
    return true;
  }

  /** One word and the button of its segment are stops of the Tab key; thousands would be a trap. */
  #rove(word) {
    const edit = (of) => of.closest(".segment").querySelector(".edit");
    if (this.roving?.isConnected) {
      this.roving.tabIndex = -1;
      this.roving.removeAttribute("role");
      edit(this.roving)?.setAttribute("tabindex", -1);
    }
    this.roving = word;
    word.tabIndex = 0;
    word.setAttribute("role", "button");
    edit(word)?.setAttribute("tabindex", 0);
  }
}

function wordMark({ text, start, end, confidence, low_confidence: low }) {
  const mark = element("span", { class: low ? "word doubtful" : "word", tabindex: -1, "data-start": start, "data-end": end, text });
  if (low) mark.setAttribute("aria-description", say("doubtfulWord", { share: percent(confidence) }));
  if (low) mark.title = say("doubtfulWord", { share: percent(confidence) });
  return mark;
}

function gapMark(name, { start, end, reason }) {
  const text = say("gap", { time: span(end - start), reason: say(`gap_${reason}`) });
  return element(name, { class: "gap", "data-start": start }, element("span", { class: "gap-time", text: clock(start) }), " ", text);
}
