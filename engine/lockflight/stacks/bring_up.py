"""From a request to a running stack: leftovers away, everything checked, everything pulled, then started."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lockflight.errors import InputError
from lockflight.files import write_atomically
from lockflight.ports.stack_engine import StackFound
from lockflight.progress import Progress
from lockflight.stacks.addresses import Addresses, seen_from_the_network, seen_from_this_machine
from lockflight.stacks.images import pull_missing
from lockflight.stacks.prepare import Prepared, Request, prepare
from lockflight.stacks.remove import is_of_another_home, remove_orphans
from lockflight.stacks.start import Started, Watcher, start
from lockflight.stacks.surroundings import Surroundings


class Observer(Watcher, Protocol):
    """Somebody who is told what goes on, besides the services' states."""

    def removed(self, orphans: tuple[StackFound, ...]) -> None: ...

    def prepared(self, prepared: Prepared) -> None: ...

    def pulled(self, count: int, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that was started; ready or not."""

    prepared: Prepared
    started: Started
    # As this machine reaches the services, and as they reach each other.
    here: Addresses
    inside: Addresses


def checked(here: Surroundings, request: Request, observer: Observer) -> Prepared:
    """Leftovers of killed runs away, and everything decided; a refusal here has started nothing."""
    _check_name(here, request)
    observer.removed(remove_orphans(here))
    prepared = prepare(here, request)
    observer.prepared(prepared)
    return prepared


def _check_name(here: Surroundings, request: Request) -> None:
    """Compose would put our services in the place of theirs."""
    hint = "give this one another '--name', or take that one down"
    for found in here.engine.stacks():
        if found.name == request.name and found.project != request.lock.project:
            whose = f"is of project '{found.project}', not of this one"
            raise InputError(f"the stack {found.name} on this engine {whose}", hint=hint)
        if found.name == request.name and is_of_another_home(found, here.root):
            whose = "was put up from another clone of this repository, or by another user"
            raise InputError(f"the stack {found.name} on this engine {whose}", hint=hint)
    strangers = here.engine.strangers(request.name)
    if strangers:
        raise InputError(
            f"somebody else's Compose project on this engine is called {request.name} ({', '.join(strangers)})",
            hint=hint,
        )


def get_images(
    here: Surroundings, prepared: Prepared, observer: Observer, progress: Progress, also: Iterable[str] = ()
) -> None:
    """Pull what is not here, before anything starts; `also` are further images, those of suites."""
    begun = here.clock.monotonic()
    wanted: dict[str, str | None] = {
        prepared.pinned[name].reference: prepared.platform_of(name)
        for name in prepared.model["services"]
        if name in prepared.pinned
    }
    wanted.update({reference: None for reference in also if reference not in wanted})
    count = len(pull_missing(here.engine, wanted, progress))
    _get_unlocked(here, prepared, progress)
    observer.pulled(count, here.clock.monotonic() - begun)


def bring_up(here: Surroundings, prepared: Prepared, deadline: float, observer: Observer) -> Running:
    """Start it, and find out where its services are reached."""
    started = start(here.engine, here.clock, prepared, deadline, observer)
    containers = here.engine.containers(prepared.name) if started.ready else ()
    running = Running(
        prepared,
        started,
        seen_from_this_machine(prepared.services, containers, prepared.model),
        seen_from_the_network(prepared.services, prepared.model),
    )
    if started.ready:
        write_addresses(here, running)
    return running


def addresses_file(here: Surroundings, stack: str) -> Path:
    return here.folder_of(stack) / "addresses.json"


def write_addresses(here: Surroundings, running: Running) -> None:
    """Everything about where the stack is, in one JSON file for suites and scripts."""
    prepared = running.prepared
    document = {
        "stack": prepared.name,
        "lock": prepared.lock.id,
        "services": {
            name: {
                "image": prepared.pinned[name].reference if name in prepared.pinned else None,
                "ports": ports,
            }
            for name, ports in running.here.as_data().items()
        },
        "inside": running.inside.as_data(),
    }
    write_atomically(addresses_file(here, prepared.name), json.dumps(document, indent=2) + "\n")


def _get_unlocked(here: Surroundings, prepared: Prepared, progress: Progress) -> None:
    """What runs without being locked is got as Compose would: built where it says how, else pulled."""
    built, tagged = [], {}
    for name in prepared.unlocked:
        service = prepared.model["services"][name] or {}
        if service.get("build") is not None:
            built.append(name)
        elif service.get("image"):
            tagged[str(service["image"])] = prepared.platform_of(name)
    pull_missing(here.engine, tagged, progress)
    if built:
        here.engine.build(prepared.call, built)
