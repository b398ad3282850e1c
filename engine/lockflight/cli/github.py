"""What a step leaves behind in GitHub Actions: outputs for later steps, and a summary for people."""

from __future__ import annotations

from pathlib import Path

from lockflight.cli import streams
from lockflight.cli.context import Context
from lockflight.errors import OutsideError, Place


def set_output(context: Context, name: str, value: str) -> None:
    """An output of the step, `steps.ID.outputs.NAME`; nothing outside of GitHub Actions."""
    try:
        _append(context, "GITHUB_OUTPUT", f"{name}={_one_line(value)}\n")
    except OSError as error:
        # Later steps would go on with an empty value, so this fails the step; what was written stays.
        raise OutsideError(
            f"the step's output '{name}' cannot be written: {error.strerror or error}",
            place=Place(context.environment["GITHUB_OUTPUT"]),
            hint="does GITHUB_OUTPUT name a file that this user may write to?",
        ) from error


def add_summary(context: Context, markdown: str) -> None:
    """A piece of the job's summary page; nothing outside of GitHub Actions."""
    try:
        _append(context, "GITHUB_STEP_SUMMARY", streams.visible(markdown).rstrip("\n") + "\n\n")
    except OSError as error:
        context.say(f"note: the job's summary cannot be written: {error.strerror or error}")


def _append(context: Context, variable: str, text: str) -> None:
    path = context.environment.get(variable)
    if path and context.in_github_actions:
        with Path(path).open("a", encoding="utf-8", errors="replace") as stream:
            stream.write(text)


def _one_line(value: str) -> str:
    # A line break would let a value set further outputs.
    return value.replace("\r", " ").replace("\n", " ")
