"""Running a small program of this machine and hearing what it says, within a deadline."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said; `code` is None where it is not installed or gave no answer in time."""

    code: int | None
    output: str = ""
    complaint: str = ""

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def reason(self) -> str:
        """The last line of the complaint: programs say there what was wrong."""
        lines = [line.strip() for line in (self.complaint or self.output).splitlines() if line.strip()]
        return lines[-1] if lines else "no answer"


def installed(program: str, environment: Mapping[str, str]) -> bool:
    return shutil.which(program, path=environment.get("PATH")) is not None


def ask(arguments: Sequence[str], environment: Mapping[str, str], *, seconds: float = _SECONDS) -> Answer:
    """Run a program that only reads; whatever goes wrong is an answer, never an exception."""
    program = shutil.which(arguments[0], path=environment.get("PATH"))
    if program is None:
        return Answer(None, complaint=f"{arguments[0]} is not installed")
    try:
        done = subprocess.run(
            [program, *arguments[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env={**environment, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return Answer(None, complaint=f"{arguments[0]} gave no answer within {seconds:g} s")
    except (OSError, ValueError) as error:
        return Answer(None, complaint=f"{arguments[0]} cannot be run: {error}")
    return Answer(
        done.returncode,
        done.stdout.decode(errors="replace").strip(),
        done.stderr.decode(errors="replace").strip(),
    )
