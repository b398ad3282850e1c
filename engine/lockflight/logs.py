"""What happens inside, as one JSON object a line, when somebody asks for it.

A log line is an event with fields, never a formatted sentence, so that it can be searched; every line
carries the id of this run of the command. Fields must be names, sizes and addresses, never secrets; values
that the environment calls secret are taken out all the same before anything is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO

_SECRET_NAME = re.compile(
    # AUTH is a word of its own: DOCKER_AUTH_CONFIG, but neither AUTHOR nor AUTHORITY.
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_KEY|API_?KEY|(?<![A-Z0-9])AUTH(?![A-Z0-9])",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 6


class Log:
    """Where events go; nowhere until `to` is called."""

    def __init__(self) -> None:
        self.run = os.urandom(6).hex()
        self._stream: TextIO | None = None
        self._listener: TextIO | None = None
        self._guard = threading.Lock()

    def to(self, stream: TextIO | None) -> None:
        self._stream = stream

    def tell(self, listener: TextIO | None) -> None:
        """Also say every event to a person who asked for more, in a line that reads."""
        self._listener = listener

    def event(self, name: str, **fields: Any) -> None:
        """Write one event; costs nothing while nobody listens."""
        if self._stream is None and self._listener is None:
            return
        if self._listener is not None:
            told = masked(fields, os.environ)
            self._write(self._listener, " ".join([f"  {name}:", *(_word(k, v) for k, v in told.items())]))
        if self._stream is not None:
            self._write(self._stream, self._line(name, fields))

    def _line(self, name: str, fields: Mapping[str, Any]) -> str:
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
        # Masked before it is escaped: a secret with a quote in it would not be found afterwards.
        shown = masked(fields, os.environ)
        return json.dumps({"time": moment, "run": self.run, "event": name, **shown}, default=str)

    def _write(self, stream: TextIO, line: str) -> None:
        # A log that cannot be written (a full disk, a reader that left) must not fail what it tells of.
        with self._guard, contextlib.suppress(OSError):
            stream.write(line + "\n")
            stream.flush()


log = Log()


def _word(key: str, value: Any) -> str:
    """A field for a person: what speaks for itself needs no name."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    shown = printable(text)
    return shown if key in _SELF_EXPLAINING else f"{key}={shown}"


_SELF_EXPLAINING = frozenset({"method", "url", "service", "subject", "message"})


def printable(text: str, keep: str = "") -> str:
    """Text without what could command a terminal or turn its direction; what is in `keep` stays."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else "\N{REPLACEMENT CHARACTER}" for c in text)


def without_commands(text: str) -> str:
    """Text in which GitHub's runner finds no command of its own, neither '::error::' nor '##[error]'."""
    return _RUNNER_COMMAND.sub(r"\1| ::", text).replace("##[", "## [")


# The runner strips white space before it looks.
_RUNNER_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """The text with every value that an environment variable's name calls secret replaced by stars."""
    found = {
        value
        for name, value in environment.items()
        if len(value) >= _SHORTEST_SECRET and value in text and _SECRET_NAME.search(name)
    }
    # The longest first: a secret may begin as another does, and its rest must not stay.
    for value in sorted(found, key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def masked(value: Any, environment: Mapping[str, str]) -> Any:
    """The same for data: every text in it, so that it can be serialised afterwards."""
    if isinstance(value, str):
        return without_secrets(value, environment)
    if isinstance(value, Mapping):
        return {key: masked(one, environment) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [masked(one, environment) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return without_secrets(str(value), environment)
