"""Files that people and pipelines rely on: written whole or not at all, read with bounds."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from lockflight.errors import InputError, OutsideError, Place

LARGEST_TEXT = 16 * 1024 * 1024
_BOMS = {
    b"\xef\xbb\xbf": "UTF-8 with a byte order mark",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def write_atomically(path: Path, text: str) -> bool:
    """Put `text` at `path` so that a reader sees the old file or the new one, never half of one.

    Returns False, and touches nothing, when the file already holds exactly this text.
    """
    body = text.encode()
    try:
        there = _status(path)
        if there is not None and stat.S_ISDIR(there.st_mode):
            raise InputError("is a folder; name a file in it", place=Place(str(path)))
        if there is not None and not stat.S_ISREG(there.st_mode):
            _write_to_device(path, body)
            return True
        if there is not None and there.st_size == len(body) and _holds(path, body):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, body)
    except OSError as error:
        raise OutsideError(
            f"cannot write: {error.strerror or error}",
            place=Place(str(path)),
            hint="is the folder writable, and is there room on the disk?",
        ) from error
    return True


def existing_text(path: Path, *, called: str | None = None) -> str | None:
    """What a regular file holds, before it is written over; None where there is none to be lost.

    Text that cannot be read is the InputError of `read_text`: it is no text of ours.
    """
    try:
        there = _status(path)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", place=Place(called or str(path))
        ) from error
    return read_text(path, called=called) if there is not None and stat.S_ISREG(there.st_mode) else None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _holds(path: Path, body: bytes) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as stream:
        return stream.read(len(body) + 1) == body
    return False


def _write_to_device(path: Path, body: bytes) -> None:
    """Straight to a device or pipe, which must stay what it is; a pipe that nobody reads is refused."""
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    os.set_blocking(handle, True)
    with open(handle, "wb", buffering=0) as stream:  # noqa: PTH123 - a descriptor has no path
        rest = memoryview(body)
        while rest:
            rest = rest[stream.write(rest) :]


def _replace(path: Path, body: bytes) -> None:
    # The scratch file is ours alone, so two writers never share a half-written one; a symbolic link is
    # written through, as an editor would.
    target = path.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
    scratch = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.chmod(_mode_for(target))
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _mode_for(target: Path) -> int:
    """That of the file that is replaced, else what the umask leaves; mkstemp's own is for secrets."""
    there = _status(target)
    if there is not None:
        return there.st_mode & 0o7777
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def read_text(path: Path, *, called: str | None = None, largest: int = LARGEST_TEXT) -> str:
    """Read a text file that a person or a CI wrote; anything that is no plain UTF-8 text is refused."""
    name = called or str(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise InputError("is a folder; a file is expected", place=Place(name))
        # Devices and pipes say size 0, so what was read is measured too.
        if size <= largest:
            with path.open("rb") as stream:
                body = stream.read(largest + 1)
            size = max(size, len(body))
    except FileNotFoundError as error:
        raise InputError("does not exist", place=Place(name)) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=Place(name)) from error
    if size > largest:
        raise InputError(
            f"is too large: {size / 1e6:.1f} MB, at most {largest / 1e6:.1f} MB are read",
            place=Place(name),
            hint="is this the file that you meant?",
        )
    return decode_text(body, name)


def decode_text(body: bytes, name: str) -> str:
    """Bytes to text, refusing byte order marks, NUL bytes and anything that is no UTF-8."""
    for mark, encoding in _BOMS.items():
        if body.startswith(mark):
            raise InputError(
                f"is encoded as {encoding}", place=Place(name), hint="save it as plain UTF-8 without a mark"
            )
    if b"\0" in body:
        line = body[: body.index(b"\0")].count(b"\n") + 1
        raise InputError("has a NUL byte in it: this is no text file", place=Place(name, line))
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise InputError(
            f"is not valid UTF-8: byte 0x{body[error.start]:02x}",
            place=Place(name, line),
            hint="save it as UTF-8",
        ) from error
