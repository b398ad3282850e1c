"""Images on the engine: which are there, and pulling those that are not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lockflight import logs
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import EngineRefused
from lockflight.errors import InputError, OutsideError
from lockflight.names import parse_reference
from lockflight.ports.stack_engine import ImageMissing, ImageUnpullable, Pulled

if TYPE_CHECKING:
    from lockflight.adapters.registry_oci.credentials import Credentials, CredentialStore

# How long an engine may say nothing about a pull: it tells of every megabyte, but not of a registry that hangs.
_SILENT_SECONDS = 10 * 60
_MISSING = ("manifest unknown", "name unknown", "not found", "no matching manifest")
_DENIED = ("denied", "unauthorized", "no basic auth", "authentication required", "forbidden")
_FULL = "no space left on device"
_PLAIN_HTTP = "server gave http response to https client"


def canonical(reference: str) -> str:
    """`registry/path@digest` with nothing left out, so that two ways to write it are one."""
    try:
        image = parse_reference(reference)
    except ValueError:
        return reference
    return f"{image.name}@{image.digest}" if image.digest else str(image)


class Images:
    def __init__(self, connection: Connection, environment: Mapping[str, str]) -> None:
        self._connection = connection
        self._environment = environment

    @cached_property
    def _credentials(self) -> CredentialStore:
        # Its package loads much that most commands have no use for.
        from lockflight.adapters.registry_oci.credentials import DockerCredentials

        return DockerCredentials(self._environment)

    def present(self, references: Sequence[str]) -> frozenset[str]:
        if not references:
            return frozenset()
        with self._connection.asking():
            images = self._connection.client.images()
        here = {canonical(name) for image in images for name in image.get("RepoDigests") or []}
        return frozenset(reference for reference in references if canonical(reference) in here)

    def digests(self, images: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The names with digests of images by their ids."""
        found: dict[str, tuple[str, ...]] = {}
        for image in set(images):
            with self._connection.asking():
                client: Any = self._connection.client  # the types of the library leave this call out
                inspected = client.inspect_image(image)
            found[image] = tuple(sorted({canonical(name) for name in inspected.get("RepoDigests") or []}))
        return found

    def pull(self, reference: str, platform: str | None, pulled: Pulled) -> None:
        host = _host(reference)
        layers = Layers()
        for message in self._messages(reference, platform, host):
            if message.get("error"):
                detail = message.get("errorDetail")
                said = detail.get("message") if isinstance(detail, Mapping) else None
                raise refusal(
                    reference, host, logs.printable(str(said or message["error"])), self._trouble(host)
                )
            if layers.heard(message):
                pulled(layers.here, layers.known)

    def _messages(self, reference: str, platform: str | None, host: str) -> Iterator[dict[str, Any]]:
        image = parse_reference(reference)
        settings = {"fromImage": image.name, "tag": image.digest or image.tag or "latest"}
        pieces = self._connection.stream(
            "/images/create",
            {**settings, **({"platform": platform} if platform else {})},
            _SILENT_SECONDS,
            method="POST",
            headers={"X-Registry-Auth": _login(self._credentials.find(host).credentials)},
        )
        try:
            for line in _lines(pieces):
                with self._connection.asking():
                    message = json.loads(line)
                if isinstance(message, dict):
                    yield message
        except EngineRefused as error:
            raise refusal(reference, host, error.said, self._trouble(host)) from error

    def _trouble(self, host: str) -> str:
        """What stood in the way of credentials; worth saying only when the registry said no."""
        return self._credentials.find(host).trouble


class Layers:
    """How many bytes of an image are here, summed over its layers."""

    def __init__(self) -> None:
        self._here: dict[str, int] = {}
        self._sizes: dict[str, int] = {}

    @property
    def here(self) -> int:
        return sum(self._here.values())

    @property
    def known(self) -> int:
        return sum(self._sizes.values())

    def heard(self, message: Mapping[str, Any]) -> bool:
        """Whether the message changed anything."""
        layer, status = str(message.get("id") or ""), message.get("status")
        progress = message.get("progressDetail") or {}
        before = (self.here, self.known)
        if status == "Downloading" and layer:
            self._here[layer] = int(progress.get("current") or 0)
            self._sizes[layer] = max(int(progress.get("total") or 0), self._sizes.get(layer, 0))
        elif status in {"Download complete", "Pull complete"}:
            self._here[layer] = self._sizes.get(layer, 0)
        return (self.here, self.known) != before


def refusal(reference: str, host: str, said: str, trouble: str = "") -> OutsideError:
    """Why an image could not be pulled, from the engine's words: it has no codes for that."""
    words = said.lower()
    if _FULL in words:
        return ImageUnpullable(
            f"{reference} cannot be pulled: the disk of the Docker engine is full ({said})",
            hint="'docker system df' shows what fills it; 'docker image prune' removes what nobody uses",
        )
    # "pull access denied, … does not exist or may require 'docker login'" is a denial: we cannot know.
    if any(word in words for word in _DENIED):
        because = f"; {trouble}" if trouble else ""
        return ImageUnpullable(f"{reference} cannot be pulled: {said}{because}", hint=f"docker login {host}")
    if any(word in words for word in _MISSING):
        return ImageMissing(f"{reference} is not in the registry: {said}")
    hint = None
    if _PLAIN_HTTP in words:
        hint = f"the registry speaks http: put {host} into 'insecure-registries' of the engine's daemon.json"
    return ImageUnpullable(f"{reference} cannot be pulled: {said}", hint=hint)


def _host(reference: str) -> str:
    try:
        return parse_reference(reference).registry
    except ValueError as error:
        raise InputError(str(error)) from error


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def _login(found: Credentials | None) -> str:
    """Credentials as the engine's API wants them in a header."""
    words = (
        {
            "username": found.username,
            "password": found.password,
            "identitytoken": found.identity_token,
            "registrytoken": found.registry_token,
        }
        if found
        else {}
    )
    text = json.dumps({key: value for key, value in words.items() if value})
    return base64.urlsafe_b64encode(text.encode()).decode()
