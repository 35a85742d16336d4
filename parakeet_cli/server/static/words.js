// An edited sentence keeps the times of its words: what was not touched stays, what is new shares the time of what
// it replaces.

// Kana, ideographs, their punctuation and wide forms, as the server's spacing.py has them.
const UNSPACED =
  "[\\u3000-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\uff01-\\uff9f\\u{20000}-\\u{3ffff}]";
const NEVER_FIRST = "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶーゝゞヽヾ々〻";
const TIGHT = new RegExp(`^(${UNSPACED}{2}|${UNSPACED}[0-9A-Za-z]|[0-9A-Za-z]?${UNSPACED})$`, "u");
const WORD = `${UNSPACED}[\\p{P}${NEVER_FIRST}]*|(?:(?!${UNSPACED})\\S)+`;

/** What stands between two words: nothing where both are written without spaces, or one, and the other is Latin. */
export function spaceBetween(left, right) {
  return TIGHT.test(([...left].at(-1) ?? "") + ([...right][0] ?? "")) ? "" : " ";
}

/** Texts of words as one text. */
export function joined(texts) {
  return texts.map((text, at) => (at > 0 ? spaceBetween(texts[at - 1], text) : "") + text).join("");
}

/** The words of `text`, with the times of `words` where they are the same word, and fitting ones where not. */
export function reword(words, text) {
  const made = [];
  for (const { kept, old, fresh } of stretches(words, parted(words, text))) {
    if (kept) made.push(kept);
    else if (old.length) made.push(...spread(fresh, old[0].start, old.at(-1).end));
    else made.push(...fresh.map((word) => ({ text: word })));
  }
  return timed(made);
}

/** The words in `text`; where no spaces part them, those that were there before are found first. */
function parted(words, text) {
  const known = words.map((word) => word.text).filter((word) => new RegExp(UNSPACED, "u").test(word));
  const longestFirst = known.sort((one, other) => other.length - one.length).map(escaped);
  return text.match(new RegExp([...longestFirst, WORD].join("|"), "gu")) ?? [];
}

function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** In order: words that stay (`kept`), and between them `fresh` texts in the place of `old` words. */
function stretches(words, texts) {
  const found = [];
  let [from, at] = [0, 0];
  for (const [word, place] of [...commonWords(words, texts), [words.length, texts.length]]) {
    found.push({ old: words.slice(from, word), fresh: texts.slice(at, place) });
    if (word < words.length) found.push({ kept: words[word] });
    [from, at] = [word + 1, place + 1];
  }
  return found;
}

/** The longest common subsequence, as pairs of places; sentences are short enough for the plain table. */
function commonWords(words, texts) {
  const lengths = words.map(() => new Uint16Array(texts.length + 1));
  lengths.push(new Uint16Array(texts.length + 1));
  for (let word = words.length - 1; word >= 0; word -= 1) {
    for (let place = texts.length - 1; place >= 0; place -= 1) {
      lengths[word][place] =
        words[word].text === texts[place]
          ? lengths[word + 1][place + 1] + 1
          : Math.max(lengths[word + 1][place], lengths[word][place + 1]);
    }
  }
  const pairs = [];
  for (let word = 0, place = 0; word < words.length && place < texts.length; ) {
    if (words[word].text === texts[place]) pairs.push([word++, place++]);
    else if (lengths[word + 1][place] >= lengths[word][place + 1]) word += 1;
    else place += 1;
  }
  return pairs;
}

/** Words that were put in where none were share the time of the word before them or, at the start, after them. */
function timed(words) {
  const groups = [];
  let first = [];
  for (const word of words) {
    if (word.start !== undefined) {
      groups.push([...first, word]);
      first = [];
    } else {
      (groups.at(-1) ?? first).push(word);
    }
  }
  return groups.flatMap(shared);
}

/** One word with a time and any number without; all get a part of that time, and the one keeps all else it has. */
function shared(group) {
  if (group.length === 1) return group;
  const owner = group.find(({ start }) => start !== undefined);
  const parts = spread(group.map(({ text }) => text), owner.start, owner.end);
  return parts.map((part, at) => (group[at] === owner ? { ...owner, start: part.start, end: part.end } : part));
}

/** Divide a time by the lengths of the words. A word that somebody typed has no confidence of the model's. */
function spread(texts, start, end) {
  const total = texts.reduce((sum, text) => sum + text.length, 0);
  let past = 0;
  return texts.map((text) => {
    const from = moment(start, end, past / total);
    past += text.length;
    return { text, start: from, end: moment(start, end, past / total), confidence: null };
  });
}

/** To the millisecond, as all times of a transcript are. */
function moment(start, end, share) {
  return Math.round((start + (end - start) * share) * 1000) / 1000;
}
