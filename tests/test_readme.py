"""What the README says is run."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.model
def test_the_library_example_of_the_readme_runs_as_it_is_printed() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", example], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.lower().replace(".", "").replace(",", "") == "one two three\n"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "models/README.md", "docs/architecture.md"])
def test_every_file_that_a_page_links_to_is_there(name: str) -> None:
    page = ROOT / name
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("command", ["transcribe", "eval", "bench"])
def test_every_option_that_the_pages_name_exists(command: str) -> None:
    from typer.main import get_command

    from parakeet_cli.cli.main import app

    declared = get_command(app).commands[command]  # type: ignore[attr-defined] # a group
    known = {name for option in declared.params for name in (*option.opts, *option.secondary_opts)}
    named = {
        option
        for name in ("README.md", "README.zh-CN.md", "docs/cli.md")
        for line in re.findall(rf"parakeet {command}[^\n`]*", (ROOT / name).read_text(encoding="utf-8"))
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)
    }
    assert named
    assert named - known - {"-m", "--help"} == set()
