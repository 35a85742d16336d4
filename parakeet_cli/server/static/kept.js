// What outlives a reload of the page: the ids of this tab's jobs, and what was edited. Media do not.

const KEPT = "parakeet.jobs";

export function keep(entries) {
  const records = entries.filter(({ id }) => id).map(({ id, name, size, edits }) => ({ id, name, size, edits }));
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(records));
  } catch {
    // The store is full: what is kept already stays, and nothing of the work itself is lost.
  }
}

export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}
