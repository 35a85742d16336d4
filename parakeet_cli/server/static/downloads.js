// Files to take away: the server's own layout, or its layout of the edited text.

import { getResult, layOut } from "./api.js";
import { element } from "./dom.js";
import { Transcript } from "./transcript.js";

/** Extension of a file: the name of that format in the API, and its media type. */
const FORMATS = {
  srt: ["srt", "application/x-subrip"],
  vtt: ["vtt", "text/vtt"],
  txt: ["text", "text/plain"],
  json: ["parakeet_json", "application/json"],
};

export const EXTENSIONS = Object.keys(FORMATS);

/**
 * Save the result of `entry`, as it was edited, in one of EXTENSIONS; resolves to the file's name. Of the transcript
 * that is `shown` this works also once the server has forgotten it.
 */
export async function download(entry, extension, shown = null) {
  const name = `${entry.name.replace(/\.[^.]*$/, "") || entry.name}.${extension}`;
  save(await content(entry, extension, shown), FORMATS[extension][1], name);
  return name;
}

/** Copy `text`; false if the browser does not let us. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text); // without TLS a page has no clipboard but this
  }
}

async function content(entry, extension, shown) {
  const [format] = FORMATS[extension];
  if (!entry.edited) {
    try {
      return await getResult(entry.id, format);
    } catch (error) {
      if (!shown || error.status !== 404) throw error;
    }
  }
  const edited = shown ?? new Transcript(JSON.parse(await getResult(entry.id, "parakeet_json")), entry.edits);
  return extension === "json" ? `${JSON.stringify(edited, null, 2)}\n` : layOut(JSON.stringify(edited), format);
}

function save(text, type, name) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function copyOldWay(text) {
  const field = element("textarea", { class: "unseen", readonly: true });
  const focused = document.activeElement;
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}
