"""The figures' places in `docs/performance.md`: between two marks each, everything else there is a person's."""

from __future__ import annotations

from pathlib import Path

from tests.bench.processes import Broken

BEGIN = "<!-- begin: written by `tests/bench/run.py --write-docs` -->"
END = "<!-- end -->"


# The stacks want an engine and a quarter of an hour, so they have a place of their own.
BEGIN_STACKS = "<!-- begin: written by `tests/bench/run.py --only stacks --write-docs` -->"


def put_into(page: Path, text: str, mark: str = BEGIN) -> None:
    """Replace what stands between the marks."""
    before, begin, rest = page.read_text().partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Broken(f"{page} lacks the marks {mark} and {END}")
    page.write_text(f"{before}{mark}\n{text}\n{END}{after}")
