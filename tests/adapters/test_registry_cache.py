"""The cache of content by digest: it may be slow, full, broken or poisoned, but it never lies."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lockflight.adapters.registry_oci import ContentCache
from lockflight.ports.registry import OCI_MANIFEST, WrongContent
from lockflight.testing import faults
from lockflight.testing.images import build, digest_of, with_body
from lockflight.testing.registry import RegistryServer
from tests.adapters.test_registry_misbehaviour import BUILT, CONFIG, asked, put
from tests.conftest import OpenRegistry

BODY = b"content"
DIGEST = digest_of(BODY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "content.sqlite"


def poison(path: Path, digest: str, body: Any) -> None:
    with ContentCacheOf(path) as kept:
        kept.put(digest_of(BODY), BODY)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("REPLACE INTO content (digest, body) VALUES (?, ?)", (digest, body))
    connection.close()


class ContentCacheOf:
    """A cache that is closed at the end of a block."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.kept = ContentCache(path, **settings)

    def __enter__(self) -> ContentCache:
        return self.kept

    def __exit__(self, *_error: object) -> None:
        self.kept.close()


def test_what_was_kept_is_found_by_the_next_run(path: Path) -> None:
    with ContentCacheOf(path) as kept:
        assert kept.get(DIGEST) is None
        kept.put(DIGEST, BODY)
        assert kept.get(DIGEST) == BODY
    with ContentCacheOf(path) as kept:
        assert kept.get(DIGEST) == BODY


def test_only_this_user_may_look_into_the_folder(path: Path) -> None:
    with ContentCacheOf(path) as kept:
        kept.put(DIGEST, BODY)
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("body", [b"another content", b"", "text", 7, b"\0"])
def test_other_content_under_a_digest_is_not_believed(path: Path, body: Any) -> None:
    poison(path, DIGEST, body)
    with ContentCacheOf(path) as kept:
        assert kept.get(DIGEST) is None
        kept.put(DIGEST, BODY)
        assert kept.get(DIGEST) == BODY


@pytest.mark.parametrize(
    "rubbish", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000, b"x"]
)
def test_a_file_that_is_no_database_is_replaced_by_the_next_run(path: Path, rubbish: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(rubbish)
    with ContentCacheOf(path) as kept:
        kept.put(DIGEST, BODY)
        kept.get(DIGEST)
    with ContentCacheOf(path) as kept:
        kept.put(DIGEST, BODY)
        assert kept.get(DIGEST) == BODY


def test_a_database_that_broke_in_the_middle_does_no_harm(path: Path) -> None:
    with ContentCacheOf(path) as kept:
        for number in range(200):
            kept.put(digest_of(b"%d" % number * 300), b"%d" % number * 300)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + os.urandom(len(whole) - 8192))
    with ContentCacheOf(path) as kept:
        for number in range(200):
            body = b"%d" % number * 300
            assert kept.get(digest_of(body)) in (None, body)


@pytest.mark.parametrize("place", ["/proc/nowhere/content.sqlite", "/dev/null/content.sqlite"])
def test_where_nothing_can_be_written_there_is_no_cache(place: str) -> None:
    with ContentCacheOf(Path(place)) as kept:
        kept.put(DIGEST, BODY)
        assert kept.get(DIGEST) is None


def test_a_folder_in_place_of_the_file_means_no_cache(path: Path) -> None:
    path.mkdir(parents=True)
    with ContentCacheOf(path) as kept:
        kept.put(DIGEST, BODY)
        assert kept.get(DIGEST) is None
    assert path.is_dir()


def test_a_file_that_another_program_holds_means_no_cache_and_stays(path: Path) -> None:
    with ContentCacheOf(path) as kept:
        kept.put(DIGEST, BODY)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with ContentCacheOf(path, patience_seconds=0.01) as kept:
        assert kept.get(DIGEST) is None
        kept.put(DIGEST, BODY)
    holder.execute("ROLLBACK")
    holder.close()
    with ContentCacheOf(path) as kept:
        assert kept.get(DIGEST) == BODY


ERRORS = [
    kind for kind in vars(sqlite3).values() if isinstance(kind, type) and issubclass(kind, sqlite3.Error)
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("stage", ["connect", "later"])
def test_no_exception_of_the_database_gets_out(
    error: type[sqlite3.Error], stage: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *_arguments: Any) -> sqlite3.Cursor:
            if stage == "connect" or "content" in sql.replace("CREATE TABLE IF NOT EXISTS content", ""):
                raise error("text of a library")
            return super().execute(sql, *_arguments)

    original = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: original(*a, **k, factory=Failing))
    with ContentCacheOf(path) as kept:
        kept.put(DIGEST, BODY)
        assert kept.get(DIGEST) is None


