"""The real `docker compose config`, to compare our reading with; it needs no engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SETUP = "Docker Compose v2 is missing: run .ci/setup, which installs it"


@dataclass(frozen=True)
class Answer:
    """What Compose said: its configuration, or why it refused."""

    config: dict[str, Any] | None
    words: str


def compose(directory: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Answer:
    """Run `docker compose <arguments> config` with nothing in the environment but what is given."""
    compose_version()
    plugins = os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker"))
    done = subprocess.run(
        ["docker", "compose", *arguments, "config", "--format", "json"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "DOCKER_CONFIG": plugins, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        return Answer(None, done.stderr)
    # Compose doubles every dollar, so that its output could be read again.
    return Answer(json.loads(done.stdout.replace("$$", "$")), done.stderr)


@cache
def compose_version() -> tuple[int, ...]:
    if shutil.which("docker") is None:
        pytest.fail(SETUP)
    done = subprocess.run(
        ["docker", "compose", "version", "--short"], capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        pytest.fail(SETUP)
    return version_of(done.stdout.strip().lstrip("v"))


def version_of(text: str) -> tuple[int, ...]:
    numbers = text.split("-", maxsplit=1)[0].split("+", maxsplit=1)[0]
    return tuple(int(number) for number in numbers.split("."))
