"""The files in a tar stream that a container wrote, which may be as large and as false as it likes."""

from __future__ import annotations

import fnmatch
import io
import tarfile
from collections.abc import Iterable, Iterator

from lockflight.errors import OutsideError

LARGEST_FILE = 16 * 1024 * 1024
_MOST_FILES = 1000
_MOST_TOGETHER = 128 * 1024 * 1024
_LONGEST_STREAM = 1024 * 1024 * 1024


def files_in(pieces: Iterable[bytes], pattern: str, depth: int) -> dict[str, bytes]:
    """The plain files whose name matches, by their names; `depth` is how many folders stand before it.

    Nothing is written anywhere, links are left out, and of a path only its last part is used.
    """
    found: dict[str, bytes] = {}
    together = 0
    try:
        with tarfile.open(fileobj=_Stream(iter(pieces)), mode="r|") as archive:
            for member in archive:
                if not _is_wanted(member, pattern, depth):
                    continue
                together += member.size
                if together > _MOST_TOGETHER or len(found) >= _MOST_FILES:
                    break
                content = archive.extractfile(member)
                if content is not None:
                    found[_name(member)] = content.read()
    except (tarfile.TarError, EOFError) as error:
        raise OutsideError(f"the Docker engine sent an archive that cannot be read: {error}") from error
    return found


def _is_wanted(member: tarfile.TarInfo, pattern: str, depth: int) -> bool:
    right_place = member.name.removeprefix("./").strip("/").count("/") == depth
    fits = fnmatch.fnmatchcase(_name(member), pattern)
    return member.isreg() and right_place and fits and member.size <= LARGEST_FILE


def _name(member: tarfile.TarInfo) -> str:
    return member.name.rstrip("/").rpartition("/")[2]


class _Stream(io.RawIOBase):
    """Pieces as a file to read from, up to a size at which we stop listening."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._waiting = b""
        self._received = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """As much as is asked for; less at the end only."""
        parts = [self._waiting]
        have = len(self._waiting)
        while size < 0 or have < size:
            piece = next(self._pieces, b"")
            if not piece or self._received > _LONGEST_STREAM:
                break
            self._received += len(piece)
            parts.append(piece)
            have += len(piece)
        whole = b"".join(parts)
        wanted = len(whole) if size < 0 else size
        self._waiting = whole[wanted:]
        return whole[:wanted]
