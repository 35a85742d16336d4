// One segment at a time becomes a field, and its text again.

import { announce } from "./announcer.js";
import { element } from "./dom.js";
import { clock, say } from "./language.js";

/** Edits segments of `view`'s transcript; `saved()` is called after each change. */
export class Editor {
  constructor(view, saved) {
    this.view = view;
    this.saved = saved;
    this.number = null;
  }

  /** Turn segment `number` into a field; one that is open is saved first. */
  open(number) {
    if (this.number !== null) this.#save();
    this.number = number;
    const item = this.view.itemOf(number);
    this.field = this.#field(number);
    item.classList.add("editing");
    item.querySelector(".words").replaceWith(this.field);
    item.querySelector(".segment-tools").replaceChildren(...this.#tools(number));
    this.#fit();
    this.field.focus();
  }

  /** Save what is open, before the transcript is used or left. */
  finish() {
    if (this.number !== null) this.#save();
  }

  #field(number) {
    const { transcript } = this.view;
    const field = element("textarea", {
      class: "field",
      dir: "auto",
      rows: 2,
      "aria-label": say("editLabel", { time: clock(transcript.startOf(number)) }),
      "aria-describedby": "edit-hint",
      on: { input: () => this.#fit(), keydown: (event) => this.#key(event) },
    });
    field.value = transcript.textOf(number);
    return field;
  }

  #tools(number) {
    const button = (name, look, deed) =>
      element("button", { type: "button", class: look, text: say(name), on: { click: deed } });
    const original = this.view.transcript.originalOf(number);
    const restore = button("restore", "quiet", () => this.#close(original));
    return [
      button("save", "primary", () => this.#saveAndReturn()),
      button("discard", "quiet", () => this.#close(null)),
      ...(this.view.transcript.isEdited(number) ? [restore] : []),
      element("span", { class: "note", id: "edit-hint", text: say("editHint") }),
    ];
  }

  #key(event) {
    if (event.isComposing) return; // Enter ends the choice of a character in an input method
    if (event.key === "Enter") this.#saveAndReturn();
    else if (event.key === "Escape") this.#close(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #saveAndReturn() {
    this.#close(this.field.value);
    announce(say("savedAloud"));
  }

  #save() {
    const { number } = this;
    this.number = null;
    this.view.transcript.edit(number, this.field.value);
    this.view.redraw(number);
    this.saved();
  }

  /** Give the segment `text`, or leave it as it was if that is null, and put the focus back on it. */
  #close(text) {
    const { number } = this;
    if (text !== null) {
      this.field.value = text;
      this.#save();
    } else {
      this.number = null;
      this.view.redraw(number);
    }
    this.view.focusSegment(number);
  }

  /** As high as its text. */
  #fit() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight + 2}px`;
  }
}
