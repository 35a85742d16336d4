"""The table of the comparison; what fills it needs hours and other people's tools."""

from benchmarks.side_by_side import table


def test_medians_and_ratios_stand_in_the_table() -> None:
    runs = [
        {"tool": tool, "recording": recording, "wall": wall, "memory": memory}
        for tool, recording, wall, memory in [
            ("ours", "clip", 2.0, 1e9),
            ("ours", "clip", 90.0, 1e9),
            ("ours", "clip", 3.0, 1e9),
            ("ours", "talk", 60.0, 2e9),
            ("theirs", "clip", 9.0, 3e9),
            ("theirs", "talk", 150.0, 1e9),
        ]
    ]
    _, _, ours, theirs = table(runs, {"clip": 11.0, "talk": 600.0}).splitlines()
    assert ours == "| ours | 3.0 s | 60.0 s | 10.00 | 1.00 | 2.0 GB |"
    assert theirs == "| theirs | 9.0 s | 150.0 s | 4.00 | 2.50 | 3.0 GB |"
