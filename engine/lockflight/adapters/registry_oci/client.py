"""The Registry port over the distribution API (https://github.com/opencontainers/distribution-spec)."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from lockflight.adapters.registry_oci.cache import Cache, NoCache
from lockflight.adapters.registry_oci.credentials import CredentialStore, NoCredentials
from lockflight.adapters.registry_oci.endpoint import Endpoint, Settings
from lockflight.adapters.registry_oci.http import Transport
from lockflight.adapters.registry_oci.push import Pusher
from lockflight.adapters.registry_oci.read import Reader
from lockflight.adapters.registry_oci.referrers import list_referrers
from lockflight.names import ImageReference
from lockflight.ports.clock import Clock
from lockflight.ports.registry import Content, Descriptor


class OciRegistry:
    """Any number of registries, each asked in its own way. May be used by many threads at once.

    An image without tag and digest means the tag `latest`, as everywhere with Docker. Content that is named
    by its digest is answered from `cache` where it lies there; whether something exists, and what a tag
    points at, is always asked. Plain http is spoken to loopback addresses, and to hosts in `insecure` that do
    not speak https (their certificates are not excused); which of both is found out once for each registry.
    Proxies are those that `environment` names (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), and never for loopback.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        credentials: CredentialStore | None = None,
        insecure: frozenset[str] = frozenset(),
        cache: Cache | None = None,
        concurrency: int = 16,
        deadline_seconds: float = 60,
        connect_seconds: float = 10,
        read_seconds: float = 30,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._transport = Transport(
            connections=concurrency,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            environment=environment,
        )
        self._settings = Settings(
            self._transport, credentials or NoCredentials(), insecure, clock, concurrency, deadline_seconds
        )
        self._cache = cache or NoCache()
        self._endpoints: dict[str, Endpoint] = {}
        self._guard = threading.Lock()
        self._reader = Reader(self._endpoint, self._cache)
        self._pusher = Pusher(self._endpoint, self._reader, clock)

    def close(self) -> None:
        """Give back connections and the cache's file; the end of the process does so too."""
        self._transport.close()
        self._cache.close()

    def resolve(self, image: ImageReference) -> Descriptor | None:
        return self._reader.resolve(image)

    def manifest(self, image: ImageReference) -> Content | None:
        return self._reader.manifest(image)

    def blob(self, image: ImageReference, digest: str) -> bytes | None:
        return self._reader.blob(image, digest)

    def referrers(self, image: ImageReference, artifact_type: str) -> tuple[Descriptor, ...]:
        found = image.digest or getattr(self.resolve(image), "digest", None)
        if found is None:
            return ()
        subject = image.with_digest(found)
        return list_referrers(self._endpoint(image.registry), self._reader, subject, artifact_type)

    def push_blob(self, image: ImageReference, body: bytes) -> Descriptor:
        return self._pusher.push_blob(image, body)

    def push_manifest(self, image: ImageReference, body: bytes, media_type: str) -> Descriptor:
        return self._pusher.push_manifest(image, body, media_type)

    def _endpoint(self, registry: str) -> Endpoint:
        found = self._endpoints.get(registry)
        if found is None:
            with self._guard:
                found = self._endpoints.setdefault(registry, Endpoint(registry, self._settings))
        return found
