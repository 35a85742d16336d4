// When to go on: pauses that can be broken off, growing pauses, and a number of places.

/** Resolves after `seconds`; rejects as soon as `signal` is aborted. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const leave = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", leave);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", leave);
  });
}

/** Seconds before try number `tries` + 1: 1, 2, 4 … 30, each up to a quarter longer, lest all come back at once. */
export function backOff(tries) {
  return Math.min(30, 2 ** (tries - 1)) * (1 + Math.random() / 4);
}

/** A number of places, given to whoever waits longest. */
export class Places {
  constructor(count) {
    this.free = count;
    this.waiting = [];
  }

  takeIfFree() {
    if (this.free === 0) return false;
    this.free -= 1;
    return true;
  }

  /** Resolves once a place is ours; rejects, and takes none, when `signal` is aborted before. */
  take(signal) {
    if (this.takeIfFree()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      signal.addEventListener("abort", () => {
        const place = this.waiting.indexOf(resolve);
        if (place >= 0) this.waiting.splice(place, 1);
        reject(signal.reason);
      });
    });
  }

  give() {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}
