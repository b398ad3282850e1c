"""Which files an import reads, and where what becomes of each is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockflight.errors import InputError, Place, Problem
from lockflight.names import writable

_DATA = frozenset({".json", ".yaml", ".yml"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_FINDINGS = ".findings.json"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read. `relative` is its path below the folder that was named, or its bare name."""

    path: Path
    called: str
    relative: Path
    found_in_folder: bool


@dataclass(frozen=True, slots=True)
class Output:
    """Where the lock of one file is written, and what was found about it."""

    lock: Path
    findings: Path
    called: str


def source_files(given: Sequence[str], base: Path) -> list[SourceFile]:
    """The named files, and in named folders everything that is called JSON or YAML; each once, in order."""
    found: dict[Path, SourceFile] = {}
    problems: list[Problem] = []
    for name in dict.fromkeys(given):
        files = list(_files(name, base))
        if not files:
            message = "holds no file that is called .json, .yaml or .yml"
            problems.append(Problem(message, Place(name), code="nothing-to-import"))
        for file in files:
            found.setdefault(file.path.resolve(), file)
    if problems:
        raise InputError(problems)
    return list(found.values())


def outputs(
    files: Iterable[SourceFile], base: Path, file: str | None, folder: str | None
) -> list[Output] | None:
    """One output for each file; None where nothing is to be written. Nothing that is read is overwritten."""
    listed = list(files)
    if file is not None:
        if len(listed) > 1:
            raise InputError(
                f"-o names one file, and there are {len(listed)} locks to write",
                hint="--output-dir DIR writes one file for each",
            )
        found = [_output(base / file, base) for _ in listed]
    elif folder is not None:
        found = [_output(base / folder / source.relative.with_suffix(".yaml"), base) for source in listed]
    else:
        return None
    _refuse_clashes(listed, found)
    return found


def _files(name: str, base: Path) -> Iterator[SourceFile]:
    path = base / name
    if not path.is_dir():
        yield SourceFile(path, _called(path, base), Path(path.name), False)
        return
    for file in _walk(path):
        yield SourceFile(file, _called(file, base), file.relative_to(path), True)


def _walk(folder: Path) -> Iterator[Path]:
    """Sorted; what starts with a dot is passed over, pipes and devices too, which could be read for ever."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if path.suffix.lower() in _DATA and not name.startswith(".") and path.is_file():
                yield path


def _called(path: Path, base: Path) -> str:
    """Relative to where the command runs where it lies inside, so that a lock says the same everywhere."""
    normal = Path(os.path.normpath(path))
    shown = normal.relative_to(base) if normal.is_relative_to(base) else normal
    return _CONTROL.sub("?", writable(shown.as_posix()))


def _output(lock: Path, base: Path) -> Output:
    return Output(lock, lock.with_name(lock.stem + _FINDINGS), _called(lock, base))


def _refuse_clashes(files: Sequence[SourceFile], found: Sequence[Output]) -> None:
    read = {file.path.resolve() for file in files}
    owners: dict[Path, SourceFile] = {}
    problems = []
    for file, output in zip(files, found, strict=True):
        target = output.lock.resolve()
        other = owners.setdefault(target, file)
        if other is not file:
            message = f"would be written to {output.called}, and so would {other.called}"
            hint = "import them one by one with -o"
            problems.append(Problem(message, Place(file.called), hint, "name-clash"))
        if target in read or output.findings.resolve() in read:
            message = f"would be written to {output.called}, over a file that is to be read"
            hint = "name another --output-dir or -o"
            problems.append(Problem(message, Place(file.called), hint, "name-clash"))
    if problems:
        raise InputError(problems)
