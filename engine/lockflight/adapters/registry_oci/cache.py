"""Content that was fetched before, by digest, in one file of this user's cache folder.

Nothing is believed that comes out of it: the digest is computed again on every reading, and the media type
is taken from the content itself. So the worst that a broken or poisoned cache can do is to be slow. And
nothing of it is needed: a file that is locked, corrupt, read-only or on a full disk means that there is no cache.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Protocol

from lockflight.adapters.registry_oci.content import digest_of

LARGEST_CACHE = 256 * 1024 * 1024
# Images' configurations and manifests are a few KiB; what is much larger is not worth keeping.
_LARGEST_ENTRY = 1024 * 1024
_PATIENCE_SECONDS = 2.0
_LOOK_AT_SIZE_EVERY = 500
_TABLE = """
CREATE TABLE IF NOT EXISTS content (serial INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, body BLOB NOT NULL)
"""


class Cache(Protocol):
    def get(self, digest: str) -> bytes | None:
        """The content with exactly this digest, or None."""
        ...

    def put(self, digest: str, body: bytes) -> None: ...

    def close(self) -> None: ...


class NoCache:
    """Keeps nothing."""

    def get(self, digest: str) -> bytes | None:  # noqa: ARG002
        return None

    def put(self, digest: str, body: bytes) -> None:
        pass

    def close(self) -> None:
        pass


class ContentCache:
    """A SQLite file, for any number of threads and processes at once. Opened when first used."""

    def __init__(
        self, path: Path, *, largest: int = LARGEST_CACHE, patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._path = path
        self._largest = largest
        self._patience_seconds = patience_seconds
        self._guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_usable = True
        self._written = 0

    def get(self, digest: str) -> bytes | None:
        with self._guard:
            try:
                connection = self._open()
                row = (
                    connection
                    and connection.execute("SELECT body FROM content WHERE digest = ?", (digest,)).fetchone()
                )
            except sqlite3.Error as error:
                self._give_up(error)
                return None
        body = row[0] if row else None
        return body if isinstance(body, bytes) and digest_of(body) == digest else None

    def put(self, digest: str, body: bytes) -> None:
        if len(body) > _LARGEST_ENTRY:
            return
        with self._guard:
            try:
                connection = self._open()
                if connection is not None:
                    self._put(connection, digest, body)
            except sqlite3.Error as error:
                self._give_up(error)

    def close(self) -> None:
        with self._guard:
            self._close()
            self._is_usable = False

    def _put(self, connection: sqlite3.Connection, digest: str, body: bytes) -> None:
        # What is there already may be what a broken disk made of it, so it is replaced.
        connection.execute("REPLACE INTO content (digest, body) VALUES (?, ?)", (digest, body))
        self._written += 1
        if self._written % _LOOK_AT_SIZE_EVERY == 0:
            self._prune(connection)

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None and self._is_usable:
            # Counted as unusable until it is open, so that a failure is not repeated for every image.
            self._is_usable = False
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError:
                return None
            self._connection = self._connect()
            self._is_usable = True
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._patience_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            # Losing the last entries when the power goes is fine here, so nothing waits for the disk.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(_TABLE)
            self._prune(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _prune(self, connection: sqlite3.Connection) -> None:
        """Throw the older half away when the content fills more than it may."""
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        if (pages - free) * size > self._largest:
            connection.execute(
                "DELETE FROM content WHERE serial <= (SELECT (min(serial) + max(serial)) / 2 FROM content)"
            )

    def _give_up(self, error: sqlite3.Error) -> None:
        """No cache for the rest of this process; a file that is no database is taken out of the way."""
        self._close()
        self._is_usable = False
        # Being locked or read-only is a subclass of it, and says nothing against the file.
        if type(error) is sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    Path(f"{self._path}{suffix}").unlink()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
