// The files of this tab and what becomes of them: upload, turn, transcription, result. It draws nothing.

import { ConnectionLost, deleteJob, getJob, idempotencyKey, jobEvents, reachServer, upload } from "./api.js";
import { asksForKey, keyGiven } from "./key.js";
import { keep, kept } from "./kept.js";
import { Places, backOff, pause } from "./pacing.js";

// A browser opens six connections to a server: two for uploads, two for events, and two remain to ask with.
const UPLOADS_AT_ONCE = 2;
const STREAMS_AT_ONCE = 2;
const POLL_SECONDS = 1.5;
const UPLOAD_TRIES = 6;

/** A file on its way. `state`: waiting, uploading, checking, queued, running, done or failed. */
class Entry {
  constructor({ id = null, name, size, edits = {} }, file = null) {
    Object.assign(this, { id, name, size, edits, file });
    this.reset("waiting");
  }

  reset(state) {
    this.state = state;
    this.stop = new AbortController();
    Object.assign(this, { share: 0, job: null, text: "", error: null, trouble: null });
  }

  /** Nothing more will happen of its own accord. */
  get rests() {
    return this.state === "done" || this.state === "failed";
  }

  get edited() {
    return Object.keys(this.edits).length > 0;
  }
}

/** Events: "change" (detail: the entry), "list" (an entry came or went). */
export class Queue extends EventTarget {
  constructor(mostBytes) {
    super();
    this.entries = [];
    this.mostBytes = mostBytes;
    this.uploads = new Places(UPLOADS_AT_ONCE);
    this.streams = new Places(STREAMS_AT_ONCE);
  }

  /** The jobs that this tab had before the page was loaded anew. */
  resume() {
    for (const record of kept()) {
      const entry = new Entry(record);
      this.entries.push(entry);
      this.#run(entry);
    }
    this.#listed();
  }

  add(files) {
    for (const file of files) {
      const entry = new Entry({ name: file.name, size: file.size }, file);
      this.entries.push(entry);
      this.#run(entry);
    }
    this.#listed();
  }

  /** Upload it again, which takes its file. */
  retry(entry) {
    if (entry.id) deleteJob(entry.id).catch(() => {});
    Object.assign(entry, { id: null, edits: {} });
    entry.reset("waiting");
    this.#listed();
    this.#run(entry);
  }

  /** Take it off the list, and its job off the server. */
  remove(entry) {
    entry.stop.abort();
    this.entries = this.entries.filter((other) => other !== entry);
    if (entry.id) deleteJob(entry.id).catch(() => {});
    this.#listed();
  }

  /** Remember what was changed: {number of the segment: its text}. */
  setEdits(entry, edits) {
    entry.edits = edits;
    keep(this.entries);
    this.#changed(entry);
  }

  setFile(entry, file) {
    entry.file = file;
  }

  async #run(entry) {
    const signal = entry.stop.signal;
    try {
      if (!entry.id) await this.#upload(entry, signal);
      await this.#follow(entry, signal);
    } catch (error) {
      if (!signal.aborted) this.#fail(entry, error);
    }
  }

  async #upload(entry, signal) {
    if (entry.size === 0) throw new Refused("errorEmpty");
    if (entry.size > this.mostBytes) throw new Refused("errorTooLarge", { size: entry.size, most: this.mostBytes });
    if (!entry.file) throw new Refused("errorNoFile");
    await this.uploads.take(signal);
    const key = idempotencyKey();
    try {
      for (let tries = 1; !entry.id; tries += 1) {
        if (asksForKey()) await keyGiven();
        signal.throwIfAborted();
        await this.#tryUpload(entry, key, signal, tries);
      }
    } finally {
      this.uploads.give();
    }
    this.#listed();
  }

  async #tryUpload(entry, key, signal, tries) {
    const onShare = (share) => this.#changed(entry, { state: share < 1 ? "uploading" : "checking", share, trouble: null });
    try {
      onShare(0);
      const job = await upload(entry.file, key, onShare, signal, (id) => deleteJob(id).catch(() => {}));
      entry.id = job.id;
      this.#take(entry, job);
    } catch (error) {
      signal.throwIfAborted();
      await this.#mayTryAgain(entry, error, signal, tries);
    }
  }

  /** Wait before the next try, or throw what speaks against one. */
  async #mayTryAgain(entry, error, signal, tries) {
    if (error instanceof ConnectionLost) {
      // The server may have refused it without reading it through, which a browser also calls a lost connection.
      if (!(await readable(entry.file))) throw new Refused("errorUnreadable");
      if (tries >= UPLOAD_TRIES) throw error;
      this.#changed(entry, { state: "waiting", trouble: { name: "reconnecting" } });
      await pause(backOff(tries), signal);
      await reachServer(signal).catch(() => {});
    } else if (error.passes) {
      const seconds = Math.max(error.retryAfter, backOff(tries));
      this.#changed(entry, { state: "waiting", trouble: { name: "busy", seconds } });
      await pause(seconds, signal);
    } else {
      throw error;
    }
  }

  /** Listen where a connection is free for it, else ask from time to time; go on after a connection is lost. */
  async #follow(entry, signal) {
    for (let lost = 0; !entry.rests; ) {
      try {
        this.#take(entry, await getJob(entry.id, signal));
        if (entry.rests) return;
        if (entry.state === "running" && this.streams.takeIfFree()) {
          await this.#listen(entry, signal).finally(() => this.streams.give());
        } else {
          await pause(POLL_SECONDS * Math.max(1, this.entries.filter(({ rests }) => !rests).length / 4), signal);
        }
        lost = 0;
      } catch (error) {
        signal.throwIfAborted();
        if (error.status === 404) throw new Refused("errorGone");
        if (!(error instanceof ConnectionLost || error.passes)) throw error;
        if (!error.passes) this.#changed(entry, { trouble: { name: "reconnecting" } });
        await pause(backOff((lost += 1)), signal);
      }
    }
  }

  async #listen(entry, signal) {
    for await (const { name, data } of jobEvents(entry.id, signal)) {
      if (name === "job") this.#take(entry, data);
      else if (data.type === "transcript.text.delta") this.#changed(entry, { text: entry.text + data.delta });
      if (entry.rests) return;
    }
  }

  #take(entry, job) {
    const states = { queued: "queued", in_progress: "running", completed: "done", failed: "failed" };
    // Cancelled elsewhere, in another tab with the same id: for us it is gone.
    if (!(job.status in states)) throw new Refused("errorGone");
    const text = job.text ?? entry.text;
    if (job.status === "failed") return this.#fail(entry, job.error);
    this.#changed(entry, { job: { ...entry.job, ...job }, state: states[job.status], text, trouble: null });
  }

  #fail(entry, error) {
    this.#changed(entry, { state: "failed", error, trouble: null });
  }

  #changed(entry, news = {}) {
    Object.assign(entry, news);
    this.dispatchEvent(new CustomEvent("change", { detail: entry }));
  }

  #listed() {
    keep(this.entries);
    this.dispatchEvent(new Event("list"));
  }
}

/** Refused by the page itself; `name` is that of the sentence in strings.js, `sizes` in bytes are for that. */
export class Refused extends Error {
  constructor(name, sizes = {}) {
    super(name);
    this.name = name;
    this.sizes = sizes;
  }
}

async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
