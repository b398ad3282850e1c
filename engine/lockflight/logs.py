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

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_KEY|API_KEY|AUTH", re.IGNORECASE)
_SHORTEST_SECRET = 6


class Log:
    """Where events go; nowhere until `to` is called."""

    def __init__(self) -> None:
        self.run = os.urandom(6).hex()
        self._stream: TextIO | None = None
        self._guard = threading.Lock()

    def to(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def is_on(self) -> bool:
        return self._stream is not None

    def event(self, name: str, **fields: Any) -> None:
        """Write one event; costs nothing while nobody listens."""
        if self._stream is None:
            return
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
        line = json.dumps({"time": moment, "run": self.run, "event": name, **fields}, default=str)
        with self._guard:
            self._stream.write(without_secrets(line, os.environ) + "\n")
            self._stream.flush()


log = Log()


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """The text with every value that an environment variable's name calls secret replaced by stars."""
    for name, value in environment.items():
        if len(value) >= _SHORTEST_SECRET and value in text and _SECRET_NAME.search(name):
            text = text.replace(value, "***")
    return text
