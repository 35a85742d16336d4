import subprocess
import sys
from contextlib import closing
from pathlib import Path

from parakeet_cli.batch.claims import Claims

_HOLD = """
import sys
from pathlib import Path
from parakeet_cli.batch.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(claims.take(Path("/out/a.srt")), flush=True)
sys.stdin.read()
"""


def test_a_claim_holds_against_other_processes_until_its_own_ends(tmp_path: Path) -> None:
    file = tmp_path / "claims"
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "True\n"
    with closing(Claims(file)) as claims:
        assert not claims.take(Path("/out/a.srt"))
        assert claims.holder(Path("/out/a.srt")) == other.pid
        assert claims.take(Path("/out/b.srt"))
        assert claims.holder(Path("/out/c.srt")) is None
        other.kill()
        other.communicate()
        assert claims.take(Path("/out/a.srt"))
