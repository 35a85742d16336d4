// A transcript as the server's own JSON gives it, and what the user has made of it. It draws nothing.

import { joined, reword } from "./words.js";

/** `source` is the JSON (parakeet_json) as an object, `edits` {number of a segment: its new text}. */
export class Transcript {
  constructor(source, edits = {}) {
    this.source = source;
    this.segments = source.segments.map(({ words }) => words);
    this.edits = {};
    for (const [number, text] of Object.entries(edits)) if (this.segments[number]) this.edit(Number(number), text);
  }

  get edited() {
    return Object.keys(this.edits).length > 0;
  }

  isEdited(number) {
    return number in this.edits;
  }

  /** Where segment `number` began when it was heard, in seconds; it may be empty by now. */
  startOf(number) {
    return this.source.segments[number].start;
  }

  textOf(number) {
    return joined(this.segments[number].map(({ text }) => text));
  }

  originalOf(number) {
    return joined(this.source.segments[number].words.map(({ text }) => text));
  }

  /** Give segment `number` another text; an empty one leaves it out, its own brings back what was heard. */
  edit(number, text) {
    const original = this.source.segments[number].words;
    const plain = text.split(/\s+/).filter(Boolean).join(" ");
    if (plain === this.originalOf(number)) delete this.edits[number];
    else this.edits[number] = plain;
    this.segments[number] = this.isEdited(number) ? reword(original, plain) : original;
  }

  get wordCount() {
    return this.segments.reduce((sum, words) => sum + words.length, 0);
  }

  get text() {
    return joined(this.segments.map((_, number) => this.textOf(number)).filter(Boolean));
  }

  /** The gaps that are heard just before segment `number`, or after the last one. */
  gapsBefore(number) {
    const { segments, gaps } = this.source;
    const from = number > 0 ? segments[number - 1].end : -Infinity;
    const until = number < segments.length ? segments[number].end : Infinity;
    return gaps.filter((gap) => middle(gap) >= from && middle(gap) < until && !this.#within(gap, number));
  }

  /** Gaps in the midst of segment `number`: they stand between two of its words. */
  gapsWithin(number) {
    return this.source.gaps.filter((gap) => this.#within(gap, number));
  }

  /** What the server's JSON would have been, had it heard what now stands there. */
  toJSON() {
    const segments = this.segments.filter((words) => words.length > 0).map((words) => ({
      start: words[0].start,
      end: words.at(-1).end,
      text: joined(words.map(({ text }) => text)),
      words,
    }));
    return { ...this.source, text: this.text, segments };
  }

  #within(gap, number) {
    const segment = this.source.segments[number];
    return segment !== undefined && middle(gap) > segment.start && middle(gap) < segment.end;
  }
}

function middle({ start, end }) {
  return (start + end) / 2;
}
