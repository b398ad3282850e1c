"""Whether what was tested is what was checked, from the first look to the last: files, containers, images, suites.

Compose reads the files once more when it starts them, and a suite may do anything to the stack that it tests. So what
evidence speaks of is looked at before the suites and after them, and a difference fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lockflight.config import Suite
from lockflight.locks.convert.pinned import images_of
from lockflight.ports.stack_engine import Container, RunningImage
from lockflight.stacks.prepare import Prepared, changed_files
from lockflight.stacks.suites.definition import definition_digest
from lockflight.stacks.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stack at one moment."""

    containers: Mapping[str, Container]
    restarts: Mapping[str, int]
    images: tuple[RunningImage, ...]
    definitions: Mapping[str, str]


def snapshot(here: Surroundings, prepared: Prepared, chosen: Mapping[str, Suite]) -> Snapshot:
    """What there is now."""
    there = [one for one in here.engine.containers(prepared.name) if not one.one_off]
    return Snapshot(
        {one.id: one for one in there},
        {one.id: here.engine.details(one.id).restarts for one in there if one.state == "running"},
        here.engine.running_images(prepared.name),
        definitions_of(here, prepared, chosen),
    )


def definitions_of(here: Surroundings, prepared: Prepared, chosen: Mapping[str, Suite]) -> dict[str, str]:
    """The digests of what the suites are now."""
    return {name: _definition(here, prepared, suite) for name, suite in chosen.items()}


def not_as_checked(here: Surroundings, prepared: Prepared, images: Sequence[RunningImage]) -> tuple[str, ...]:
    """What runs, or lies on the disk, and is not what was checked before the start."""
    changed = sorted(set(changed_files(here, prepared.lock)) - set(prepared.changed_config))
    problems = [f"{path} was changed after it was checked" for path in changed]
    strangers = here.engine.strangers(prepared.name)
    problems += [f"{name} runs beside the stack, and nobody has checked it" for name in strangers]
    unknown = {image.service for image in images} - set(prepared.services)
    problems += [f"{service} runs, and was not to be started" for service in sorted(unknown)]
    if not images:
        problems.append("no service of the stack runs, so nothing was tested")
    return (*problems, *wrong_images(prepared, images))


def wrong_images(prepared: Prepared, images: Sequence[RunningImage]) -> tuple[str, ...]:
    """Containers that do not run what the lock says, by the engine's own word."""
    found = []
    for image in images:
        pinned = prepared.pinned.get(image.service)
        if pinned is not None and not any(one.endswith(f"@{pinned.digest}") for one in image.digests):
            has = ", ".join(image.digests) or image.image_id
            found.append(f"{image.container} runs {has}, and the lock says {pinned.reference}")
    return tuple(found)


def differences(before: Snapshot, after: Snapshot, definitions: Mapping[str, str]) -> tuple[str, ...]:
    """What became another while the suites ran; `definitions` are those from before the stack was started. A
    container that a suite started again by hand is the same container."""
    problems = list(_containers(before, after))
    for name, digest in definitions.items():
        if after.definitions.get(name) != digest:
            problems.append(f"the suite '{name}' was changed while the suites ran")
    return tuple(problems)


def died(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """The services that ran before the suites and do not run well any more."""
    return tuple(
        sorted(
            one.service
            for one in before.containers.values()
            if one.state == "running" and not _is_well(after.containers.get(one.id))
        )
    )


def _containers(before: Snapshot, after: Snapshot) -> Iterator[str]:
    for identity, one in before.containers.items():
        now = after.containers.get(identity)
        if now is None:
            yield f"{one.service}: its container was removed or replaced while the suites ran"
        elif one.state == "running" and not _is_well(now):
            yield f"{one.service} is not as it was before the suites: {_word(now)}"
        elif after.restarts.get(identity, 0) > before.restarts.get(identity, 0):
            times = after.restarts[identity] - before.restarts.get(identity, 0)
            yield f"{one.service} ended and was restarted while the suites ran ({times} times)"
    for identity, one in after.containers.items():
        if identity not in before.containers:
            yield f"{one.service}: another container came while the suites ran"


def _is_well(now: Container | None) -> bool:
    return now is not None and now.state == "running" and now.health != "unhealthy"


def _word(now: Container) -> str:
    if now.state == "running":
        return now.health
    return f"exited {now.exit_code}" if now.exit_code is not None else now.state


def _definition(here: Surroundings, prepared: Prepared, suite: Suite) -> str:
    image = None
    if suite.service is not None and suite.service in prepared.pinned:
        image = prepared.pinned[suite.service].reference
    elif suite.image is not None:
        image = next(one.reference for one in images_of(prepared.lock) if one.name == suite.image)
    return definition_digest(suite, here.root, image=image, ignored=here.git.is_ignored)
