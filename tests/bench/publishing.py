"""Filling the registry: one image per service as buildx pushes them, by plain HTTP and many at a time."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lockflight.builds.labels import PREFIX
from lockflight.testing.images import BuiltImage, build, digest_of
from tests.bench.processes import Broken

PLATFORMS = ("linux/amd64", "linux/arm64")
_AT_ONCE = 8
# Layers and attestations are the same bytes in every image, as far as what we look at goes.
_EQUAL_BLOBS = "equal/blobs"


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the shop, its commit, and the image that was built from it."""

    name: str
    commit: str
    image: BuiltImage

    @property
    def path(self) -> str:
        """The repository of its images in the registry."""
        return f"shop/{self.name}"


def make_services(count: int) -> list[Service]:
    """That many services, each with an image of its own; the same on every machine."""
    return [_service(f"service-{number:04}") for number in range(1, count + 1)]


def _service(name: str) -> Service:
    commit = digest_of(name.encode()).removeprefix("sha256:")[:40]
    labels = {
        f"{PREFIX}revision": commit,
        f"{PREFIX}version": "1.4.2",
        f"{PREFIX}created": "2026-11-20T17:12:09Z",
        f"{PREFIX}source": f"https://github.com/acme/{name}",
    }
    return Service(name, commit, build(labels, platforms=PLATFORMS, attestations=True))


def publish(host: str, images: Sequence[tuple[str, str, BuiltImage]]) -> None:
    """Push these images, each under a path and a tag, as CIs did long before any lock is made."""
    _push(http.client.HTTPConnection(host, timeout=60), _EQUAL_BLOBS, "latest", images[0][2])
    connections = threading.local()

    def push(item: tuple[str, str, BuiltImage]) -> None:
        if not hasattr(connections, "to_registry"):
            connections.to_registry = http.client.HTTPConnection(host, timeout=60)
        path, tag, image = item
        _push(connections.to_registry, path, tag, image)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(push, images):
            pass


def _push(connection: http.client.HTTPConnection, path: str, tag: str, image: BuiltImage) -> None:
    parts = list(_with_children(image))
    for blob in dict.fromkeys(blob for part in parts for blob in part.blobs):
        _push_blob(connection, path, blob)
    for part in {part.digest: part for part in parts[1:]}.values():
        _put_manifest(connection, path, part.digest, part)
    _put_manifest(connection, path, tag, image)


def _with_children(image: BuiltImage) -> Iterator[BuiltImage]:
    yield image
    yield from image.children


def _push_blob(connection: http.client.HTTPConnection, path: str, blob: bytes) -> None:
    """Upload a blob, unless the registry takes it over from the repository where equal blobs are."""
    digest = digest_of(blob)
    start = f"/v2/{path}/blobs/uploads/?mount={digest}&from={_EQUAL_BLOBS}"
    status, location = _ask(connection, "POST", start, (201, 202))
    if status == 202:
        separator = "&" if "?" in location else "?"
        octets = {"Content-Type": "application/octet-stream"}
        _ask(connection, "PUT", f"{location}{separator}digest={digest}", (201,), blob, octets)


def _put_manifest(
    connection: http.client.HTTPConnection, path: str, reference: str, image: BuiltImage
) -> None:
    headers = {"Content-Type": image.media_type}
    _ask(connection, "PUT", f"/v2/{path}/manifests/{reference}", (201,), image.body, headers)


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    address: str,
    expected: tuple[int, ...],
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Send one request, insist on the answer, and say where the registry points us next."""
    connection.request(method, address, body, headers or {})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status not in expected:
        raise Broken(f"{method} {address}: the registry answered {answer.status}: {said[:300]!r}")
    return answer.status, answer.headers.get("Location", "")
