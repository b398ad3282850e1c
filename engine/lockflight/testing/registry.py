"""Registries for tests: `FakeRegistry` in memory, and `RegistryServer`, which real clients can talk to.

registry = FakeRegistry()
digest = registry.add_image("ghcr.io/acme/cart", "main", labels={REVISION: commit})
assert registry.resolve(parse_reference("ghcr.io/acme/cart:main")).digest == digest

with RegistryServer(door=Door(users={"ada": "secret"})) as server:
    server.faults.answer_next(faults.status(429, retry_after="1"))
    ...  # talk to server.host, such as 127.0.0.1:43211
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import Content, Descriptor, RegistryUnavailable, WrongContent
from lockflight.testing import images
from lockflight.testing.registry_server import RegistryServer
from lockflight.testing.registry_store import Incomplete, Repository, Store

_CREATED = "org.opencontainers.image.created"

__all__ = ["FakeRegistry", "RegistryServer"]


class FakeRegistry:
    """Implements the Registry port for every host there is, over content that a test put there.

    `asked` lists every question in order, as `resolve ghcr.io/acme/cart:main`; `failures` makes a host (or
    one repository) raise instead of answering.
    """

    def __init__(self) -> None:
        self.store = Store()
        self.asked: list[str] = []
        self.failures: dict[str, Exception] = {}

    def add_image(
        self,
        name: str,
        tag: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        platforms: Sequence[str] = ("linux/amd64",),
        platform_labels: Mapping[str, Mapping[str, str]] | None = None,
        attestations: bool = False,
        docker: bool = False,
    ) -> str:
        """Put an image there as buildx would push it, and answer the digest that the tag then points at."""
        built = images.build(
            labels,
            platforms=platforms,
            platform_labels=platform_labels,
            attestations=attestations,
            docker=docker,
        )
        return self.add(name, built, tag)

    def add(self, name: str, image: images.BuiltImage, tag: str | None = None) -> str:
        """Put an image there that was built with `lockflight.testing.images`."""
        repository = self.repository(name)
        for blob in image.blobs:
            repository.put_blob(blob)
        for child in image.children:
            self.add(name, child)
        return repository.put_manifest(image.body, image.media_type, tag)

    def move_tag(self, name: str, tag: str, digest: str) -> None:
        """What somebody does who pushes over a tag."""
        self.repository(name).tags[tag] = digest

    def delete(self, name: str, digest: str) -> None:
        """What a clean-up does: the manifest goes, and every tag that pointed at it."""
        self.repository(name).delete_manifest(digest)

    def tamper(self, name: str, digest: str, body: bytes) -> None:
        """Put other bytes behind a digest, which whoever asks for it must refuse."""
        repository = self.repository(name)
        if digest in repository.manifests:
            repository.manifests[digest] = Content(digest, repository.manifests[digest].media_type, body)
        else:
            repository.blobs[digest] = body

    def repository(self, name: str) -> Repository:
        """The repository behind a name such as `ghcr.io/acme/cart`, to look at or to change."""
        return self.store.repository(parse_reference(name).name)

    def resolve(self, image: ImageReference) -> Descriptor | None:
        content = self._manifest("resolve", image)
        if content is None:
            return None
        return Descriptor(content.digest, content.media_type, len(content.body))

    def manifest(self, image: ImageReference) -> Content | None:
        return self._manifest("manifest", image)

    def blob(self, image: ImageReference, digest: str) -> bytes | None:
        repository = self._ask("blob", image, digest)
        body = repository.blobs.get(digest) if repository else None
        if body is not None and images.digest_of(body) != digest:
            raise _wrong(image, digest)
        return body

    def referrers(self, image: ImageReference, artifact_type: str) -> tuple[Descriptor, ...]:
        repository = self._ask("referrers", image)
        digest = image.digest or (repository.tags.get(image.tag or "latest") if repository else None)
        if repository is None or digest is None:
            return ()
        found = (one for one in repository.referrers(digest) if one.artifact_type == artifact_type)
        return tuple(sorted(found, key=lambda one: one.annotations.get(_CREATED, "")))

    def push_blob(self, image: ImageReference, body: bytes) -> Descriptor:
        self._ask("push_blob", image)
        digest = self.repository(image.name).put_blob(body)
        return Descriptor(digest, "application/octet-stream", len(body))

    def push_manifest(self, image: ImageReference, body: bytes, media_type: str) -> Descriptor:
        self._ask("push_manifest", image)
        try:
            digest = self.repository(image.name).put_manifest(body, media_type, image.tag)
        except Incomplete as error:
            raise RegistryUnavailable(
                f"{image.registry} refused a manifest of {image.path}: {error} is not there"
            ) from error
        return Descriptor(digest, media_type, len(body))

    def _manifest(self, question: str, image: ImageReference) -> Content | None:
        repository = self._ask(question, image)
        reference = image.digest or image.tag or "latest"
        content = repository.manifest(reference) if repository else None
        if content is not None and images.digest_of(content.body) != content.digest:
            raise _wrong(image, content.digest)
        return content

    def _ask(self, question: str, image: ImageReference, digest: str | None = None) -> Repository | None:
        asked = image if digest is None else image.with_digest(digest)
        self.asked.append(f"{question} {asked}")
        failure = self.failures.get(image.name) or self.failures.get(image.registry)
        if failure is not None:
            raise failure
        return self.store.find(image.name)


def _wrong(image: ImageReference, digest: str) -> WrongContent:
    return WrongContent(f"{image.registry} handed over other bytes than {digest} of {image.path}")
