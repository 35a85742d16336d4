"""The checkpoints that parakeet knows by name.

Facts about the hub (revision, size, sha256) stand here only where public material confirms them; the comment
at an entry names it. Where the sha256 is unknown, the hub's own is checked and recorded at download.
"""

from dataclasses import dataclass

from parakeet_cli.settings import DEFAULT_MODEL

__all__ = ["MODELS", "Model", "known", "known_file"]


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint with a name: where it comes from and what it understands.

    ``languages`` are ISO 639-1 codes. ``repository`` is its ``org/name`` on the hub, None for one that
    ships with parakeet; ``revision`` a commit, None for the branch ``main``; ``size`` in bytes.
    """

    name: str
    filename: str
    languages: tuple[str, ...]
    licence: str
    aliases: tuple[str, ...] = ()
    repository: str | None = None
    revision: str | None = None
    size: int | None = None
    sha256: str | None = None


def _nvidia(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    languages: tuple[str, ...] = ("en",),
    revision: str,
    size: int | None = None,
    sha256: str | None = None,
) -> Model:
    """NVIDIA's repositories hold one ``.nemo`` named like themselves, under CC BY 4.0 (their model cards)."""
    return Model(name, f"{name}.nemo", languages, "CC-BY-4.0", aliases, f"nvidia/{name}", revision, size, sha256)


_EUROPEAN = (
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it"),
    *("lt", "lv", "mt", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "uk"),
)

MODELS = (
    # Revision, size and sha256 agree in two model catalogues, the pinned inputs of sglang-omni's
    # Full-Duplex-Bench and a WebGPU converter's source manifest.
    _nvidia(
        DEFAULT_MODEL,
        aliases=("v2", "0.6b-v2"),
        revision="ae9ad07059c7c739ffaf932226a8fe64ae2620b0",
        size=2_472_222_720,
        sha256="d99e39955c9d3d0350d8fb7c75e40c64a2b2eaeb003883d7c941fd2e8747b28c",
    ),
    # Revision, size and sha256 agree in a server's component table, the notes of a conversion of parakeet-ultra and
    # three Dockerfiles that check them at build. Languages: handy-computer/transcribe.cpp, after NVIDIA's card.
    _nvidia(
        "parakeet-tdt-0.6b-v3",
        aliases=("v3", "0.6b-v3"),
        languages=_EUROPEAN,
        revision="541d1f99c6b0c3cd0b11a95167540bb8edefd82b",
        size=2_509_332_480,
        sha256="3cbdc85877e668ca7b82d0d56770eb1fac76691f55d6b97545e8d61ca588d10d",
    ),
    # The manifest of vokra's converter, and two scripts of the project Echora that check size and sha256.
    _nvidia(
        "parakeet-tdt-1.1b",
        aliases=("1.1b",),
        revision="53276c6469d1f17a1352e30c4d11be3d0d7e9575",
        size=4_283_136_000,
        sha256="9c563d52bdffeacbac0c5b894fdea9be82fea3a6bd8bb8018ff57888e2b5d988",
    ),
    # Revision: handy-computer/transcribe.cpp and a wrapper of the CLAMS platform.
    _nvidia(
        "parakeet-tdt_ctc-110m",
        aliases=("110m",),
        revision="431a349f3051ab85c22b9b7a2741b5fe77065665",
    ),
    # Revision: a wrapper of the CLAMS platform; handy-computer/transcribe.cpp has its first seven digits.
    _nvidia(
        "parakeet-tdt_ctc-1.1b",
        revision="675e78684c83ae21e2a8fb042726b66d91b9ba3d",
    ),
    # Revision: several Japanese benchmarks and converters.
    _nvidia(
        "parakeet-tdt_ctc-0.6b-ja",
        aliases=("ja",),
        languages=("ja",),
        revision="44edb27eea9317daf89333e75eb830db4b1cc298",
    ),
    # Revisions of the next three: handy-computer/transcribe.cpp, reports/porting/parakeet/*/intake.json.
    _nvidia("parakeet-rnnt-0.6b", revision="c0c1f09fdc3f18b0b2ddbeafd5d6684f1b38078f"),
    _nvidia("parakeet-ctc-0.6b", revision="ad09ba1cc62743fbc9814de5d2016fca9096485a"),
    _nvidia("parakeet-ctc-1.1b", revision="a707e818195cb97c8f7da2fc36b221a29f69a5db"),
    # The evidence manifest of the project Figment; sha256 also in a second catalogue.
    _nvidia(
        "parakeet-rnnt-1.1b",
        revision="a07b19e98a26c1873a3f2622c446a4a1ca6316cb",
        size=4_283_105_280,
        sha256="535896f014953d945b287ac533560e20da8103c6781b152de4645528e2b60738",
    ),
    Model("demo", "parakeet-tdt-demo.nemo", ("en",), "CC-BY-SA-4.0", ("parakeet-tdt-demo",)),
)


def known(name: str) -> Model | None:
    """The model of this name, alias or hub repository, in any case and with ``-`` for ``_``."""
    return _BY_NAME.get(_plain(name))


def known_file(filename: str) -> Model | None:
    """The model whose checkpoint has this file name."""
    return _BY_FILENAME.get(filename.casefold())


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")


_BY_NAME = {
    _plain(name): model
    for model in MODELS
    for name in (model.name, *model.aliases, *([model.repository] if model.repository else []))
}
_BY_FILENAME = {model.filename.casefold(): model for model in MODELS}
