"""Locks that list builds: the ImagesLock of imgpkg, and the build output of Skaffold.

Neither knows services. A manifest that is at hand says whose an image is; without one, a service is called
what the file calls it, or like the last part of its image's name. Neither must know commits: where the file
says none, the image's revision label may, but only of an image that is surely a service's. What an ImagesLock
names without a commit, and no manifest calls a service, is taken for a third party's image.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lockflight import names
from lockflight.builds.formats import images_lock, skaffold
from lockflight.builds.formats.draft import Draft, Reading
from lockflight.builds.model import Record
from lockflight.errors import Problem
from lockflight.findings import Finding
from lockflight.locks.convert.incoming.foreign import ForeignLock, ForeignService, ServiceOf, last_part
from lockflight.names import ImageReference
from lockflight.yaml_source import Document


def read_images_lock(document: Document, service_of: ServiceOf) -> ForeignLock:
    services: list[ForeignService] = []
    images: list[tuple[str, ImageReference]] = []
    for draft in images_lock.read(document, ()):
        reading = draft.finish()
        if reading is None:
            services.append(_malformed(draft))
        elif reading.record.commit or service_of(str(reading.record.image)):
            services.append(_service(reading, service_of))
        else:
            images.append((_name(reading, service_of), _reference(reading.record)))
    return _lock("imgpkg", services, images)


def read_skaffold(document: Document, service_of: ServiceOf) -> ForeignLock:
    services = []
    for draft in skaffold.read(document, ()):
        reading = draft.finish()
        services.append(_service(reading, service_of) if reading else _malformed(draft))
    return _lock("skaffold", services, [])


def _lock(
    kind: str, services: Sequence[ForeignService], images: Sequence[tuple[str, ImageReference]]
) -> ForeignLock:
    findings = [*_twice([service.name for service in services]), *_twice([name for name, _ in images])]
    if not services:
        hint = "a manifest (lockflight.yaml) tells which images are services"
        message = "no image in it is known to be a service: none has a commit beside it"
        findings.append(Finding("no-services", "services", message, hint=hint))
    return ForeignLock(kind, tuple(services), tuple(images), findings=tuple(findings))


def _twice(found: list[str]) -> list[Finding]:
    message = "several images would be this one; a manifest (lockflight.yaml) tells which it is"
    return [Finding("duplicate-name", name, message) for name, count in Counter(found).items() if count > 1]


def _service(reading: Reading, service_of: ServiceOf) -> ForeignService:
    record = reading.record
    return ForeignService(
        name=_name(reading, service_of),
        commit=record.commit or _commit_in_tag(record.tag),
        image=_reference(record),
        path=record.path,
        repository=record.repository,
        commit_from_label=True,
    )


def _name(reading: Reading, service_of: ServiceOf) -> str:
    image = str(reading.record.image)
    return service_of(image) or reading.target or last_part(image)


def _reference(record: Record) -> ImageReference:
    return replace(names.parse_reference(str(record.image)), tag=record.tag, digest=record.digest)


def _commit_in_tag(tag: str | None) -> str | None:
    return tag if tag and re.fullmatch(names.COMMIT, tag) else None


def _malformed(draft: Draft) -> ForeignService:
    name = draft.target or last_part((draft.name or "image").partition("@")[0]).partition(":")[0]
    findings = tuple(_finding(name, problem) for problem in draft.problems)
    return ForeignService(name, findings=findings)


def _finding(name: str, problem: Problem) -> Finding:
    where = f"{problem.place.path}: " if problem.place.path else ""
    return Finding("malformed-image", name, f"{where}{problem.message}", hint=problem.hint)
