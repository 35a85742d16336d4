"""``python -m parakeet_cli``."""

from parakeet_cli.cli.main import main

main()
