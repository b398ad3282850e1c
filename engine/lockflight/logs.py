"""What happens inside, as one JSON object a line, when somebody asks for it.

A log line is an event with fields, never a formatted sentence, so that it can be searched; every line
carries the id of this run of the command. Fields must be names, sizes and addresses, never secrets; values
that the environment calls secret are taken out all the same before anything is written.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_KEY|API_KEY|AUTH(?!OR)", re.IGNORECASE
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
            self._write(self._listener, " ".join([f"  {name}:", *(_word(k, v) for k, v in fields.items())]))
        if self._stream is not None:
            self._write(self._stream, self._line(name, fields))

    def _line(self, name: str, fields: Mapping[str, Any]) -> str:
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
        return json.dumps({"time": moment, "run": self.run, "event": name, **fields}, default=str)

    def _write(self, stream: TextIO, line: str) -> None:
        with self._guard:
            stream.write(without_secrets(line, os.environ) + "\n")
            stream.flush()


log = Log()


def _word(key: str, value: Any) -> str:
    """A field for a person: what speaks for itself needs no name."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if key in _SELF_EXPLAINING else f"{key}={shown}"


_SELF_EXPLAINING = frozenset({"method", "url", "service", "subject", "message"})


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """The text with every value that an environment variable's name calls secret replaced by stars."""
    for name, value in environment.items():
        if len(value) >= _SHORTEST_SECRET and value in text and _SECRET_NAME.search(name):
            text = text.replace(value, "***")
    return text
