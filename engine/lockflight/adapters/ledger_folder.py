"""The ledger in the working folder. Every file is whole or not there, and an event is made only if absent."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from lockflight.adapters.ledger_files import (
    EVIDENCE,
    FilesLedger,
    changes,
    is_written_once,
)
from lockflight.errors import InputError, OutsideError, Place
from lockflight.ports.ledger import Batch, File

_HINT = "is the folder writable, and is there room on the disk?"


class LedgerFolder(FilesLedger):
    """Below `root`, which is the manifest's folder. Processes may share it; nobody waits for anybody."""

    def __init__(self, root: Path) -> None:
        self._files = _FolderFiles(root)

    def _look(self) -> _FolderFiles:
        return self._files

    def write_all(self, batch: Batch) -> bool:
        is_new = is_late = False
        for path, file in changes(self._files, batch).items():
            if is_written_once(path):
                is_ours = self._files.create(path, file)
                is_late = is_late or not is_ours
                is_new = is_new or is_ours
            else:
                self._files.put(path, file)
                # An archive counts when its lock is there; evidence is a word of its own.
                is_new = is_new or path.startswith(f"{EVIDENCE}/")
        if is_late:
            # Somebody made it meanwhile: the same, or another one, and that is refused.
            changes(self._files, batch)
        return is_new


class _FolderFiles:
    """The files below a folder. Links that lead out of it are refused, and scratch files are not seen."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self, folder: str) -> list[str]:
        top = self._inside(folder)
        found = []
        with _as_reading(folder):
            for place, folders, files in os.walk(top, onerror=_raise_unless_missing):
                folders.sort()
                kept = [name for name in sorted(files) if not _is_scratch(name)]
                found += [Path(place, name).relative_to(top).as_posix() for name in kept]
        return [f"{folder}/{path}" for path in found]

    def read(self, paths: Sequence[str]) -> dict[str, File]:
        for folder in {path.rpartition("/")[0] for path in paths}:
            self._inside(folder)
        found = {path: _read(self._root / path, path) for path in paths}
        return {path: file for path, file in found.items() if file is not None}

    def create(self, path: str, file: File) -> bool:
        """Make a file that is not there; False where it is."""
        with self._scratch(path, file) as (scratch, target):
            try:
                # Unlike a rename, it never takes the place of another file.
                os.link(scratch, target)
            except FileExistsError:
                return False
        return True

    def put(self, path: str, file: File) -> None:
        """Make a file, or put it in the place of the one that is there."""
        with self._scratch(path, file) as (scratch, target):
            scratch.replace(target)

    @contextlib.contextmanager
    def _scratch(self, path: str, file: File) -> Iterator[tuple[Path, Path]]:
        """The content, safe on the disk beside the place where it belongs."""
        self._inside(path.rpartition("/")[0])
        target = self._root / path
        scratch = target.parent / f".{secrets.token_hex(8)}.tmp"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_through(scratch, file)
                yield scratch, target
            finally:
                scratch.unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutsideError(f"cannot write: {reason}", place=Place(path), hint=_HINT) from error

    def _inside(self, path: str) -> Path:
        """The path, which must lie below the root also where a part of it is a link."""
        place = self._root / path
        with _as_reading(path):
            try:
                is_inside = place.resolve().is_relative_to(self._root.resolve())
            except RuntimeError:  # links that lead round in a circle
                is_inside = False
        if not is_inside:
            raise InputError("leaves the repository through a symbolic link", place=Place(path))
        return place


def _read(place: Path, path: str) -> File | None:
    with _as_reading(path):
        try:
            # A pipe must not be waited for, and a link may lead anywhere.
            handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise InputError("is a symbolic link, and a ledger has none", place=Place(path)) from error
            raise
        with open(handle, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise InputError("is no file", place=Place(path))
            return File(stream.read(), bool(mode & stat.S_IXUSR))


def _is_scratch(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error


@contextlib.contextmanager
def _as_reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutsideError(f"cannot be read: {error.strerror or error}", place=Place(path)) from error


def _write_through(path: Path, file: File) -> None:
    # Opened with a mode, so that the umask applies.
    mode = 0o777 if file.executable else 0o666
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(handle, "wb") as stream:  # noqa: PTH123 - a descriptor has no path
        stream.write(file.content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """An event must not be forgotten by a power cut after it was reported as written."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
