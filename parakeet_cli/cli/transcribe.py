"""``parakeet transcribe``: the options, and the settings they make. The work is in ``batch_run``."""

from enum import StrEnum
from typing import Annotated

import typer

from parakeet_cli.cli.parsing import chunk_length, parse_batch_size, parse_time, parse_track
from parakeet_cli.errors import EngineError
from parakeet_cli.settings import (
    BatchSettings,
    ChunkSettings,
    DecodingSettings,
    Dtype,
    OnCollision,
    RecognizerSettings,
    TranscriptionSettings,
)

__all__ = ["transcribe"]

_INPUT, _OUTPUT, _MODEL, _BATCH, _TALK = (
    "What to transcribe",
    "Results",
    "Recognition",
    "Batch manners",
    "Messages",
)


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def transcribe(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files, folders, quoted globs, @list.txt (one input a line), http(s) URLs, or - for stdin.",
            show_default=False,
        ),
    ],
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            envvar="PARAKEET_FORMAT",
            rich_help_panel=_OUTPUT,
            metavar="LIST",
            help="srt, vtt, json, txt, tsv: one, several with commas, or all.",
        ),
    ] = "srt",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            envvar="PARAKEET_OUTPUT",
            rich_help_panel=_OUTPUT,
            metavar="DIR|-",
            help="Folder for the results (sub-folders are mirrored), or - for stdout. Default: beside each source.",
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            envvar="PARAKEET_PRESET",
            rich_help_panel=_OUTPUT,
            metavar="NAME",
            help="Rules for subtitle cues: default, netflix, bbc or shorts.",
        ),
    ] = "default",
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive",
            "-r",
            envvar="PARAKEET_RECURSIVE",
            rich_help_panel=_INPUT,
            help="Enter sub-folders.",
        ),
    ] = False,
    track: Annotated[
        str | None,
        typer.Option(
            envvar="PARAKEET_TRACK",
            rich_help_panel=_INPUT,
            metavar="N|LANG|all",
            help="Audio track by number from 1, by language, or all. Default: the file's default track.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(envvar="PARAKEET_START", rich_help_panel=_INPUT, metavar="TIME", help="Seconds or hh:mm:ss."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(envvar="PARAKEET_END", rich_help_panel=_INPUT, metavar="TIME", help="Seconds or hh:mm:ss."),
    ] = None,
    max_duration: Annotated[
        str | None,
        typer.Option(
            envvar="PARAKEET_MAX_DURATION",
            rich_help_panel=_INPUT,
            metavar="TIME",
            help="Refuse longer audio. Default: no limit.",
        ),
    ] = None,
    require_audio: Annotated[
        bool,
        typer.Option(
            "--require-audio",
            envvar="PARAKEET_REQUIRE_AUDIO",
            rich_help_panel=_INPUT,
            help="A video without sound is a failure, not a skip.",
        ),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            envvar="PARAKEET_MODEL",
            rich_help_panel=_MODEL,
            metavar="NAME|PATH",
            help="A name from `parakeet models list`, a Hugging Face org/name, or a .nemo file.",
        ),
    ] = "parakeet-tdt-0.6b-v2",
    device: Annotated[
        str,
        typer.Option(
            envvar="PARAKEET_DEVICE",
            rich_help_panel=_MODEL,
            metavar="DEVICE",
            help="auto, cpu, cuda or cuda:N.",
        ),
    ] = "auto",
    dtype: Annotated[
        Dtype,
        typer.Option(
            envvar="PARAKEET_DTYPE",
            rich_help_panel=_MODEL,
            help="Number format of the encoder; auto is fp16 on CUDA, bf16 on a CPU that has it, else fp32.",
        ),
    ] = Dtype.AUTO,
    batch_size: Annotated[
        str,
        typer.Option(
            envvar="PARAKEET_BATCH_SIZE",
            rich_help_panel=_MODEL,
            metavar="auto|N",
            help="Chunks encoded together.",
        ),
    ] = "auto",
    chunk_seconds: Annotated[
        float | None,
        typer.Option(
            envvar="PARAKEET_CHUNK_SECONDS",
            rich_help_panel=_MODEL,
            min=1,
            max=1200,
            help=f"Length of a chunk, without its context. Default: {ChunkSettings().chunk_seconds:g}.",
            show_default=False,
        ),
    ] = None,
    chunk_minutes: Annotated[float | None, typer.Option(envvar="CHUNK_MINITE", hidden=True, min=0.02, max=20)] = None,
    context_seconds: Annotated[
        float,
        typer.Option(
            envvar="PARAKEET_CONTEXT_SECONDS",
            rich_help_panel=_MODEL,
            min=0,
            max=60,
            help="Sound that a chunk hears before and after its own part.",
        ),
    ] = ChunkSettings().context_seconds,
    trust_model: Annotated[
        bool,
        typer.Option(
            "--trust-model",
            envvar="PARAKEET_TRUST_MODEL",
            rich_help_panel=_MODEL,
            help="Load a .nemo although it names classes outside NeMo.",
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            envvar="PARAKEET_OVERWRITE",
            rich_help_panel=_BATCH,
            help="Do everything again and replace what is there.",
        ),
    ] = False,
    on_collision: Annotated[
        OnCollision,
        typer.Option(
            envvar="PARAKEET_ON_COLLISION",
            rich_help_panel=_BATCH,
            help="When two inputs would write one file: keep both under longer names, refuse both, or take the first.",
        ),
    ] = OnCollision.SUFFIX,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared",
            envvar="PARAKEET_SHARED",
            rich_help_panel=_BATCH,
            help="Share the batch with other runs: leave out what another run is writing.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            envvar="PARAKEET_STRICT",
            rich_help_panel=_BATCH,
            help="A file that could be decoded only in part ends the run with exit code 3.",
        ),
    ] = False,
    max_failures: Annotated[
        int | None,
        typer.Option(
            envvar="PARAKEET_MAX_FAILURES",
            rich_help_panel=_BATCH,
            min=1,
            metavar="N",
            help="Stop after N failed files; 1 stops at the first.",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", envvar="PARAKEET_QUIET", rich_help_panel=_TALK, help="Say only what went wrong."),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            envvar="PARAKEET_VERBOSE",
            rich_help_panel=_TALK,
            help="Let NeMo and torch talk.",
        ),
    ] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            envvar="PARAKEET_LOG_FORMAT",
            rich_help_panel=_TALK,
            help="text, or json: one event a line on stderr.",
        ),
    ] = LogFormat.TEXT,
) -> None:
    """Transcribe audio and video into subtitles and text.

    A run that was stopped goes on where it was: what is done with the same input, model and settings is skipped.

    [bold]Examples[/bold]

      parakeet transcribe talk.mp4                              # talk.srt beside the video

      parakeet transcribe lectures/ -r -f srt,vtt,json -o out/  # a tree, mirrored

      parakeet transcribe - -o - -f txt < call.ogg              # any codec from stdin, text to stdout

      parakeet transcribe @list.txt "clips/*.m4a" https://host/ep1.mp3

      parakeet transcribe film.mkv --track jpn --start 1:00 --end 5:30
    """
    from parakeet_cli.cli.batch_run import Manners, run
    from parakeet_cli.cli.reporters import EventLog

    settings = TranscriptionSettings(
        decoding=DecodingSettings(
            track=None if track == "all" else parse_track(track),
            start=parse_time(start, "--start") or 0.0,
            end=parse_time(end, "--end"),
            max_duration=parse_time(max_duration, "--max-duration"),
        ),
        chunks=ChunkSettings(chunk_length(chunk_seconds, chunk_minutes), context_seconds),
        recognizer=RecognizerSettings(device, dtype, trust_model, verbose),
        batch=BatchSettings(parse_batch_size(batch_size)),
    )
    if settings.decoding.end is not None and settings.decoding.end <= settings.decoding.start:
        raise typer.BadParameter("--end must lie after --start.")
    manners = Manners(
        formats=formats,
        output=output,
        preset=preset,
        recursive=recursive,
        all_tracks=track == "all",
        require_audio=require_audio,
        overwrite=overwrite,
        on_collision=on_collision,
        shared=shared,
        strict=strict,
        max_failures=max_failures,
        quiet=quiet,
        json_log=log_format is LogFormat.JSON,
    )
    try:
        raise typer.Exit(run(inputs, model, settings, manners))
    except EngineError as error:
        if not manners.json_log:
            raise
        EventLog().ended_by(error)
        raise typer.Exit(error.exit_code) from error
