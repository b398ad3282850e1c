"""An archived lock with its configuration, laid out to be deployed from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.errors import OutsideError, Refused
from lockflight.ledger.archive import archive_of, archived_configuration, archived_lock
from lockflight.locks.model import Lock
from lockflight.places import OWN

if TYPE_CHECKING:
    from lockflight.promotions.order import World


@contextlib.contextmanager
def restored(world: World, lock_id: str) -> Iterator[tuple[Lock, Path]]:
    """The lock, and the folder to deploy it from: the repository where its configuration is the lock's, else a
    folder made of the archive. That folder stays, because services have files of it bound in."""
    lock = archived_lock(world.ledger, lock_id)
    try:
        archive_of(lock, world.root)
    except Refused:
        yield lock, taken_out(world, lock)
    else:
        yield lock, world.root


def taken_out(world: World, lock: Lock) -> Path:
    """The repository's files as they are, and the lock's configuration as it was archived on top."""
    folder = world.root / OWN / "releases" / lock.id
    files = archived_configuration(world.ledger, lock)
    try:
        for name in _own_files(world):
            if name not in files and (world.root / name).is_file():
                _put(folder / name, (world.root / name).read_bytes(), executable=False)
        for name, file in files.items():
            _put(folder / name, file.content, executable=file.executable)
    except OSError as error:
        raise OutsideError(
            f"the archived configuration cannot be laid out in {folder}: {error.strerror or error}",
            hint="is there room on the disk, and may this user write there?",
        ) from error
    return folder


def _own_files(world: World) -> set[str]:
    """Files that only environments use: they are as they are now, because no lock covers them."""
    found: set[str] = set()
    for settings in world.manifest.environments.values():
        found.update(settings.files or ())
        found.update(settings.env_files or ())
    if world.manifest.stack is not None:
        found.update(world.manifest.stack.files)
        found.update(world.manifest.stack.env_files or (".env",))
    return found


def _put(path: Path, content: bytes, *, executable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755 if executable else 0o644)
