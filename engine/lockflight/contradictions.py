"""What is wrong between two fields of a manifest that are each fine alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lockflight import names
from lockflight.environments import Environment
from lockflight.errors import Place, Problem
from lockflight.yaml_source import Document

if TYPE_CHECKING:
    from lockflight.config import Manifest

# Where it is below the environment, what is wrong, and a hint.
_Found = tuple[tuple[str | int, ...], str, str | None]


def contradictions(manifest: Manifest, document: Document) -> list[Problem]:
    """Every one of them, each at its place."""
    problems = list(_of_environments(manifest, document))
    owners: dict[str, str] = {}
    for name, service in manifest.services.items():
        place = document.place(("services", name))
        if service.image is None and manifest.image is None:
            hint = "give it 'image', set 'image' for all at the top, or 'image: false' for mere configuration"
            problems.append(Problem("has no image", place, hint))
        problems += _unusable(manifest, name, place)
        if name in manifest.exclude:
            problems.append(Problem("stands under 'exclude' as well", place))
        for compose_name in manifest.compose_names(name):
            other = owners.setdefault(compose_name, name)
            if other != name:
                message = f"the compose service '{compose_name}' belongs to services.{other} already"
                problems.append(Problem(message, document.place(("services", name, "compose"))))
    return problems


def _unusable(manifest: Manifest, name: str, place: Place) -> Iterator[Problem]:
    service = manifest.services[name]
    if name in manifest.images:
        yield Problem("stands under 'images' as well; a service is no third-party image", place)
    if service.image is False and service.api is not None:
        yield Problem(
            "has 'api' but no image; a service that is only configuration is locked by its commit", place
        )
    try:
        manifest.image_of(name, "0" * 40)
    except ValueError as error:
        yield Problem(f"its image cannot be named: {error}", place, "give the service an 'image' of its own")


def _of_environments(manifest: Manifest, document: Document) -> Iterator[Problem]:
    for name, environment in manifest.environments.items():
        for path, message, hint in _of_environment(manifest, name, environment):
            yield Problem(message, document.place(("environments", name, *path)), hint)


def _of_environment(manifest: Manifest, name: str, environment: Environment) -> Iterator[_Found]:
    yield from _following(manifest, name, environment)
    if manifest.stack is None and environment.files is None and environment.target.command is None:
        yield (), "has no compose files", "name its 'files', or those of all under 'stack'"
    for service in environment.services or ():
        if service not in manifest.services:
            hint = names.did_you_mean(service, manifest.services)
            yield ("services",), f"'{service}' is no service of the manifest", hint
    suites = manifest.stack.suites if manifest.stack else {}
    for number, check in enumerate(environment.checks):
        if check.suite is not None and check.suite.name not in suites:
            hint = names.did_you_mean(check.suite.name, suites) or "suites stand under 'stack'"
            yield ("checks", number), f"there is no suite '{check.suite.name}'", hint


def _following(manifest: Manifest, name: str, environment: Environment) -> Iterator[_Found]:
    followed = environment.follows
    if followed is None:
        for key, gates in (("gates", environment.gates), ("rollback_gates", environment.rollback_gates)):
            for number, gate in enumerate(gates):
                if gate.kind in ("follows", "soak"):
                    message = f"'{gate.kind}' needs an environment that '{name}' follows"
                    yield (key, number), message, "say 'follows'"
    elif followed == name or followed not in manifest.environments:
        others = [other for other in manifest.environments if other != name]
        hint = names.did_you_mean(followed, others)
        yield ("follows",), f"there is no other environment '{followed}'", hint
    elif name in _before(manifest, followed):
        yield ("follows",), f"follows '{followed}', which follows '{name}' again", None


def _before(manifest: Manifest, name: str) -> list[str]:
    """The environment and those before it; cut off where it goes round in a circle."""
    found: list[str] = []
    following: str | None = name
    while following is not None and following in manifest.environments and following not in found:
        found.append(following)
        following = manifest.environments[following].follows
    return found
