"""The ledger on a branch of its own in a repository, pushed to without a checkout.

Each batch is one commit on the branch's newest. Where somebody else pushed first, git refuses, and the batch is
compared and committed again on what is there now; so no event is lost and none is there twice.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockflight import durations, names
from lockflight.adapters.git_process import run
from lockflight.adapters.ledger_files import Files, FilesLedger, changes
from lockflight.adapters.ledger_store import Blob, LedgerRemote, LedgerStore, Refusal, signature
from lockflight.errors import OutsideError
from lockflight.ports.clock import Clock
from lockflight.ports.ledger import Batch, File

BRANCH = "lockflight-ledger"
# How long a push is tried, and how long what was read counts as new.
WRITE_SECONDS = 60.0
FRESH_SECONDS = 2.0
_READINGS = 3
_FIRST_WAIT, _LONGEST_WAIT, _WAIT_AFTER_RACE = 0.25, 8.0, 0.5


@dataclass(frozen=True, slots=True)
class _CommitFiles:
    """The files of one commit."""

    store: LedgerStore
    files: Mapping[str, Blob]

    def paths(self, folder: str) -> list[str]:
        return [path for path in self.files if path.startswith(f"{folder}/")]

    def read(self, paths: Sequence[str]) -> dict[str, File]:
        found = {path: self.files[path] for path in paths if path in self.files}
        wanted = list({blob.id for blob in found.values()})
        with self.store.alone():
            contents = self.store.healed(lambda: self.store.contents(wanted))
        return {path: File(contents[blob.id], blob.executable) for path, blob in found.items()}


class LedgerBranch(FilesLedger):
    """A branch of the repository at `url`, as git in `folder` (that of the manifest) reaches it."""

    def __init__(
        self,
        url: str,
        folder: Path,
        clock: Clock,
        *,
        branch: str = BRANCH,
        scratch: Path | None = None,
        environment: Mapping[str, str] = os.environ,
        seconds: float = WRITE_SECONDS,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._called = f"the ledger on branch {branch} of {names.without_credentials(url)}"
        self._clock = clock
        self._environment = environment
        self._seconds = seconds
        self._fresh_seconds = fresh_seconds
        remote = LedgerRemote(url, folder, _ssh_command(folder))
        self._store = LedgerStore(remote, branch, scratch or folder / ".lockflight" / "ledger")
        self._seen: tuple[float, str | None, _CommitFiles] | None = None

    def _look(self) -> Files:
        if self._seen and self._clock.monotonic() - self._seen[0] < self._fresh_seconds:
            return self._seen[2]
        for number in range(1, _READINGS):
            try:
                return self._newest()[1]
            except OutsideError:
                self._clock.sleep(_wait(number))
        return self._newest()[1]

    def _newest(self) -> tuple[str | None, _CommitFiles]:
        with self._store.alone():
            tip = self._store.newest()
            return tip, self._seen_at(tip)

    def _seen_at(self, tip: str | None) -> _CommitFiles:
        """The files of the newest commit, which are those of the last look if it is the same."""
        if self._seen and self._seen[1] == tip:
            files = self._seen[2]
        else:
            listed = {} if tip is None else self._store.healed(lambda: self._store.files(tip))
            files = _CommitFiles(self._store, listed)
        self._seen = (self._clock.monotonic(), tip, files)
        return files

    def write_all(self, batch: Batch) -> bool:
        deadline = self._clock.monotonic() + self._seconds
        # After a push without an answer, what is found there may be its own.
        may_be_ours, tries = False, 0
        while True:
            try:
                outcome = self._pushed(batch)
            except OutsideError as error:
                outcome = Refusal(str(error), is_certain=False)
            if not isinstance(outcome, Refusal):
                return outcome or may_be_ours
            tries += 1
            may_be_ours = may_be_ours or not outcome.is_certain
            wait = random.uniform(0, _WAIT_AFTER_RACE) if outcome.is_race else _wait(tries)  # noqa: S311
            if self._clock.monotonic() + wait > deadline:
                raise self._unwritten(outcome, tries)
            self._clock.sleep(wait)

    def _pushed(self, batch: Batch) -> bool | Refusal:
        """Whether anything was pushed on top of what is there now, or was there already."""
        tip, files = self._newest()
        wanted = changes(files, batch)
        if not wanted:
            return False
        author = signature(self._environment, self._clock.now())
        with self._store.alone():
            commit = self._store.healed(lambda: self._store.commit(tip, wanted, _message(batch), author))
            refusal = self._store.push(commit)
            if refusal is not None:
                return refusal
            self._seen_at(commit)
        return True

    def _unwritten(self, refusal: Refusal, tries: int) -> OutsideError:
        times = f"{tries} times within {durations.written(self._seconds)}" if tries > 1 else "once"
        return OutsideError(
            f"{self._called} cannot be written: {refusal.reason} (tried {times})",
            hint="may this login push to that branch? the same command again goes on from here",
        )


def _wait(number: int) -> float:
    """How long to wait after the first, second, … failure; those who failed together must not all come back so."""
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (number - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreading load, no secret


def _ssh_command(folder: Path) -> str | None:
    # The last of them is the one that lockflight sets for what it reads here.
    said = run(["-C", str(folder), "config", "--get-all", "core.sshCommand"])
    theirs = said.text.splitlines()[:-1]
    return theirs[-1] if theirs else None


def _message(batch: Batch) -> str:
    """What was written, as `git log` of the branch shows it."""
    said = [f"{event.environment}: {event.name}" for event in batch.events]
    said += [f"archive {archive.lock_id[:12]}" for archive in batch.archives]
    said += [f"evidence of {evidence.gate} for {evidence.lock_id[:12]}" for evidence in batch.evidence]
    return "\n".join(said if len(said) == 1 else [f"{said[0]} and {len(said) - 1} more", "", *said])
