"""``parakeet transcribe``: its options become settings. The work is in ``batch_run``."""

from typing import TYPE_CHECKING

import typer

from parakeet_cli.cli import options, server_options
from parakeet_cli.cli.model_options import Recognition, takes_recognition
from parakeet_cli.cli.parsing import parse_time, parse_track
from parakeet_cli.errors import EngineError
from parakeet_cli.settings import DecodingSettings, OnCollision, ReviewSettings

if TYPE_CHECKING:  # for --help to be quick
    from parakeet_cli.cli.workplace import Workplace

__all__ = ["transcribe"]

_REVIEW = ReviewSettings()


@takes_recognition
def transcribe(
    context: typer.Context,
    inputs: options.Inputs,
    formats: options.Formats = "srt",
    output: options.Output = None,
    preset: options.Preset = "default",
    min_confidence: options.MinConfidence = _REVIEW.least_confidence,
    review: options.Review = None,
    recursive: options.Recursive = False,
    track: options.Track = None,
    start: options.Start = None,
    end: options.End = None,
    max_duration: options.MaxDuration = None,
    require_audio: options.RequireAudio = False,
    server: server_options.Server = None,
    server_key: server_options.ServerKey = None,
    *,
    recognition: Recognition,
    overwrite: options.Overwrite = False,
    on_collision: options.OnCollision = OnCollision.SUFFIX,
    shared: options.Shared = False,
    strict: options.Strict = False,
    max_failures: options.MaxFailures = None,
    isolate: options.Isolate = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    log_format: options.LogFormat = options.LogStyle.TEXT,
) -> None:
    """Transcribe audio and video into subtitles and text.

    A run that was stopped goes on where it was: what is done with the same input, model and settings is skipped.

    [bold]Examples[/bold]

      parakeet transcribe talk.mp4                              # talk.srt beside the video

      parakeet transcribe lectures/ -r -f srt,vtt,json -o out/  # a tree, mirrored

      parakeet transcribe - -o - -f txt < call.ogg              # any codec from stdin, text to stdout

      parakeet transcribe @list.txt "clips/*.m4a" https://host/ep1.mp3

      parakeet transcribe film.mkv --track jpn --start 1:00 --end 5:30

      parakeet transcribe lectures/ -r --server http://gpu.lan:5092
    """
    from parakeet_cli.cli.batch_run import Manners, run
    from parakeet_cli.cli.reporters import EventLog

    decoding = DecodingSettings(
        track=None if track == "all" else parse_track(track),
        start=parse_time(start, "--start") or 0.0,
        end=parse_time(end, "--end"),
        max_duration=parse_time(max_duration, "--max-duration"),
    )
    if server is None:
        workplace = _here(context, recognition, decoding, isolate, verbose=verbose)
    else:
        workplace = _there(context, recognition, server, server_key)
    manners = Manners(
        formats=formats,
        output=output,
        preset=preset,
        least_confidence=min_confidence,
        review=review.expanduser().absolute() if review else None,
        recursive=recursive,
        all_tracks=track == "all",
        require_audio=require_audio,
        overwrite=overwrite,
        on_collision=on_collision,
        shared=shared,
        strict=strict,
        max_failures=max_failures,
        quiet=quiet,
        json_log=log_format is options.LogStyle.JSON,
    )
    try:
        raise typer.Exit(run(inputs, workplace, manners))
    except EngineError as error:
        if not manners.json_log:
            raise
        EventLog().ended_by(error)
        raise typer.Exit(error.exit_code) from error


def _here(
    context: typer.Context,
    recognition: Recognition,
    decoding: DecodingSettings,
    isolate: bool | None,
    *,
    verbose: bool,
) -> "Workplace":
    from parakeet_cli.cli.local_workplace import LocalWorkplace

    if server_options.is_given(context, "server_key", also_by_variable=False):
        raise typer.BadParameter("it opens a server; name that with --server.", param_hint="--server-key")
    settings = recognition.settings(decoding, verbose=verbose)
    if decoding.end is not None and decoding.end <= decoding.start:
        raise typer.BadParameter("--end must lie after --start.")
    return LocalWorkplace(recognition.model, settings, isolate)


def _there(context: typer.Context, recognition: Recognition, server: str, key: str | None) -> "Workplace":
    from parakeet_cli.cli.remote_workplace import RemoteWorkplace

    server_options.refuse_local(context)
    server_options.check_key(key)
    model = recognition.model if server_options.is_given(context, "model") else None
    return RemoteWorkplace(server_options.parse_server(server), key, model)
