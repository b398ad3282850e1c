"""Images that an engine can run: Debian's static busybox with a command and a health check of one's choice.

They are made of one layer and pushed by our own registry adapter, which takes milliseconds where a builder takes
seconds. That the command is in the image makes one compose file do for the real engine and for the fake one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import docker
import pytest

from lockflight.adapters.registry_oci import OciRegistry
from lockflight.adapters.system_clock import SystemClock
from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import DOCKER_MANIFEST, Content
from lockflight.testing.images import BuiltImage, digest_of, push
from tests.support.registry_process import RealRegistry

_PLACES = ("/bin/busybox", "/usr/bin/busybox")
_PROGRAMS = ("sh", "sleep", "cat", "echo", "env", "ls", "wget", "httpd", "nc", "dd", "yes", "seq", "mkdir", "true",
             "false", "test", "touch", "head", "tr", "grep", "id", "sed", "awk", "date")  # fmt: skip
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_NANOSECONDS = 1_000_000_000
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Probe:
    """A health check that is in the image."""

    command: tuple[str, ...]
    every: float = 0.2
    retries: int = 3


@dataclass(frozen=True)
class StackImages:
    """Makes images in a registry. All have one name, so that their layer is pushed once."""

    registry: OciRegistry
    place: ImageReference
    _made: dict[str, str] = field(default_factory=dict)

    def image(
        self,
        *command: str,
        probe: Probe | None = None,
        environment: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """`registry/path@sha256:…` of an image that runs the command; the same one when it is asked for again."""
        settings = _settings(command or ("sleep", "3600"), probe, environment or {}, labels or {})
        key = json.dumps(settings, sort_keys=True)
        if key not in self._made:
            built = _build(settings)
            push(self.registry, self.place, built)
            self._made[key] = f"{self.place.name}@{built.digest}"
        return self._made[key]

    def missing(self) -> str:
        """A digest that the registry does not have."""
        return f"{self.place.name}@sha256:{hashlib.sha256(uuid.uuid4().bytes).hexdigest()}"


@contextmanager
def images_in(registry: RealRegistry) -> Iterator[StackImages]:
    """Images in this registry. Those that an engine pulled are removed from it at the end."""
    client = OciRegistry(clock=SystemClock())
    place = parse_reference(registry.name("busybox"))
    try:
        yield StackImages(client, ImageReference(place.registry, place.path))
    finally:
        client.close()
        remove_images(f"{place.name}@")


def remove_images(prefix: str) -> None:
    """Remove images from the engine by the beginning of their names with digests."""
    with docker.APIClient() as engine:
        for image in engine.images():
            names = [name for name in image.get("RepoDigests") or [] if name.startswith(prefix)]
            for name in names:
                engine.remove_image(name, force=True)


@cache
def _layer() -> tuple[bytes, str]:
    """The layer, packed, and the digest of its unpacked form."""
    program = next((place for place in _PLACES if Path(place).exists()), None)
    if program is None:
        pytest.fail("a static busybox is missing: run .ci/setup, which installs it")
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for folder in ("bin", "tmp", "etc", "data"):
            _add(archive, folder, type=tarfile.DIRTYPE, mode=0o1777 if folder == "tmp" else 0o755)
        body = Path(program).read_bytes()
        _add(archive, "bin/busybox", body, mode=0o755)
        for name in _PROGRAMS:
            _add(archive, f"bin/{name}", type=tarfile.SYMTYPE, linkname="busybox")
    return gzip.compress(plain.getvalue(), 1, mtime=0), digest_of(plain.getvalue())


def _add(archive: tarfile.TarFile, name: str, body: bytes = b"", **settings: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(body)
    for key, value in settings.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(body))


def _settings(
    command: tuple[str, ...], probe: Probe | None, environment: Mapping[str, str], labels: Mapping[str, str]
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Cmd": list(command),
        "Env": ["PATH=/bin", *(f"{key}={value}" for key, value in environment.items())],
        "Labels": dict(labels),
    }
    if probe is not None:
        found["Healthcheck"] = {
            "Test": ["CMD", *probe.command],
            "Interval": int(probe.every * _NANOSECONDS),
            "Timeout": 5 * _NANOSECONDS,
            "Retries": probe.retries,
        }
    return found


def _build(settings: Mapping[str, Any]) -> BuiltImage:
    layer, unpacked = _layer()
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [unpacked]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": _descriptor(_CONFIG_TYPE, config),
            "layers": [_descriptor(_LAYER_TYPE, layer)],
        }
    ).encode()
    return BuiltImage(Content(digest_of(manifest), DOCKER_MANIFEST, manifest), (config, layer))


def _descriptor(media_type: str, body: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}
