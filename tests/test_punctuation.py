"""Where sentences and clauses end, and where no line may break."""

from itertools import pairwise

import pytest

from parakeet_cli.punctuation import ends_clause, ends_sentence, forbids_break, is_opening, is_punctuation


def sentences(text: str) -> list[str]:
    words = text.split()
    found: list[list[str]] = [[]]
    for word, following in zip(words, [*words[1:], None], strict=True):
        found[-1].append(word)
        if ends_sentence(word, following) and following is not None:
            found.append([])
    return [" ".join(words) for words in found]


def unbreakable(text: str) -> list[str]:
    """The pairs of neighbours that no line break may part."""
    words = text.split()
    return [f"{a} {b}" for a, b in pairwise(words) if forbids_break(a, b)]


@pytest.mark.parametrize(
    "text",
    [
        "It rose by 3.5 percent to 13.77 billion",
        "Dr. Viv Robinson rewrites cosmology",
        "Mr. He and Mrs. The met Prof. Who",
        "The U.S. Army and the U.S. government agree",
        "Use a tool, e.g. Hammers or i.e. Nails",
        "He came on Jan. 5 to No. 10 of St. James Street",
        "J. R. R. Tolkien knew C. S. Lewis",
        "А. С. Пушкин родился в Москве",
        "Apples, pears, etc. and more",
        "At 5 p.m. on Monday he left",
        'He asked "Really?" and left',
        "and then... and then… nothing",
        "George W. Bush Jr. spoke at Acme Inc. headquarters",
        "Am 3. Oktober 1990 und am 21. Januar, z.B. in Berlin",
        "Le 3. étage, ca. 10 Meter",
        "www.diffusionradio.com is a page, Node.js a program",
        "Мы жили там, т. е. в доме, и т. д. и т. п.",
        "В 1995 г. в Москве было 20 тыс. человек",
        "Er kam, d. h. er ging, und evtl. kommt er z. B. in Berlin an",
        "Elisabeth II. war Königin und Louis XIV. regierte",
        "Los EE. UU. son grandes",
        "An 8 oz. glass took about 5 min. to empty",
        "auf 3,5 Mio. Euro und 2 Mrd. Dollar, ca. Ende Mai",
        "Der Vater bzw. Großvater wohnte Hauptstr. 5, siehe Abs. 3",
        "Er spielte beim 1. FC Köln in der 2. Bundesliga nach dem 2. Weltkrieg",
        "– Dr. Müller kommt am – 3. Mai mit – Sra. López",
        "Smith et al. wrote it at 6 ft. above the ground, est. 1995",
    ],
)
def test_this_is_one_sentence(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "I was 17. | My mother was 3.5 metres away.",
        "He lives in the U.S. | He likes it.",
        "No. | I will not.",
        "We left at 5 p.m. | Then it rained.",
        "She works for Acme Inc. | The firm is small.",
        "He lives on Main St. | The house is old.",
        "That was plan B. | We had no other.",
        'He said "Yes." | (It was late.) | "Really?" | She laughed!',
        "And then... | Nothing. | Wait… | What?!",
        "Τι κάνεις; | Καλά, εσύ;",
        "¿Qué tal? | ¡Bien!",
        "«Oui !» | Elle rit.",
        "你好。 | 再见！ | 真的？",
        "هل أنت بخير؟ | نعم۔",
        "मैं ठीक हूँ। | धन्यवाद।",
        "Buy apples, pears, etc. | Then go.",
        "Je ne sais pas où il est. | Mais elle arrive. | C'est mon prof. | Il est gentil.",
        "Han satte sig. | Det var hon. | Vi ses sen. | Det blir i maj. | Sedan åt vi.",
        "Nie wiem co. | Potem. | Il libro è mio. | Poi ancora.",
        "Это я. | Потом и т. д. | Всё. | Написал не я. | А. С. Пушкин писал.",
        "He lives in Fresno, CA. | He likes it. | That's all. | eBay bought it. | C'est ici. | d'Artagnan est venu.",
        "it works without capitals. | then it goes along. | really",
    ],
)
def test_sentences_end_at_the_bars(text: str) -> None:
    assert sentences(text.replace(" |", "")) == text.split(" | ")


def test_a_decimal_is_not_a_sentence_end() -> None:
    assert not ends_sentence("3.5", "percent")
    assert not ends_sentence("3.", "5")


def test_the_last_full_stop_ends_a_sentence_even_after_an_abbreviation() -> None:
    assert ends_sentence("Dr.", None)


@pytest.mark.parametrize("word", ["", '"', "word", "so,", "(", "»"])
def test_a_word_without_a_stop_ends_no_sentence(word: str) -> None:
    assert not ends_sentence(word, None)


@pytest.mark.parametrize("word", ["so,", "thus:", "it;", "well –", "و،", "是，", 'so,"', "no?", "but..."])
def test_a_clause_ends_at_its_mark(word: str) -> None:
    assert ends_clause(word)


@pytest.mark.parametrize("word", ["Dr.", "U.S.", "word", "well-known", "end-", ""])
def test_no_clause_ends_without_a_mark(word: str) -> None:
    assert not ends_clause(word)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("about 10 000 people", ["10 000"]),
        ("exactly 3 . 5 litres", ["3 .", ". 5"]),
        ("exactly 3. 5 litres", ["3. 5"]),
        ("roughly 10, 000 people", ["10, 000"]),
        ("in 1995, 200 people", []),
        ("up 10 % for $ 5", ["10 %", "$ 5"]),
        ("then Dr. Robinson spoke", ["Dr. Robinson"]),
        ("then J. R. R. Tolkien spoke", ["J. R.", "R. R.", "R. Tolkien"]),
        ("on Jan. 5 at No. 10 today", ["Jan. 5", "No. 10"]),
        ("the U.S. Army went", ["U.S. Army"]),
        ("in the U.S. He went", []),
        ("plan B. We went", []),
        ("Oui ! dit « Marie » hier", ["Oui !", "« Marie", "Marie »"]),
        ("one two three, four", []),
    ],
)
def test_no_line_breaks_inside_numbers_and_names(text: str, pairs: list[str]) -> None:
    assert unbreakable(text) == pairs


def test_nothing_is_forbidden_beside_an_empty_word() -> None:
    assert not forbids_break("", "word")
    assert not forbids_break("word", "")


@pytest.mark.parametrize("text", [",", " ?", "...", "»", "—", "¿", " «"])
def test_marks_are_punctuation(text: str) -> None:
    assert is_punctuation(text)


@pytest.mark.parametrize("text", ["", " ", "a", "a.", "%", "&", "5", "€", "+"])
def test_what_is_pronounced_is_not_punctuation(text: str) -> None:
    assert not is_punctuation(text)


@pytest.mark.parametrize("mark", ["«", " (", "„", "¿", " “"])
def test_marks_that_open(mark: str) -> None:
    assert is_opening(mark)


@pytest.mark.parametrize("mark", ["", '"', " '", "»", ")", ".", "-"])
def test_marks_that_need_not_open(mark: str) -> None:
    assert not is_opening(mark)
