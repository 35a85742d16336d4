// The page scrolls with the word that is heard, until the user scrolls themselves.

import { byId } from "./dom.js";

const KEYS = ["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown", " "];

export class Following {
  constructor() {
    this.on = true;
    const stop = () => this.#set(false);
    addEventListener("wheel", stop, { passive: true });
    addEventListener("touchmove", stop, { passive: true });
    addEventListener("keydown", (event) => {
      const ours = event.target.closest?.("textarea, input, select, audio, video, button");
      if (KEYS.includes(event.key) && !ours) stop();
    });
    byId("follow").addEventListener("click", () => {
      this.#set(true);
      if (this.word) this.show(this.word);
    });
  }

  /** The user asked for a place, so the page may move again. */
  resume() {
    this.#set(true);
  }

  /** Bring `word` to the middle if it is near an edge or out of sight. */
  show(word) {
    this.word = word;
    if (!this.on || document.activeElement?.tagName === "TEXTAREA") return;
    const { top, bottom } = word.getBoundingClientRect();
    const ceiling = byId("player").getBoundingClientRect();
    const beside = getComputedStyle(byId("result").querySelector(".result-columns")).gridTemplateColumns.includes(" ");
    const from = beside ? 0 : Math.max(0, ceiling.bottom);
    if (top >= from + 40 && bottom <= innerHeight - 80) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    scrollBy({ top: top - (from + innerHeight) / 2, behavior: calm ? "auto" : "smooth" });
  }

  #set(on) {
    this.on = on;
    byId("follow").hidden = on;
  }
}
