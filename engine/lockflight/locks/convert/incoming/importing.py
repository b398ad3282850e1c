"""Many foreign locks at once: read all, ask each question once, judge each, and keep what was found.

A lock is whole: it is made only of a file whose every service could be locked. What forbids it is kept as
named findings in `<name>.findings.json` beside the place of the lock, so that nothing is found out twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockflight import names
from lockflight.errors import InputError, OutsideError, Problem
from lockflight.findings import Finding, in_order, refusals
from lockflight.locks.convert.incoming.foreign import ForeignLock, ServiceOf
from lockflight.locks.convert.incoming.judging import Judged, judge, judge_image
from lockflight.locks.convert.incoming.kinds import read_foreign
from lockflight.locks.convert.incoming.questions import Answers, ask
from lockflight.locks.convert.incoming.sources import SourceFile
from lockflight.locks.file import seal
from lockflight.locks.make import GENERATOR
from lockflight.locks.model import Lock, LockContent, LockedImage
from lockflight.names import ImageReference
from lockflight.ports.registry import Registry
from lockflight.progress import Progress

# What findings about the whole file are about.
_WHOLE = "lock"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that may be a lock, and why it cannot be read as one."""

    file: SourceFile
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """What the files were: locks of a known kind, files that have nothing to do with it, and unreadable ones."""

    locks: tuple[tuple[SourceFile, ForeignLock], ...]
    passed_over: tuple[SourceFile, ...]
    unreadable: tuple[Unreadable, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for file in self.unreadable for problem in file.problems)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is put where a file does not say it. A project that a person `named` beats the file's own."""

    project: str | None
    named: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file: its lock, or the findings and failures that forbid it."""

    file: SourceFile
    kind: str
    lock: Lock | None
    services: int
    resolved: int
    findings: tuple[Finding, ...]
    failures: tuple[OutsideError, ...]

    @property
    def refused(self) -> bool:
        return bool(refusals(self.findings))


def read_all(files: Iterable[SourceFile], kind: str, service_of: ServiceOf) -> Read:
    """One file that cannot be read must not keep the others from being read."""
    locks: list[tuple[SourceFile, ForeignLock]] = []
    passed_over: list[SourceFile] = []
    unreadable: list[Unreadable] = []
    for file in files:
        try:
            lock = read_foreign(
                file.path, file.called, kind, service_of, found_in_folder=file.found_in_folder
            )
        except InputError as error:
            unreadable.append(Unreadable(file, tuple(error.problems)))
            continue
        if lock is None:
            passed_over.append(file)
        else:
            locks.append((file, lock))
    return Read(tuple(locks), tuple(passed_over), tuple(unreadable))


def import_all(
    locks: Sequence[tuple[SourceFile, ForeignLock]],
    registry: Registry | None,
    defaults: Defaults,
    progress: Progress,
) -> list[Imported]:
    """Judge every lock; without a registry nobody is asked, and the files' own word counts."""
    images = [image for _, lock in locks for image in _images(lock)]
    answers = ask(images, registry, progress) if registry is not None else None
    return [_import(file, lock, answers, defaults) for file, lock in locks]


def _images(lock: ForeignLock) -> Iterator[ImageReference]:
    yield from (service.image for service in lock.services if service.image is not None)
    # A third party's tag moves by design, so only the digest is asked for.
    yield from (ImageReference(image.registry, image.path, None, image.digest) for _, image in lock.images)


def _import(file: SourceFile, lock: ForeignLock, answers: Answers | None, defaults: Defaults) -> Imported:
    origin = f"import {file.called}"[:1000]
    judged = [judge(service, answers, origin) for service in lock.services]
    images, image_findings, image_failures = _third_party(lock, answers)
    project = _project(lock, defaults)
    findings = in_order(
        [
            *lock.findings,
            *(finding for one in judged for finding in one.findings),
            *image_findings,
            *_about_the_file(lock, project, answers),
        ]
    )
    failures = (*(one.failure for one in judged if one.failure is not None), *image_failures)
    made = None
    if project is not None and not refusals(findings) and not failures:
        made = _seal(lock, project, judged, images, defaults)
    resolved = sum(one.entry is not None for one in judged)
    return Imported(file, lock.kind, made, len(judged), resolved, tuple(findings), failures)


def _third_party(
    lock: ForeignLock, answers: Answers | None
) -> tuple[dict[str, LockedImage], list[Finding], list[OutsideError]]:
    images: dict[str, LockedImage] = {}
    findings: list[Finding] = []
    failures: list[OutsideError] = []
    for name, reference in lock.images:
        try:
            image, finding = judge_image(name, reference, answers)
        except OutsideError as failure:
            failures.append(failure)
            continue
        if image is not None:
            images[name] = image
        if finding is not None:
            findings.append(finding)
    return images, findings, failures


def _project(lock: ForeignLock, defaults: Defaults) -> str | None:
    """The name that a person gave, else the file's own, else that of the manifest around."""
    return defaults.project if defaults.named else lock.project or defaults.project


def _about_the_file(lock: ForeignLock, project: str | None, answers: Answers | None) -> Iterator[Finding]:
    for name in (*(service.name for service in lock.services), *(name for name, _ in lock.images)):
        if not re.fullmatch(names.SERVICE, name):
            message = f"'{name[:80]}' is no service name: letters, digits, '_', '.', '-', at most 128"
            yield Finding("malformed-name", name, message)
    if project is None:
        hint = "name it with --project NAME"
        yield Finding("no-project", _WHOLE, "neither the file nor a manifest says the project", hint=hint)
    if lock.created is None:
        message = "the file does not say when it was made; its newest image's time is taken, else today's"
        yield Finding("created-unknown", _WHOLE, message, note=True)
    if answers is None:
        message = "no registry was asked: digests are as the file has them, and platforms are not known"
        yield Finding("not-verified", _WHOLE, message, note=True)


def _seal(
    lock: ForeignLock,
    project: str,
    judged: Sequence[Judged],
    images: dict[str, LockedImage],
    defaults: Defaults,
) -> Lock:
    services = {one.name: one.entry for one in judged if one.entry is not None}
    newest = max((entry.built for entry in services.values() if entry.built is not None), default=None)
    return seal(
        LockContent(
            project=project,
            created=lock.created or newest or defaults.now,
            source=lock.source,
            generator=GENERATOR,
            services=dict(sorted(services.items())),
            images=dict(sorted(images.items())),
        )
    )
