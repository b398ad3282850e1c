"""The figures' place in `docs/performance.md`: between two marks, everything else there is a person's."""

from __future__ import annotations

from pathlib import Path

from tests.bench.processes import Broken

BEGIN = "<!-- begin: written by `tests/bench/run.py --write-docs` -->"
END = "<!-- end -->"


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the marks."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Broken(f"{page} lacks the marks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
