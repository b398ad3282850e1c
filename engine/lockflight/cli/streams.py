"""The standard streams: written so that a closed pipe or a full disk is no bug, and no name is a command."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from lockflight.errors import OutsideError
from lockflight.logs import printable, without_commands

# Tabs and line breaks are text; the invisible characters join or part letters, and command nothing.
_KEPT = "\n\t\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def visible(text: str) -> str:
    """Text without what could command a terminal or turn the direction of what follows."""
    return printable(text, keep=_KEPT)


def for_people(text: str) -> str:
    """Text for a terminal or a CI's log, in which names from outside cannot act."""
    shown = visible(text)
    return without_commands(shown) if os.environ.get("GITHUB_ACTIONS") == "true" else shown


def take_any_text() -> None:
    """Let what the standard streams' encoding cannot hold be written as an escape, which is better than a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def to_stdout(text: str, *, exactly: bool = False) -> None:
    """The result. A reader that went away has what it wanted; any other failure is told.

    `exactly` is for documents, which are UTF-8 whatever the locale says: a lock with escapes in it is none.
    """
    try:
        if exactly and isinstance(sys.stdout, io.TextIOWrapper) and not text.isascii():
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
        else:
            sys.stdout.write(text)
    except BrokenPipeError:
        abandon(sys.stdout)
    except OSError as error:
        abandon(sys.stdout)
        raise unwritable(error) from error


def to_stderr(text: str) -> None:
    """What is said beside it. Nobody may be listening: the exit code tells what matters all the same."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr)


def unwritable(error: OSError) -> OutsideError:
    return OutsideError(
        f"cannot write the result to standard output: {error.strerror or error}",
        hint="is there room where it is sent to?",
    )


def abandon(stream: TextIO) -> None:
    """Let what is still to be written there, and Python's own flush at exit, lead nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # a stream without a descriptor, as tests have them
        return
