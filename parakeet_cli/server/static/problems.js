// Errors as sentences: our own in the page's language, the server's in its own words unless we have that code.

import { ApiError, ConnectionLost } from "./api.js";
import { currentLanguage, has, say, size } from "./language.js";
import { Refused } from "./queue.js";

/** One sentence. `error` is an Error, or the error object of a failed job. */
export function sentence(error) {
  if (error instanceof ConnectionLost) return say("errorConnection");
  if (error instanceof Refused) {
    return say(error.name, { size: size(error.sizes.size ?? 0), most: size(error.sizes.most ?? 0) });
  }
  const known = `error_${error.code}`; // as docs/server.md lists them; all that the page sends is a file
  if (currentLanguage() !== "en" && has(known)) return say(known);
  return error.message || say("errorAnswer", { status: error instanceof ApiError ? error.status : "?" });
}
