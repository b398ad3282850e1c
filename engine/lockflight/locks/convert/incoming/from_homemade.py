"""The home-made generator's lock: its services, and of its metadata what a lock has a field for."""

from __future__ import annotations

from dataclasses import replace

from lockflight import names
from lockflight.builds.formats.homemade import HomemadeLock, HomemadeService, read_homemade
from lockflight.findings import Finding
from lockflight.locks.convert.incoming import metadata
from lockflight.locks.convert.incoming.foreign import ForeignLock, ForeignService, ServiceOf, as_line
from lockflight.names import ImageReference
from lockflight.yaml_source import Document

KIND = "home-made"
# Judged anew in `judging`: a tag that says nothing of any commit is no contradiction, and a label may decide.
_JUDGED_LATER = "tag-not-of-commit"


def read(document: Document, _service_of: ServiceOf) -> ForeignLock:
    lock = read_homemade(document)
    said = metadata.read(lock.metadata)
    return ForeignLock(
        kind=KIND,
        services=tuple(_service(service) for service in lock.services),
        project=said.project,
        created=said.created,
        source=said.source,
        findings=(*said.findings, *_of_the_file(lock)),
    )


def _of_the_file(lock: HomemadeLock) -> list[Finding]:
    return [] if lock.services else [Finding("no-services", "services", "the lock names no service")]


def _service(service: HomemadeService) -> ForeignService:
    findings = [finding for finding in service.findings if finding.code != _JUDGED_LATER]
    path = as_line(service.path)
    if service.path is not None and path is None:
        message = "the path is left out: it is not one line of text"
        findings.append(Finding("malformed-path", service.name, message, note=True))
    malformed_image = any(finding.code == "malformed-image" for finding in findings)
    return ForeignService(
        name=service.name,
        commit=service.commit,
        image=_image(service),
        path=path,
        has_image=service.image is not None or malformed_image,
        findings=tuple(findings),
    )


def _image(service: HomemadeService) -> ImageReference | None:
    if service.image is None:
        return None
    return replace(names.parse_reference(service.image), tag=service.tag, digest=service.digest)
