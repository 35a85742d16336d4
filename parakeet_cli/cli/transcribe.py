"""``parakeet transcribe``: its options become settings. The work is in ``batch_run``."""

import typer

from parakeet_cli.cli import model_options, options
from parakeet_cli.cli.parsing import chunk_length, parse_batch_size, parse_silence, parse_time, parse_track
from parakeet_cli.errors import EngineError
from parakeet_cli.settings import (
    ActivitySettings,
    BatchSettings,
    ChunkSettings,
    CoverageSettings,
    DecodingSettings,
    Dtype,
    OnCollision,
    RecognizerSettings,
    ReviewSettings,
    TranscriptionSettings,
    Vad,
)

__all__ = ["transcribe"]

_CHUNKS = ChunkSettings()
_ACTIVITY = ActivitySettings()
_REVIEW = ReviewSettings()


def transcribe(
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
    model: model_options.Model = "parakeet-tdt-0.6b-v2",
    device: model_options.Device = "auto",
    dtype: model_options.NumberFormat = Dtype.AUTO,
    batch_size: model_options.BatchSize = "auto",
    chunk_seconds: model_options.ChunkSeconds = None,
    chunk_minutes: model_options.ChunkMinutes = None,
    context_seconds: model_options.ContextSeconds = _CHUNKS.context_seconds,
    vad: model_options.VoiceActivity = Vad.ENERGY,
    skip_silence: model_options.SkipSilence = f"{_ACTIVITY.skip_silence_seconds:g}",
    audit: model_options.Audit = True,
    trust_model: model_options.TrustModel = False,
    allow_legacy: model_options.AllowLegacy = False,
    overwrite: options.Overwrite = False,
    on_collision: options.OnCollision = OnCollision.SUFFIX,
    shared: options.Shared = False,
    strict: options.Strict = False,
    max_failures: options.MaxFailures = None,
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
        activity=ActivitySettings(vad, parse_silence(skip_silence)),
        coverage=CoverageSettings(audit),
        chunks=ChunkSettings(chunk_length(chunk_seconds, chunk_minutes), context_seconds),
        recognizer=RecognizerSettings(device, dtype, trust_model, verbose, allow_legacy),
        batch=BatchSettings(parse_batch_size(batch_size)),
    )
    if settings.decoding.end is not None and settings.decoding.end <= settings.decoding.start:
        raise typer.BadParameter("--end must lie after --start.")
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
        raise typer.Exit(run(inputs, model, settings, manners))
    except EngineError as error:
        if not manners.json_log:
            raise
        EventLog().ended_by(error)
        raise typer.Exit(error.exit_code) from error
