"""Files that people and pipelines rely on: written whole or not at all, read with bounds."""

from __future__ import annotations

import contextlib
import os
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
    with contextlib.suppress(OSError):
        if path.read_bytes() == body:
            return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, body)
    except OSError as error:
        raise OutsideError(
            f"cannot write: {error.strerror or error}",
            place=Place(str(path)),
            hint="is the folder writable, and is there room on the disk?",
        ) from error
    return True


def _replace(path: Path, body: bytes) -> None:
    # The name is ours alone (process id), so two writers never share a half-written file; a symbolic link
    # is written through, as an editor would.
    target = path.resolve()
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("xb") as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            scratch.chmod(target.stat().st_mode & 0o7777)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


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
