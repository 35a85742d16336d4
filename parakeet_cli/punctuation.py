"""What the marks in a text say: where a sentence or a clause ends, and where no line may break.

Questions are asked about words as they stand in a transcript, marks included, and about the word after, since
"U.S." ends a sentence before "He" and none before "Army". The lists are English with the commonest forms of
other European languages; a word that no list knows is judged by its shape.
"""

import re
import unicodedata

__all__ = ["ends_clause", "ends_sentence", "forbids_break", "is_dash", "is_opening", "is_punctuation"]


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SPOKEN = frozenset("%‰&@#§*/\\")
"""Punctuation by Unicode's categories, but people say them: "five percent"."""

_CLOSERS = "\"'”’»›)]}」』】）〉》"
_OPENERS = "\"'“‘„‚«‹([{¿¡「『【（〈《"
_STOPS = frozenset("?!？！。｡؟۔।॥։።‽⁇⁈⁉\u037e")  # U+037E is the Greek question mark
_CLAUSE_MARKS = frozenset(",;:–—،؛、，；：…·")
_DOTS = frozenset(".．")
_DASHES = "-–—"

_NEVER_LAST = _listed(
    """
    bzw cf dhr dr e.g evtl i.e inkl messrs mevr mlle mme mr mrs ms mx vs
    """
)
"""Something always follows these."""

_NEVER_LAST_SO_WRITTEN = _listed("ca Ca Mio Mrd Prof Tsd")
"""The same; otherwise they are other words, such as Italian "mio" and California's CA, or no abbreviations."""

_SELDOM_LAST = _listed(
    """
    adm al amb assn atty brig bros capt cmdr co col corp cpl cpt dept dra fr ft gen gmbh gov hon hr inc jr
    lt ltd maj mgr mt pres pvt rep rev sen sgt sig sr sra srta st ste supt univ
    """
)
"""A name mostly follows or stands before; they end a sentence only before a word that surely starts one.

With a small letter most are words of other languages, which do end sentences: French "est", Swedish "hon" and "sig".
"""

_SELDOM_LAST_IN_SMALL = _listed("al ft")
"""Of those: "et al.", "5 ft."."""

_OFTEN_LAST = _listed("a.m p.m approx ave blvd etc ext rd tel usw viz")
"""They end a sentence before any capital."""

_BEFORE_NUMBERS = _listed(
    """
    abs art cap ch eq est fig figs no nos nr núm p par pp sec str vol vols
    apr aug dec feb jan jul jun mar nov oct sep sept fri mon sat sun thu thur thurs tue tues wed
    """
)
"""Abbreviations before a number and ordinary words otherwise: "No. 5", "No. I won't"."""

_STARTERS = _listed(
    """
    a after all although an and as at because before but by did do does for from he her here his how
    however i i'd i'll i'm i've if in is it it's its let let's maybe my no not now of oh ok okay on once
    one or our she she's since so some sometimes that that's the their then there there's these they
    they're this those though to today tomorrow until we we'll we're we've well what what's when where
    which while who why with yes yet you you're your
    """
)
"""English words that begin a sentence where they are capitalised, and no name."""

_AFTER_ORDINALS = _listed(
    """
    januar jänner februar märz april mai juni juli august september oktober november dezember jahrhundert
    bundesliga etage fc halbzeit kapitel klasse liga platz runde weltkrieg
    """
)
"""German capitalises nouns, so the case of the word after "3." tells nothing."""

_LONGEST_ABBREVIATION = 4
"""Letters; a full stop after more of them ends a sentence, although nobody may write capitals after it."""

_LETTER_AND_STOP = re.compile(r"[^\W\d_]\.")
_ACRONYM = re.compile(r"(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,3}")
_DIGITS_LAST = re.compile(r"\d[.,:/]?$")
_GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")


def is_punctuation(text: str) -> bool:
    """Whether ``text`` has marks and nothing that is pronounced; spaces around them do not count."""
    marks = text.strip()
    return bool(marks) and all(unicodedata.category(mark).startswith("P") and mark not in _SPOKEN for mark in marks)


def is_opening(mark: str) -> bool:
    """Whether ``mark``, with a space before it, can only belong to what follows; straight quotes can be either."""
    bare = mark.strip()
    return bool(bare) and all(character in _OPENERS and character not in "\"'" for character in bare)


def is_dash(mark: str) -> bool:
    """Of the kind that begins what somebody says, or stands between two clauses."""
    return len(mark.strip()) == 1 and mark.strip() in _DASHES