def test_the_file_does_not_grow_without_bounds(path: Path) -> None:
    largest = 2 * 2**20
    bodies = [os.urandom(4096) for _ in range(2000)]
    with ContentCacheOf(path, largest=largest) as kept:
        for body in bodies:
            kept.put(digest_of(body), body)
    with ContentCacheOf(path, largest=largest) as kept:
        found = [kept.get(digest_of(body)) == body for body in bodies]
    assert path.stat().st_size < 4 * largest
    assert found[-1]
    assert not found[0]
    assert 0 < sum(found) * 4096 <= largest


def test_what_is_large_is_not_kept(path: Path) -> None:
    body = bytes(2 * 2**20)
    with ContentCacheOf(path) as kept:
        kept.put(digest_of(body), body)
        assert kept.get(digest_of(body)) is None


def test_many_threads_and_processes_write_at_once(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from hashlib import sha256\n"
        "from lockflight.adapters.registry_oci import ContentCache\n"
        "kept = ContentCache(Path(sys.argv[1]))\n"
        "for n in range(200):\n"
        "    body = f'{sys.argv[2]} {n}'.encode(); kept.put('sha256:' + sha256(body).hexdigest(), body)\n"
        "kept.close()\n"
    )
    with ContentCacheOf(path) as kept:
        kept.put(DIGEST, BODY)
        writers = [subprocess.Popen([sys.executable, "-c", program, str(path), f"{n}"]) for n in range(3)]
        bodies = [f"thread {n}".encode() for n in range(400)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda body: kept.put(digest_of(body), body), bodies))
        assert [writer.wait(60) for writer in writers] == [0, 0, 0]
        expected = bodies + [f"{writer} {n}".encode() for writer in range(3) for n in range(200)]
        assert all(kept.get(digest_of(body)) == body for body in expected)


def test_kept_content_is_answered_without_a_request(
    path: Path, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    by_digest = image.with_digest(BUILT.digest)
    first = open_registry(cache=ContentCache(path))
    assert first.manifest(image) == BUILT.content
    assert first.blob(image, digest_of(CONFIG)) == CONFIG
    before = len(registry_server.requests)
    second = open_registry(cache=ContentCache(path))
    assert second.manifest(by_digest) == BUILT.content
    assert second.blob(image, digest_of(CONFIG)) == CONFIG
    assert len(registry_server.requests) == before


def test_what_a_tag_points_at_and_what_exists_is_always_asked(
    path: Path, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry(cache=ContentCache(path))
    assert client.manifest(image.with_digest(BUILT.digest)) == BUILT.content
    registry_server.repository("acme/cart").delete_manifest(BUILT.digest)
    assert client.resolve(image) is None
    assert client.resolve(image.with_digest(BUILT.digest)) is None
    assert client.manifest(image) is None


def test_content_that_was_refused_is_not_kept(
    path: Path, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry(cache=ContentCache(path))
    registry_server.faults.answer_next(faults.flipped_body(), method="GET", path="/manifests/")
    with pytest.raises(WrongContent):
        client.manifest(image)
    assert client.manifest(image.with_digest(BUILT.digest)) == BUILT.content


def test_a_poisoned_cache_is_passed_over(
    path: Path, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    poison(path, BUILT.digest, build({"evil": "yes"}).body)
    poison(path, digest_of(CONFIG), b'{"config": {"Labels": {"evil": "yes"}}}')
    client = open_registry(cache=ContentCache(path))
    assert client.manifest(image.with_digest(BUILT.digest)) == BUILT.content
    assert client.blob(image, digest_of(CONFIG)) == CONFIG


def test_content_that_does_not_state_its_type_is_asked_for_each_time(
    path: Path, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    """Its type is then known from a header alone, which no digest vouches for."""
    built = with_body(BUILT, {"mediaType": None})
    image = put(registry_server, built)
    client = open_registry(cache=ContentCache(path))
    for _ in range(2):
        content = client.manifest(image.with_digest(built.digest))
        assert content is not None
        assert content.media_type == OCI_MANIFEST
    assert len([one for one in asked(registry_server) if one.startswith("GET")]) == 2


def test_a_blob_is_not_taken_for_a_manifest(
    path: Path, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry(cache=ContentCache(path))
    assert client.blob(image, digest_of(CONFIG)) == CONFIG
    assert client.manifest(image.with_digest(digest_of(CONFIG))) is None
