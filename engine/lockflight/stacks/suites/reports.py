"""The JUnit XML files of a suite: found, saved beside its output, and summed up.

Only what the suite itself wrote counts. Before it starts, the files that fit its patterns are noted down; one
that is the same afterwards (size, inode, times to the nanosecond) is a report of an earlier run. The clock is
not asked, because times of files are coarser than it, and those of a network disk are another machine's.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from lockflight.logs import printable
from lockflight.stacks.suites.junit import LARGEST_REPORT, read_junit
from lockflight.stacks.suites.model import MOST_FAILED_CASES, Counts, FailedCase
from lockflight.stacks.suites.output import Mask

# Some tools write a file for each class; more than this is a pattern that fits too much.
_MOST_REPORTS = 5000
_Fingerprint = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Written:
    """A file that a suite wrote, by its path from the repository's or the container's root."""

    path: str
    # None where it is larger than is read.
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Reports:
    """Everything that the reports of one suite say. A problem is the rest of a sentence about the suite."""

    saved: tuple[Path, ...] = ()
    counts: Counts | None = None
    failed_cases: tuple[FailedCase, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class HostReports:
    """The files that fit the patterns of a suite on this machine; to be made before the suite starts."""

    def __init__(self, root: Path, patterns: Sequence[str], directory: str = ".") -> None:
        self._root = root
        self._patterns = patterns
        self._directory = directory
        self._before = {path: _fingerprint(path) for pattern in patterns for path in self._fitting(pattern)}

    def written(self) -> Iterator[Written]:
        """Those that are new or were written again, each once."""
        found = {path for pattern in self._patterns for path in self._new(pattern)}
        for path in sorted(found)[:_MOST_REPORTS]:
            yield Written(path.relative_to(self._root).as_posix(), _body(path))

    def problems(self) -> Iterator[str]:
        """Of every pattern for which the suite wrote nothing, and why that may be."""
        for pattern in self._patterns:
            new = self._new(pattern)
            if not new:
                yield f"it wrote no file that fits 'junit: {pattern}'{self._perhaps(pattern)}"
            elif len(new) > _MOST_REPORTS:
                yield f"{len(new)} files fit 'junit: {pattern}', more than {_MOST_REPORTS}"

    def _perhaps(self, pattern: str) -> str:
        if self._fitting(pattern):
            return "; what lies there is older than this run and does not count"
        if self._directory != "." and fitting(self._root / self._directory, pattern):
            return f"; there is one in {self._directory}/, but patterns start at the manifest's folder"
        return ""

    def _new(self, pattern: str) -> list[Path]:
        return [path for path in self._fitting(pattern) if _fingerprint(path) != self._before.get(path)]

    def _fitting(self, pattern: str) -> list[Path]:
        # A link may lead out of the repository, to what is nobody's report.
        root = self._root.resolve()
        return [path for path in fitting(self._root, pattern) if path.resolve().is_relative_to(root)]


def container_problems(found: Mapping[str, Sequence[Written]]) -> Iterator[str]:
    """The patterns for which nothing was in the container."""
    for pattern, files in found.items():
        if not files:
            yield f"it wrote no file that fits 'junit: {pattern}' in its container"


def save(written: Iterable[Written], folder: Path, mask: Mask, problems: Iterable[str] = ()) -> Reports:
    """Save the files in a folder, read them, and sum up what they say."""
    saved: list[Path] = []
    read: list[Counts] = []
    failed: list[FailedCase] = []
    troubles: list[str] = []
    for file in written:
        if file.body is None:
            troubles.append(f"its report {_shown(file)} is larger than {LARGEST_REPORT / 2**20:.0f} MiB")
            continue
        body = mask(file.body)
        try:
            saved.append(_put(folder, file.path, body))
        except OSError as error:
            troubles.append(f"its report {_shown(file)} could not be saved: {error.strerror or error}")
        report = read_junit(BytesIO(body))
        failed += report.failed_cases[: MOST_FAILED_CASES - len(failed)]
        if report.problem:
            troubles.append(f"its report {_shown(file)} {report.problem}")
        if report.counts.tests or not report.problem:
            read.append(report.counts)
    counts = sum(read, Counts()) if read else None
    if counts is not None and not troubles:
        troubles += _nothing_tested(counts)
    return Reports(tuple(saved), counts, tuple(failed), (*troubles, *problems))


def _nothing_tested(counts: Counts) -> Iterator[str]:
    """A suite of which nothing was executed has not passed, whatever its exit code says."""
    if not counts.tests:
        yield "its reports hold no test case, so nothing was tested"
    elif counts.skipped == counts.tests:
        yield "every test case in its reports was skipped, so nothing was tested"


def _shown(file: Written) -> str:
    return printable(file.path)


def _put(folder: Path, path: str, body: bytes) -> Path:
    """At the path that it had, below the folder; whoever named it cannot lead out of there."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "//", "..", ".")]
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)
    return target


def fitting(root: Path, pattern: str) -> list[Path]:
    """The regular files below a folder that fit a pattern; one that is no pattern fits nothing."""
    if not PurePosixPath(pattern).parts:
        return []
    try:
        found = sorted(root.glob(pattern))
    except (
        ValueError,
        NotImplementedError,
        OSError,
    ):  # 'a**', an absolute path, a folder that is closed to us
        return []
    return [path for path in found if _fingerprint(path) is not None]


def _fingerprint(path: Path) -> _Fingerprint | None:
    """What changes whenever a regular file is written; None for anything else."""
    try:
        there = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(there.st_mode):
        return None
    return there.st_size, there.st_ino, there.st_mtime_ns, there.st_ctime_ns


def _body(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            body = stream.read(LARGEST_REPORT + 1)
    except OSError:
        return b""
    return body if len(body) <= LARGEST_REPORT else None
