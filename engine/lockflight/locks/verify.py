"""A lock held against its registries: does everything that it names exist, and is it what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lockflight.builds.labels import ImageFacts, inspect
from lockflight.concurrency import each
from lockflight.errors import OutsideError
from lockflight.findings import NOTHING, Finding
from lockflight.locks.model import Lock, LockedImage, LockedService
from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import Registry, WrongContent
from lockflight.progress import Progress


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome: what disagrees, and what could not be asked."""

    findings: tuple[Finding, ...]
    failures: tuple[OutsideError, ...]
    images: int


def verify(lock: Lock, registry: Registry, progress: Progress) -> Checked:
    """Ask the registries about every service and image of the lock; all answers are collected."""
    with_image = [(name, service) for name, service in lock.services.items() if service.image is not None]
    subjects: list[tuple[str, LockedService | LockedImage]] = [*with_image, *lock.images.items()]
    answers, failures = each(
        lambda subject: _findings(*subject, registry), subjects, progress, "verifying images"
    )
    found = [finding for answer in answers for finding in answer]
    return Checked(tuple(found), tuple(failures), len(subjects))


def _findings(name: str, locked: LockedService | LockedImage, registry: Registry) -> list[Finding]:
    try:
        if isinstance(locked, LockedImage):
            return list(_image(name, locked, registry))
        return list(_service(name, locked, registry))
    except WrongContent as error:
        return [wrong_content(name, error)]


def wrong_content(subject: str, error: WrongContent) -> Finding:
    """A registry that hands over other bytes than it was asked for, as a finding about the service."""
    problem = error.problems[0]
    return Finding("wrong-content", subject, problem.message, hint=problem.hint)


def _image(name: str, image: LockedImage, registry: Registry) -> Iterator[Finding]:
    # The tag of a third-party image moves on by design; only that the digest is still there matters.
    if registry.resolve(parse_reference(image.image).with_digest(image.digest)) is None:
        yield _gone(name, image.image, image.digest)


def _service(name: str, service: LockedService, registry: Registry) -> Iterator[Finding]:
    image = parse_reference(f"{service.image}@{service.digest}")
    tag_agrees = False
    if service.tag:
        behind = registry.resolve(image.with_tag(service.tag))
        tag_agrees = behind is not None and behind.digest == service.digest
        if behind is None:
            message = f"the registry has no tag {service.image}:{service.tag}"
            yield Finding("tag-missing", name, message, service.tag, NOTHING)
        elif not tag_agrees:
            message = f"the tag {service.tag} points at another image than the lock"
            yield Finding("tag-moved", name, message, service.digest, behind.digest)
    # A tag that resolves to the digest proves that the digest is there.
    if not tag_agrees and registry.resolve(image) is None:
        yield _gone(name, str(service.image), str(service.digest))
        return
    yield from _content(name, service, image, registry)


def _content(
    name: str, service: LockedService, image: ImageReference, registry: Registry
) -> Iterator[Finding]:
    facts = inspect(registry, image)
    if facts is None:
        yield _gone(name, str(service.image), str(service.digest))
        return
    yield from (replace(finding, subject=name) for finding in facts.findings)
    for revision in other_revisions(facts, service.commit):
        yield Finding(
            "revision-mismatch", name, "the revision label is another commit", service.commit, revision
        )
    for platform, digest in sorted(service.platforms.items()):
        # The bytes behind a digest never change and may come from memory; whether they are still there is asked.
        if registry.resolve(image.with_digest(digest)) is None:
            message = f"the registry has the index, but not the image for {platform}: {digest} is missing"
            hint = "was it removed by a clean-up?"
            yield Finding("incomplete-image", name, message, digest, NOTHING, hint)
    for platform in _in_either(service.platforms, facts.platforms):
        locked, actual = service.platforms.get(platform), facts.platforms.get(platform)
        if locked != actual:
            yield Finding("platform-mismatch", name, f"another image for {platform}", locked, actual)


def other_revisions(facts: ImageFacts, commit: str) -> list[str]:
    """The revisions that an image's platforms name, where they are not this commit."""
    return sorted({found for found in facts.wellformed_revisions.values() if found != commit})


def _in_either(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(one.keys() | other.keys())


def _gone(name: str, image: str, digest: str) -> Finding:
    return Finding(
        "digest-missing",
        name,
        f"the registry has no {image}@{digest}",
        digest,
        NOTHING,
        hint="was it removed by a clean-up? is this the registry that it was pushed to?",
    )
