"""The several codes that one language has in media files (ISO 639-1, 639-2/T and 639-2/B)."""

__all__ = ["same_language"]

_CODES = """
    ar ara | be bel | bg bul | bs bos | ca cat | cs ces cze | cy cym wel | da dan | de deu ger | el ell gre
    | en eng | es spa | et est | eu eus baq | fa fas per | fi fin | fr fra fre | ga gle | gl glg | he heb |
    hi hin | hr hrv | hu hun | hy hye arm | id ind | is isl ice | it ita | ja jpn | ka kat geo | ko kor | la
    lat | lb ltz | lt lit | lv lav | mk mkd mac | ms msa may | mt mlt | nb nob | nl nld dut | nn nno | no
    nor | pl pol | pt por | ro ron rum | ru rus | sk slk slo | sl slv | sq sqi alb | sr srp | sv swe | th
    tha | tr tur | uk ukr | vi vie | yi yid | zh zho chi
"""
_SHORTEST = {code: group.split()[0] for group in _CODES.split("|") for code in group.split()}


def same_language(one: str, other: str) -> bool:
    """Whether two tags name one language, regions aside: ``en-GB``, ``eng`` and ``EN`` do."""
    return _shortest(one) == _shortest(other)


def _shortest(tag: str) -> str:
    code = tag.replace("_", "-").partition("-")[0].lower()
    return _SHORTEST.get(code, code)
