"""What ``parakeet bench`` runs in a fresh process: the imports of ``parakeet transcribe``, torch, and the model."""

from importlib import import_module

from parakeet_cli.timing.startup import answer


def _import_command() -> None:
    for name in ("main", "batch_run", "local_workplace"):
        import_module(f"parakeet_cli.cli.{name}")


def _import_torch() -> None:
    import_module("parakeet_cli.transcription.pytorch.recognizer")


if __name__ == "__main__":
    answer((_import_command, _import_torch))
