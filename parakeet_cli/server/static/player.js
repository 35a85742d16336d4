// The recording, played from the user's own file: it never comes back from the server.

import { byId, element } from "./dom.js";
import { say } from "./language.js";

/** `onTime(seconds)` is called with every frame while it plays, and after each seek. */
export class Player {
  constructor(onTime) {
    this.onTime = onTime;
    this.place = byId("player");
    this.media = null;
  }

  /** Play `file`, or say that it is gone and offer to choose it again: `chosen(file)`. */
  show(file, chosen) {
    this.close();
    if (!file) return this.place.replaceChildren(...this.#missing(chosen));
    this.address = URL.createObjectURL(file);
    const kind = file.type.startsWith("video/") || /\.(mkv|mov|avi|ts)$/i.test(file.name) ? "video" : "audio";
    const media = element(kind, { controls: true, preload: "metadata", playsinline: true, src: this.address });
    media.addEventListener("play", () => this.#frame());
    media.addEventListener("seeked", () => this.onTime(media.currentTime));
    media.addEventListener("error", () => {
      if (media === this.media) this.place.replaceChildren(element("p", { class: "notice", text: say("cannotPlay") }));
    });
    media.addEventListener("loadedmetadata", () => {
      media.classList.toggle("no-picture", kind === "video" && media.videoWidth === 0);
      if (this.wanted !== null) media.currentTime = this.wanted;
    });
    this.media = media;
    return this.place.replaceChildren(media);
  }

  seek(seconds) {
    this.wanted = seconds;
    if (this.media) this.media.currentTime = seconds;
    this.onTime(seconds);
  }

  toggle() {
    if (!this.media) return;
    if (this.media.paused) this.media.play().catch(() => {});
    else this.media.pause();
  }

  close() {
    this.media?.pause();
    this.media = null;
    this.wanted = null;
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = null;
    this.place.replaceChildren();
  }

  #frame() {
    const { media } = this;
    if (!media || media.paused) return;
    this.onTime(media.currentTime);
    requestAnimationFrame(() => this.#frame());
  }

  #missing(chosen) {
    const input = element("input", { type: "file", hidden: true, "aria-label": say("chooseAgain") });
    input.addEventListener("change", () => input.files[0] && chosen(input.files[0]));
    const button = element("button", { type: "button", text: say("chooseAgain"), on: { click: () => input.click() } });
    return [element("p", { text: say("noMedia") }), button, input];
  }
}
