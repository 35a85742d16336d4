// One transcript: player, text, doubtful words, edits and downloads, put together.

import { announce } from "./announcer.js";
import { getResult } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { EXTENSIONS, copy, download } from "./downloads.js";
import { Editor } from "./editor.js";
import { Following } from "./following.js";
import { clock, say, whenSpoken } from "./language.js";
import { Player } from "./player.js";
import { sentence } from "./problems.js";
import { TextView } from "./text_view.js";
import { Transcript } from "./transcript.js";

export class Result {
  constructor(queue) {
    this.queue = queue;
    this.entry = null;
    this.following = new Following();
    this.player = new Player((seconds) => this.#heard(seconds));
    this.view = new TextView({
      seek: (seconds) => this.#seek(seconds),
      edit: (number) => this.editor.open(number),
      toggle: () => this.player.toggle(),
    });
    this.editor = new Editor(this.view, () => this.#saved());
    whenSpoken(() => this.#spoken());
  }

  /** Show the transcript of `entry`, which is done. */
  async open(entry) {
    Object.assign(this, { entry, transcript: null });
    byId("result").hidden = false;
    byId("result-title").replaceChildren(element("bdi", { text: entry.name }));
    this.#frame();
    byId("result-title").focus();
    scrollTo(0, 0);
    try {
      const source = JSON.parse(await getResult(entry.id, "parakeet_json"));
      if (this.entry !== entry) return;
      this.transcript = new Transcript(source, entry.edits);
      this.#draw();
    } catch (error) {
      if (this.entry === entry) this.#failed(entry, error);
    }
  }

  close() {
    this.editor.finish();
    this.player.close();
    this.entry = null;
    byId("result").hidden = true;
  }

  /** What is there before the transcript is. */
  #frame() {
    this.view.list.replaceChildren(element("li", { class: "note", text: say("loading") }));
    byId("doubt").replaceChildren();
    byId("side-rest").replaceChildren();
    byId("result-notice").hidden = true;
    setText(byId("result-facts"), "");
    this.#showMedia();
  }

  #draw() {
    this.view.draw(this.transcript);
    byId("side-rest").replaceChildren(...this.#takeAway());
    this.#drawFacts();
    this.#drawDoubt();
    this.#drawPartial();
  }

  #failed(entry, error) {
    const again = element("button", { type: "button", text: say("loadAgain"), on: { click: () => this.open(entry) } });
    const text = element("p", { class: "problem", role: "alert", text: say("loadFailed", { reason: sentence(error) }) });
    this.view.list.replaceChildren(element("li", {}, text, again));
  }

  #showMedia() {
    this.player.show(this.entry.file, (file) => {
      const other = file.name !== this.entry.name || file.size !== this.entry.size;
      this.queue.setFile(this.entry, file);
      this.#showMedia();
      this.#notice(other ? say("otherMedia") : "");
      this.player.media?.focus();
    });
  }

  #drawFacts() {
    const { transcript } = this;
    this.note.hidden = !transcript.edited;
    setText(byId("result-facts"), say("facts", { length: clock(transcript.source.duration), count: transcript.wordCount }));
  }

  #drawDoubt() {
    const count = this.view.doubtfulCount;
    if (count === 0) return byId("doubt").replaceChildren(element("p", { class: "note", text: say("doubtfulNone") }), hint());
    const example = element("span", { class: "doubtful", text: say("doubtfulExample") });
    const next = element("button", { type: "button", text: say("nextDoubtful"), on: { click: () => this.#nextDoubtful() } });
    return byId("doubt").replaceChildren(
      element("p", { class: "doubt-count", text: say("doubtful", { count }) }),
      next,
      element("p", { class: "note legend" }, example, " ", say("doubtfulLegend")),
      hint(),
    );
  }

  #drawPartial() {
    const { partial } = this.transcript.source;
    if (!partial) return;
    const decoded = clock(partial.decoded_seconds);
    const expected = partial.expected_seconds;
    this.#notice(expected ? say("partialOf", { decoded, expected: clock(expected) }) : say("partial", { decoded }));
  }

  #notice(text) {
    setText(byId("result-notice"), text);
    byId("result-notice").hidden = !text;
  }

  #takeAway() {
    const buttons = EXTENSIONS.map((extension) => {
      const label = say("downloadOf", { name: this.entry.name, format: extension.toUpperCase() });
      const deed = () => this.#download(extension);
      return element("button", { type: "button", text: extension.toUpperCase(), "aria-label": label, on: { click: deed } });
    });
    buttons[0].className = "primary";
    const copied = element("button", { type: "button", text: say("copy"), on: { click: () => this.#copy() } });
    this.told = element("p", { class: "note told" });
    const title = element("h2", { text: say("downloadTitle") });
    this.note = element("p", { class: "note", text: say("downloadNote") });
    return [title, element("div", { class: "formats" }, ...buttons, copied), this.note, this.told];
  }

  async #download(extension) {
    this.editor.finish();
    try {
      this.#tell(say("downloaded", { file: await download(this.entry, extension, this.transcript) }));
    } catch (error) {
      this.#tell(say("downloadFailed", { format: extension.toUpperCase(), reason: sentence(error) }));
    }
  }

  async #copy() {
    this.editor.finish();
    this.#tell(say((await copy(this.transcript.text)) ? "copied" : "copyFailed"));
  }

  #tell(text) {
    setText(this.told, text);
    announce(text);
  }

  #nextDoubtful() {
    this.following.resume();
    this.view.nextDoubtful();
  }

  #seek(seconds) {
    this.following.resume();
    this.player.seek(seconds);
  }

  #heard(seconds) {
    if (!this.transcript) return;
    const word = this.view.highlight(seconds);
    if (word) this.following.show(word);
  }

  #saved() {
    this.queue.setEdits(this.entry, this.transcript.edits);
    this.#drawFacts();
    this.#drawDoubt();
  }

  #spoken() {
    if (!this.entry) return;
    this.editor.finish();
    if (!this.entry.file) this.#showMedia();
    if (this.transcript) this.#draw();
  }
}

function hint() {
  return element("p", { class: "note hint", text: say("hint") });
}
