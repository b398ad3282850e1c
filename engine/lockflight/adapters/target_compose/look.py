"""What runs of a Compose project, told from one list of containers and one of images. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from lockflight.adapters.stack_engine import containers
from lockflight.adapters.stack_engine.images import canonical
from lockflight.adapters.target_compose.states import State, state_of, worst
from lockflight.ports.stack_engine import Container
from lockflight.ports.target import DEPLOYED_LOCK, ENVIRONMENT, FINGERPRINT, ONE_SHOT, Running

PROJECT = "com.docker.compose.project"
_OTHERS = "container:"


@dataclass(frozen=True, slots=True)
class Replica:
    """One container of a service."""

    container: Container
    state: State
    references: tuple[str, ...]
    shown: str
    labels: Mapping[str, str]
    # What it shares a network with is not there any more: it can reach nobody.
    is_orphan: bool = False

    @property
    def service(self) -> str:
        return self.container.service

    @property
    def one_shot(self) -> bool:
        return self.labels.get(ONE_SHOT) == "true"


def replicas(
    entries: Sequence[Mapping[str, Any]], images: Iterable[Mapping[str, Any]], host: str
) -> list[Replica]:
    """The containers of services, sorted by service; one-off runs are none."""
    digests = {str(image["Id"]): _digests(image) for image in images}
    there = {str(entry["Id"]) for entry in entries}
    found = [
        _replica(entry, digests.get(str(entry.get("ImageID")), ()), there, host)
        for entry in entries
        if not containers.is_one_off(entry.get("Labels") or {})
    ]
    return sorted(found, key=lambda one: (one.service, one.container.name))


def _digests(image: Mapping[str, Any]) -> tuple[str, ...]:
    names = image.get("RepoDigests") or ()
    return tuple(sorted({canonical(name) for name in names if not name.startswith("<none>")}))


def _replica(entry: Mapping[str, Any], references: tuple[str, ...], there: set[str], host: str) -> Replica:
    labels = entry.get("Labels") or {}
    container = containers.container(entry, host)
    mode = str((entry.get("HostConfig") or {}).get("NetworkMode") or "")
    return Replica(
        container,
        state_of(container, one_shot=labels.get(ONE_SHOT) == "true"),
        references,
        str(entry.get("Image") or ""),
        labels,
        is_orphan=mode.startswith(_OTHERS) and mode.removeprefix(_OTHERS) not in there,
    )


def running(found: Sequence[Replica], environment: str, wanted: Mapping[str, str]) -> tuple[Running, ...]:
    """Service by service; `wanted` is the reference that each is to run."""
    return tuple(
        _service(name, list(group), environment, wanted.get(name))
        for name, group in groupby(found, key=attrgetter("service"))
    )


def _service(name: str, own: Sequence[Replica], environment: str, wanted: str | None) -> Running:
    # The one that does not run what it should tells what there is to do.
    other = next(
        (one for one in own if wanted is not None and canonical(wanted) not in one.references), own[0]
    )
    state = worst([one.state for one in own])
    return Running(
        service=name,
        references=other.references,
        shown=other.shown,
        lock_id=_common(own, DEPLOYED_LOCK),
        fingerprint=None if any(one.is_orphan for one in own) else _common(own, FINGERPRINT),
        replicas=len(own),
        ready=sum(one.state.ready for one in own),
        state=state.word,
        failed=state.failed,
        one_shot=all(one.one_shot for one in own),
        by_hand=any(one.labels.get(ENVIRONMENT) != environment for one in own),
    )


def _common(own: Sequence[Replica], label: str) -> str | None:
    """What all replicas say; None where they differ."""
    said = {one.labels.get(label) for one in own}
    return said.pop() if len(said) == 1 else None