def ends_sentence(word: str, following: str | None) -> bool:
    """Whether a sentence ends with ``word``; ``following`` is the next word, or None after the last one."""
    bare = word.rstrip(_CLOSERS)
    if not bare:
        return False
    is_quoted = len(bare) < len(word)
    if bare[-1] in _STOPS or (bare[-1] == ";" and _GREEK.search(bare)):
        goes_on = is_quoted or (following is not None and following[:1] in _DASHES)  # "Wait! – he said."
        return not (goes_on and _starts_small(following))
    if bare.endswith(("…", "..")):
        return not _starts_small(following)
    if bare[-1] not in _DOTS:
        return False
    return following is None or _full_stop_ends(_stem(bare), following)


def ends_clause(word: str) -> bool:
    """Whether a clause ends with ``word``: after a comma, a colon, a dash that stands free, and the like."""
    bare = word.rstrip(_CLOSERS)
    return bare[-1:] in _CLAUSE_MARKS | _STOPS or bare.endswith((" -", "..."))


def forbids_break(left: str, right: str) -> bool:
    """Whether no line and no cue may end between two neighbouring words.

    True inside a number ("10 000", "3. 5"), between a number and its sign, after an abbreviation before what
    it belongs to, between initials and a name, before a mark that closes and after one that opens.
    """
    if is_punctuation(right) and right[0] not in "¿¡“„«‹([{":
        return True
    if left and all(mark in _OPENERS for mark in left):
        return True
    if left in {".", ",", ":", "$", "€", "£"} and right[:1].isdigit():
        return True
    if _DIGITS_LAST.search(left):
        return _continues_number(left, right)
    return left[-1:] in _DOTS and _belongs_to_next(_stem(left), left, right)


def _full_stop_ends(stem: str, following: str) -> bool:
    name = stem.casefold()
    before_digit = _first(following).isdigit()
    before_small = _starts_small(following)
    if _is_never_last(stem) or _is_half_of_two(stem, following):
        return False
    if name in _BEFORE_NUMBERS or name.endswith("str"):  # Hauptstr. 5
        return not before_digit
    if stem.isdigit():
        return not _is_ordinal(stem, following)
    if name in _OFTEN_LAST:
        return not (before_digit or before_small)
    if _is_seldom_last(stem) or _is_initial(stem) or _ACRONYM.fullmatch(stem):
        return _starts_sentence(following)
    return not (before_small and (len(stem) <= _LONGEST_ABBREVIATION or stem.isupper()))


def _belongs_to_next(stem: str, left: str, right: str) -> bool:
    if _is_never_last(stem) or _is_half_of_two(stem, right):
        return True
    is_short = _is_seldom_last(stem) or stem.casefold() in _BEFORE_NUMBERS
    is_short = is_short or _is_initial(stem) or _ACRONYM.fullmatch(stem) is not None
    return is_short and not _starts_small(right) and not ends_sentence(left, right)


def _continues_number(left: str, right: str) -> bool:
    if right[:1] in "%‰°€$£":
        return True
    if not right[:1].isdigit():
        return False
    # "in 1995, 200 people" are two numbers; "10, 000" and "3. 5" are one.
    return left[-1].isdigit() or len(_stem(left)) <= 3


def _is_ordinal(stem: str, following: str) -> bool:
    if len(stem) > 3:
        return False
    word = following.rstrip(",.;:?!").casefold()
    return _first(following).isdigit() or _starts_small(following) or word in _AFTER_ORDINALS


def _is_never_last(stem: str) -> bool:
    return stem.casefold() in _NEVER_LAST or stem in _NEVER_LAST_SO_WRITTEN


def _is_seldom_last(stem: str) -> bool:
    return stem.casefold() in _SELDOM_LAST and (not stem.islower() or stem in _SELDOM_LAST_IN_SMALL)


def _is_half_of_two(stem: str, following: str) -> bool:
    """As in "z. B.", "d. h." and "т. е.": two letters, each with its full stop; and Spanish "EE. UU."."""
    if stem == "EE":
        return following.startswith("UU.")
    is_half = len(stem) == 1 and stem.islower() and _LETTER_AND_STOP.match(following) is not None
    return is_half and (stem.isascii() or following[0].islower())  # "написал не я. А. С. Пушкин": a word and a name


def _is_initial(stem: str) -> bool:
    return len(stem) == 1 and stem.isupper()


def _starts_sentence(following: str) -> bool:
    word = following.lstrip(_OPENERS).rstrip(",.;:?!…" + _CLOSERS)
    return word[:1].isupper() and word.replace("’", "'").casefold() in _STARTERS


def _starts_small(following: str | None) -> bool:
    """Not so "iPhone" and "d'Artagnan", which may begin a sentence."""
    return following is not None and _first(following).islower() and following.islower()


def _first(word: str) -> str:
    """The first letter or digit, or nothing."""
    return next((character for character in word if character.isalnum()), "")


def _stem(word: str) -> str:
    """The word without the opening marks before it and one closing mark after it."""
    return word.lstrip(_OPENERS + _DASHES + " ")[:-1]
