"""What the fields of a request order."""

import pytest

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.fields import Fields
from parakeet_cli.server.model_names import Served
from parakeet_cli.server.orders import Format, Granularity, Order, read_order

ENGLISH = Served("parakeet-tdt-0.6b-v2", "en")
EUROPEAN = Served("parakeet-tdt-0.6b-v3", None)
UNKNOWN = Served("my-own-checkpoint", None)

BOTH = frozenset({Granularity.WORD, Granularity.SEGMENT})


def order(served: Served = ENGLISH, /, *items: tuple[str, str], **fields: str) -> Order:
    return read_order(Fields([*items, *fields.items()]), served)


def refusal(served: Served = ENGLISH, /, **fields: str) -> ApiError:
    with pytest.raises(ApiError) as raised:
        order(served, **fields)
    return raised.value


def test_nothing_orders_the_defaults() -> None:
    assert order() == Order()


def test_all_that_clients_send_is_taken() -> None:
    items = [
        ("model", "whisper-1"), ("language", "en"), ("prompt", "Names: Ada"), ("temperature", "0.2"),
        ("include[]", "logprobs"), ("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", ".4"),
        ("keywords[]", "a"), ("keywords[]", "b"), ("languages[]", "en"), ("languages[]", "fr"), ("stream", "True"),
        ("known_speaker_names[]", "x"), ("hotwords", "z"), ("vad_filter", "false"), ("extra_body[seed]", "1"),
    ]  # fmt: skip
    wanted = Order("whisper-1", language="en", temperature=0.2, logprobs=True, stream=True)
    assert order(ENGLISH, *items) == wanted


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe", ""])
def test_every_model_name_has_every_format(form: Format, model: str) -> None:
    assert order(response_format=form, model=model).format is form


def test_an_unknown_format_is_told_the_known_ones() -> None:
    error = refusal(response_format="xml")
    assert (error.status, error.param, error.code) == (400, "response_format", "invalid_value")
    assert "'verbose_json'" in error.message


def test_speakers_are_refused() -> None:
    error = refusal(response_format="diarized_json")
    assert (error.status, error.param, error.code) == (400, "response_format", "unsupported_value")


@pytest.mark.parametrize("value", ["word,segment", "segment,word", '["word","segment"]'])
def test_granularities_are_a_set(value: str) -> None:
    assert order(response_format="verbose_json", timestamp_granularities=value).granularities == BOTH


def test_no_granularity_is_segments() -> None:
    assert order(ENGLISH, ("timestamp_granularities", "[]")).granularities == {Granularity.SEGMENT}


def test_words_without_verbose_json_are_left_out_with_a_warning() -> None:
    assert "verbose_json" in order(ENGLISH, ("timestamp_granularities[]", "word")).warnings[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "abc"),
        ("temperature", "9"),
        ("timestamp_granularities", "phoneme"),
        ("include", "probabilities"),
        ("chunking_strategy", "by_chapter"),
        ("chunking_strategy", '{"type":"by_chapter"}'),
        ("stream", "perhaps"),
    ],
)
def test_a_wrong_value_names_its_field(field: str, value: str) -> None:
    assert (refusal(**{field: value}).status, refusal(**{field: value}).param) == (400, field)


@pytest.mark.parametrize("value", ["auto", '"auto"', "", '{"type":"server_vad","threshold":0.4}', "null"])
def test_a_chunking_strategy_has_many_shapes(value: str) -> None:
    assert order(chunking_strategy=value) == Order()


@pytest.mark.parametrize("text", ["en", "EN", "en-US", "eng", "english"])
def test_a_language_is_one_code_however_it_is_named(text: str) -> None:
    assert order(language=text).language == "en"


@pytest.mark.parametrize("text", ["", "auto", "und"])
def test_no_language_is_left_open(text: str) -> None:
    assert order(language=text).language is None


def test_what_is_no_language_is_refused() -> None:
    error = refusal(language="hh")
    assert (error.status, error.param, error.code) == (400, "language", "invalid_language_format")


@pytest.mark.parametrize(("served", "text"), [(ENGLISH, "fr"), (EUROPEAN, "ja")])
def test_a_language_that_the_checkpoint_does_not_know_is_refused(served: Served, text: str) -> None:
    error = refusal(served, language=text)
    assert (error.status, error.param, error.code) == (400, "language", "unsupported_language")


def test_a_checkpoint_of_which_nothing_is_known_gets_any_language() -> None:
    assert order(UNKNOWN, language="ja").language == "ja"


def test_one_candidate_is_the_language() -> None:
    assert order(EUROPEAN, languages="fr").language == "fr"


def test_of_several_candidates_none_is_chosen() -> None:
    assert order(ENGLISH, languages="fr,en").language is None


def test_candidates_that_the_checkpoint_does_not_know_are_refused() -> None:
    assert refusal(languages="fr,de").param == "languages"


def test_a_prompt_is_no_language() -> None:
    assert order(prompt="fr") == Order()


def test_with_the_legacy_model_a_prompt_of_two_letters_is_the_language() -> None:
    assert order(EUROPEAN, model="parakeet_srt_words", prompt="fr").language == "fr"


@pytest.mark.parametrize("prompt", ["", "au", "A long prompt."])
def test_with_the_legacy_model_another_prompt_says_nothing(prompt: str) -> None:
    """``au`` is what pyVideoTrans makes of ``auto``."""
    assert order(model="parakeet_srt_words", prompt=prompt).language is None


@pytest.mark.parametrize("name", ["", "whisper-1", "gpt-transcribe", "v2", "nvidia/parakeet-tdt-0.6b-v2", "WHISPER-1"])
def test_names_of_the_checkpoint_need_no_warning(name: str) -> None:
    assert order(model=name).warnings == ()


def test_another_model_is_stood_in_for_with_a_warning() -> None:
    assert "'parakeet-tdt-0.6b-v3' is not served here" in order(model="parakeet-tdt-0.6b-v3").warnings[0]


def test_a_name_from_the_path_holds_where_the_form_has_none() -> None:
    assert read_order(Fields([]), ENGLISH, "whisper-1").model == "whisper-1"
    assert read_order(Fields([("model", "gpt-transcribe")]), ENGLISH, "whisper-1").model == "gpt-transcribe"


@pytest.mark.parametrize(("name", "status"), [("", 400), ("nope", 404)])
def test_where_names_are_strict_only_ours_are_taken(name: str, status: int) -> None:
    strict = Served("parakeet-tdt-0.6b-v2", "en", is_strict=True)
    assert refusal(strict, model=name).status == status
    assert order(strict, model="whisper-1").model == "whisper-1"
