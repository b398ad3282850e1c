"""A deployment as Compose understands it: what is wanted, and the override that makes it so. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockflight.adapters.stack_engine.images import canonical
from lockflight.adapters.target_compose.fingerprint import Fingerprints
from lockflight.ports.target import DEPLOYED_LOCK, ENVIRONMENT, FINGERPRINT, ONE_SHOT, Deployment, Wanted
from lockflight.yaml_text import scalar

_COMPLETED = "service_completed_successfully"
_JOB_MODES = {"replicated-job", "global-job"}
_TRUE = {"true", "yes", "1"}


@dataclass(frozen=True, slots=True)
class Project:
    """A deployment's services; `model` is its own files as Compose reads them, without values of secrets."""

    name: str
    deployment: Deployment
    model: Mapping[str, Any]
    wanted: Mapping[str, Wanted]

    def service(self, name: str) -> Mapping[str, Any]:
        return self.model["services"].get(name) or {}

    def labels(self, name: str) -> dict[str, str]:
        """`lock` says with which lock the container was made. A label cannot be changed later, so a service that
        is the same in the next lock keeps the id of the one that it came with."""
        wanted = self.wanted[name]
        return {
            ENVIRONMENT: self.deployment.environment,
            DEPLOYED_LOCK: self.deployment.lock_id,
            FINGERPRINT: wanted.fingerprint,
            **({ONE_SHOT: "true"} if wanted.one_shot else {}),
        }


def project_of(
    name: str, deployment: Deployment, model: Mapping[str, Any], values: Mapping[str, str]
) -> Project:
    """What is pinned and active; a service that the lock does not pin is none of ours."""
    services = {key: service or {} for key, service in model["services"].items()}
    fingerprints = Fingerprints(model, deployment.images, deployment.root.resolve(), values)
    wanted = {
        key: Wanted(
            service=key,
            reference=canonical(deployment.images[key]),
            fingerprint=fingerprints.of(key),
            replicas=replicas_of(services[key]),
            one_shot=is_one_shot(key, services),
            needs=tuple(
                sorted(_depends_on(services[key]).keys() & deployment.images.keys() & services.keys())
            ),
        )
        for key in in_dependency_order(services)
        if key in deployment.images
    }
    return Project(name, deployment, model, wanted)


def in_dependency_order(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Each after what it needs, otherwise by name; Compose refuses circles before they come here."""
    order: dict[str, None] = {}

    def put(name: str) -> None:
        if name in order or name not in services:
            return
        for other in sorted(_depends_on(services[name])):
            put(other)
        order[name] = None

    for name in sorted(services):
        put(name)
    return list(order)


def is_one_shot(name: str, services: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it ends by itself when its work is done.

    Its own label decides. Otherwise it is when its `deploy.mode` is that of a job, or when another service
    waits for its success and nothing starts it again. `restart: "no"` alone tells nothing: it is the default.
    """
    service = services[name]
    said = (service.get("labels") or {}).get(ONE_SHOT)
    if said is not None:
        return str(said).lower() in _TRUE
    if (service.get("deploy") or {}).get("mode") in _JOB_MODES:
        return True
    waiting = (_depends_on(other).get(name) or {} for other in services.values())
    return not _starts_again(service) and any(one.get("condition") == _COMPLETED for one in waiting)


def _starts_again(service: Mapping[str, Any]) -> bool:
    policy = ((service.get("deploy") or {}).get("restart_policy") or {}).get("condition")
    restart = str(policy or service.get("restart") or "no")
    # A migration that is tried again until it succeeds still ends.
    return restart not in {"no", "none"} and not restart.startswith("on-failure")


def replicas_of(service: Mapping[str, Any]) -> int:
    replicas = (service.get("deploy") or {}).get("replicas")
    return int(service.get("scale", 1) if replicas is None else replicas)


def _depends_on(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return service.get("depends_on") or {}


def override_of(project: Project) -> str:
    """The compose file on top of the user's own: pins and labels, and nothing else."""
    lines = [f"# runs lock {project.deployment.lock_id} in {project.deployment.environment}", "services:"]
    for name in project.wanted:
        lines += _service(project, name)
    return "\n".join(lines if project.wanted else [*lines, "  {}"]) + "\n"


def _service(project: Project, name: str) -> Iterator[str]:
    yield f"  {_text(name)}:"
    yield f"    image: {_text(project.deployment.images[name])}"
    if project.service(name).get("build") is not None:
        yield "    build: !reset null"
    yield "    labels:"
    yield from (f"      {_text(key)}: {_text(value)}" for key, value in project.labels(name).items())


def _text(value: str) -> str:
    """A dollar sign is one for Compose, and no variable."""
    return scalar(value).replace("$", "$$")


def pinned_model(project: Project) -> dict[str, Any]:
    """The whole project as the override leaves it, for a person to read."""
    services = {}
    for name, service in project.model["services"].items():
        if name in project.wanted:
            kept = {key: value for key, value in (service or {}).items() if key != "build"}
            labels = {**(kept.get("labels") or {}), **project.labels(name)}
            services[name] = {**kept, "image": project.deployment.images[name], "labels": labels}
    return {**project.model, "services": services}
