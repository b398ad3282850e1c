"""The one place where failures are printed: what, where, why, and what to do; never a secret."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight import __version__
from lockflight.cli import streams
from lockflight.errors import EXIT_BUG, LockflightError, OutsideError, Problem
from lockflight.logs import log, masked, printable, without_secrets

if TYPE_CHECKING:
    from lockflight.cli.context import Context


def report(error: LockflightError, context: Context | None) -> int:
    """Print every problem of a failure and answer its exit code."""
    # What a person wrote wrong must all be told; of what failed outside, the like of it is enough.
    if isinstance(error, OutsideError):
        print_failures(error.problems)
    else:
        print_problems(error.problems)
    for problem in error.problems:
        log.event("problem", code=problem.code, place=str(problem.place), message=problem.message)
    if context is not None and context.as_json:
        document = {"exit_code": error.exit_code, "problems": [as_data(p) for p in error.problems]}
        try:
            context.json(document)
        except LockflightError as unwritten:  # a failure stays the failure that it is
            print_problems(unwritten.problems)
    return error.exit_code


def print_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        print_problem(problem)


def print_failures(problems: Iterable[Problem]) -> None:
    """Each different failure of the outside world once, and of one sick registry only the first few."""
    told: Counter[tuple[str, str]] = Counter()
    for problem in dict.fromkeys(problems):
        alike = _alike(problem)
        if alike is not None:
            told[alike] += 1
        if alike is None or told[alike] <= _TOLD_OF_A_KIND:
            print_problem(problem)
    for (host, _), count in told.items():
        if count > _TOLD_OF_A_KIND:
            say(f"error: … and {count - _TOLD_OF_A_KIND} more like it of {host}")


def _alike(problem: Problem) -> tuple[str, str] | None:
    """The registry that a problem is about and what kind it is; None where every one counts."""
    host = _REGISTRY.search(problem.message)
    if host is None or problem.place.file is not None:
        return None
    kind = re.sub(r"[0-9a-f]{7,}|[0-9]+", "#", problem.message.rsplit(": ", 1)[-1])
    return host.group(0).rstrip("/"), problem.hint or problem.code or kind


def print_problem(problem: Problem, *, level: str = "error") -> None:
    """One problem for a person, and as an annotation where GitHub Actions reads along."""
    named = f"[{problem.code}] " if problem.code else ""
    place = f"{problem.place}: " if str(problem.place) else ""
    say(f"{level}: {place}{named}{problem.message}", problem.hint)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _annotate(problem, "warning" if level == "note" else "error")


def say(message: str, hint: str | None = None) -> None:
    """One message to stderr, with its hint below it, in colour where that is wanted."""
    level, colon, rest = _shown(message).partition(":")
    if level in _COLOURS and _in_colour():
        level = f"\x1b[{_COLOURS[level]}m{level}\x1b[0m"
    told = f"{level}{colon}{rest}\n"
    if hint:
        told += _shown(f"  hint: {hint}") + "\n"
    streams.to_stderr(told)


def report_bug(error: Exception, arguments: Sequence[str]) -> int:
    """A failure that nobody foresaw: a short apology, and a file that can be sent."""
    # Every command would pay for loading what only this needs.
    import platform
    import traceback

    text = "".join(
        [
            f"lockflight {__version__}, Python {platform.python_version()}, {platform.platform()}\n",
            f"command: {json.dumps(list(arguments))}\n\n",
            *traceback.format_exception(error),
        ]
    )
    where = _save(without_secrets(text, os.environ))
    say(
        f"error: this is a bug in lockflight: {type(error).__name__}: {error}",
        f"please send {where} with a word on what you did; it holds no secrets that we know of, but look",
    )
    return EXIT_BUG


def as_data(problem: Problem) -> dict[str, object]:
    """A problem for a program."""
    place = problem.place
    found = {"code": problem.code, "message": problem.message, "hint": problem.hint,
             "file": place.file, "line": place.line, "path": place.path}  # fmt: skip
    return {key: masked(value, os.environ) for key, value in found.items() if value is not None}


# A registry's host: it has a dot or a port, or is this machine, and a path follows.
_REGISTRY = re.compile(
    r"(?<![\w./-])(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?|[a-z0-9-]+:[0-9]+|localhost)/"
)
_TOLD_OF_A_KIND = 3
_COLOURS = {"error": "1;31", "note": "1;33", "interrupted": "1;33"}


def _in_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def _shown(text: str) -> str:
    """Without secrets, and without what a name could do to a terminal or to GitHub's runner.

    A line of its own that starts with '::' would be a command to the runner, white space before it or not.
    """
    kept = without_secrets(text, os.environ).replace("\n", "\n  | ")
    return streams.for_people(kept)


def _annotate(problem: Problem, level: str) -> None:
    place = problem.place
    fields = {"file": place.file, "line": place.line, "title": problem.code}
    shown = ",".join(f"{key}={_escaped(str(value), True)}" for key, value in fields.items() if value)
    path = f"{place.path}: " if place.path else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    message = _escaped(without_secrets(f"{path}{problem.message}{hint}", os.environ), False)
    # The runner reads both streams; stdout belongs to the result.
    streams.to_stderr(f"::{level} {shown}::{message}\n")


def _escaped(text: str, in_field: bool) -> str:
    """As GitHub's runner wants workflow commands, so that no name can smuggle one in."""
    text = printable(text, keep="\r\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_field else text


def _save(text: str) -> Path:
    import tempfile

    handle, name = tempfile.mkstemp(prefix="lockflight-bug-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    return Path(name)
