"""A test of a stack as data: what was asked for, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockflight.errors import LockflightError
from lockflight.ports.stack_engine import EngineFacts, RunningImage
from lockflight.stacks.bring_up import Running
from lockflight.stacks.evidence import Evidence
from lockflight.stacks.naming import KEPT
from lockflight.stacks.prepare import Request
from lockflight.stacks.suites.model import SuiteResult, all_passed
from lockflight.stacks.trouble import Trouble


@dataclass(frozen=True, slots=True)
class TestRun:
    """What is to be tested, and how."""

    request: Request
    deadline: float
    artifacts: Path
    # Names of suites; all of them where none is named.
    only: tuple[str, ...] = ()
    fail_fast: bool = False
    ci_run: str | None = None

    @property
    def keep(self) -> bool:
        return self.request.purpose == KEPT


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How it ended, with everything that an operator may want to look at."""

    running: Running
    facts: EngineFacts
    images: tuple[RunningImage, ...] = ()
    # What the suites were when they began.
    definitions: Mapping[str, str] = field(default_factory=dict)
    suites: tuple[SuiteResult, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    # What else was wrong while the suites ran: a service that died, an image that is not the locked one.
    problems: tuple[str, ...] = ()
    log_files: tuple[Path, ...] = ()
    evidence: Evidence | None = None
    # Why there is none.
    no_evidence: str = ""
    # Why the stack could not be taken down.
    left_over: LockflightError | None = None

    @property
    def passed(self) -> bool:
        return self.running.started.ready and all_passed(self.suites) and not self.problems
