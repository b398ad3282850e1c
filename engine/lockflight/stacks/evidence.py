"""Evidence: what the system tests said of one lock, written so that a gate can believe it later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field

from lockflight.files import write_atomically
from lockflight.models import Digest, Line, LockId, Model, ProjectName, ServiceName, UtcTime

GATE = "system-tests"


class Tests(Model):
    """Test cases as the suite's own JUnit XML counts them."""

    tests: int = Field(ge=0)
    failures: int = Field(ge=0)
    errors: int = Field(ge=0)
    skipped: int = Field(ge=0)


class SuiteEvidence(Model):
    """One suite: how it ended, and the digest of what it was."""

    outcome: Literal["passed", "failed", "timed-out", "not-run"]
    where: Line
    exit_code: int | None = None
    seconds: float
    tests: Tests | None = None
    definition: Digest = Field(
        description="Of the suite's entry in the manifest and the files that it names."
    )


class RunningService(Model):
    """What the engine itself said that a service ran: by digest, and whether the lock says the same."""

    image: Line
    containers: int = Field(ge=1)


class Evidence(Model):
    """The system tests of one lock on one engine."""

    version: Literal[1] = 1
    kind: Literal["system-tests"] = "system-tests"
    lock: LockId
    project: ProjectName
    passed: bool
    started: UtcTime
    finished: UtcTime
    engine: Line
    compose: Line
    generator: Line
    run: Line | None = Field(None, description="The CI run that made it.")
    suites: dict[ServiceName, SuiteEvidence] = Field(min_length=1)
    services: dict[ServiceName, RunningService]
    unlocked: list[ServiceName] = Field(
        default=[], description="Services that ran without being in the lock, because somebody allowed it."
    )
    machine_variables: list[Line] = Field(
        default=[], description="Variables of the machine's own environment that the compose files use."
    )
    not_covered: list[Line] = Field(
        default=[],
        description="What was bound in and no lock covers: outside of the repository, or ignored by git.",
    )
    problems: list[Line] = Field(default=[], description="What else was wrong while the suites ran.")


def evidence_path(root: Path, lock_id: str) -> Path:
    """Where evidence that was gathered before any promotion lies."""
    return root / "locks" / "evidence" / lock_id / f"{GATE}.json"


def write_evidence(path: Path, evidence: Evidence) -> bool:
    """Write it whole or not at all."""
    data = evidence.model_dump(mode="json", exclude_none=True)
    return write_atomically(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
