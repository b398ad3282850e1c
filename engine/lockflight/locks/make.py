"""Making a lock: what is wanted, what was said, what is there; every disagreement of the run together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lockflight import __version__
from lockflight.builds.labels import normal_platform
from lockflight.concurrency import each
from lockflight.config import Manifest
from lockflight.errors import OutsideError
from lockflight.findings import Finding, in_order, refusals
from lockflight.locks.file import seal
from lockflight.locks.model import Lock, LockContent, LockedImage, LockedService, Source
from lockflight.locks.resolve import Claim, Resolved, resolve_service
from lockflight.locks.satisfies import Demand
from lockflight.locks.third_party import resolve_image
from lockflight.locks.wanted import Wanted
from lockflight.logs import log
from lockflight.names import ImageReference
from lockflight.ports.git import Git
from lockflight.ports.registry import Registry
from lockflight.progress import Progress

GENERATOR = f"lockflight {__version__}"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is made anew (`demand.services`), and what is taken from a parent lock as it is (`kept`)."""

    demand: Demand
    records: Mapping[str, Claim] = field(default_factory=dict)
    parent: Lock | None = None
    kept: Mapping[str, LockedService] = field(default_factory=dict)

    def kept_image(self, name: str, reference: ImageReference) -> LockedImage | None:
        """The parent's image, as long as the stack still names the same."""
        locked = self.parent.images.get(name) if self.parent else None
        if locked is None or locked.image != reference.name or locked.tag != reference.tag:
            return None
        return locked if reference.digest in (None, locked.digest) else None


@dataclass(frozen=True, slots=True)
class Made:
    """A lock, when nothing forbade it, and all that was noticed on the way."""

    lock: Lock | None
    findings: tuple[Finding, ...]
    failures: tuple[OutsideError, ...]


@dataclass(slots=True)
class _Gathered:
    findings: list[Finding] = field(default_factory=list)
    failures: list[OutsideError] = field(default_factory=list)


def make_lock(
    manifest: Manifest,
    parts: Parts,
    registry: Registry,
    git: Git,
    progress: Progress,
    *,
    source: Source,
    created: datetime,
) -> Made:
    """Resolve everything at once and put the lock together; nothing is written here."""
    gathered = _Gathered()
    services = _services(manifest, parts, registry, git, progress, gathered)
    images = _images(manifest, parts, registry, progress, gathered)
    findings = tuple(in_order(gathered.findings))
    if refusals(findings) or gathered.failures or not services:
        return Made(None, findings, tuple(gathered.failures))
    content = LockContent(
        project=manifest.project,
        created=created,
        source=source,
        generator=GENERATOR,
        services=services,
        images=images,
        config=dict(parts.demand.config),
    )
    return Made(_with_parent(content, parts.parent), findings, ())


def _with_parent(content: LockContent, parent: Lock | None) -> Lock:
    """A lock that came out as its parent is that parent, with whatever that was derived from."""
    lock = seal(content)
    if parent is None:
        return lock
    derived_from = parent.source.parent if lock.id == parent.id else parent.id
    return seal(
        content.model_copy(update={"source": content.source.model_copy(update={"parent": derived_from})})
    )


def _services(
    manifest: Manifest, parts: Parts, registry: Registry, git: Git, progress: Progress, gathered: _Gathered
) -> dict[str, LockedService]:
    accept = frozenset(manifest.accept)

    def resolve(wanted: Wanted) -> Resolved:
        return resolve_service(wanted, parts.records.get(wanted.service, Claim()), registry, git, accept)

    answers, failures = each(resolve, parts.demand.services, progress, "resolving services")
    gathered.failures += [*failures, *(failure for answer in answers for failure in answer.failures)]
    gathered.findings += [finding for answer in answers for finding in answer.findings]
    made = {answer.service: answer.entry for answer in answers if answer.entry is not None}
    for name, entry in made.items():
        log.event("resolved", service=name, commit=entry.commit, digest=entry.digest, origin=entry.origin)
    return dict(sorted({**parts.kept, **made}.items()))


def _images(
    manifest: Manifest, parts: Parts, registry: Registry, progress: Progress, gathered: _Gathered
) -> dict[str, LockedImage]:
    kept = {}
    fresh: list[tuple[str, ImageReference]] = []
    for name, reference in parts.demand.images.items():
        locked = parts.kept_image(name, reference)
        if locked is not None:
            kept[name] = locked
        else:
            fresh.append((name, reference))
    platforms = [normal_platform(platform) for platform in manifest.platforms]
    answers, failures = each(
        lambda item: (item[0], *resolve_image(item[0], item[1], platforms, registry)),
        fresh,
        progress,
        "resolving third-party images",
    )
    gathered.failures += failures
    gathered.findings += [finding for _, _, findings in answers for finding in findings]
    made = {name: image for name, image, _ in answers if image is not None}
    return dict(sorted({**kept, **made}.items()))


def distinct(failures: Sequence[OutsideError]) -> OutsideError:
    """Many failures of the same registry as one, each different message once."""
    problems = dict.fromkeys(problem for failure in failures for problem in failure.problems)
    return OutsideError(problems)
