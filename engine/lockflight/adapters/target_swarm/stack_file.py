"""The stack file for one service, out of the project as Compose prints it. Pure.

`docker stack deploy` reads an older form of compose files than Compose writes, so what only looks different is
written the old way, and what has no meaning on a swarm is left out, as `docker stack deploy` itself does. What it
cannot do stays in, so that it says so in its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockflight.adapters.target_compose.project import Project
from lockflight.ports.target import DEPLOYED_LOCK

# Of a project elsewhere, of building, or of one engine: a swarm decides these by itself.
_MEANINGLESS = {
    "attach", "build", "container_name", "depends_on", "develop", "links", "platform", "profiles",
    "pull_policy", "restart", "scale",
}  # fmt: skip
_UPDATES = {"update_config", "rollback_config"}
_JOBS = {"replicated-job", "global-job"}
_SECTIONS = ("configs", "secrets")


def stack_file(
    project: Project, name: str, model: Mapping[str, Any], objects: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """`model` may hold values of secrets; `objects` are the names that configs and secrets have on the swarm,
    by kind and key."""
    service = _service(project, name, model["services"][name] or {})
    used = {kind: used_objects(kind, service) for kind in ("networks", *_SECTIONS)}
    sections: dict[str, dict[str, Any]] = {
        "networks": _picked(model, "networks", used["networks"]),
        "volumes": _picked(model, "volumes", _volumes_of(service)),
        **{
            kind: {key: {"external": True, "name": objects[kind][key]} for key in sorted(used[kind])}
            for kind in _SECTIONS
        },
    }
    return {"services": {name: service}, **{key: value for key, value in sections.items() if value}}


def unnamed_objects(project: Project, name: str) -> dict[str, dict[str, str]]:
    """Stand-ins for the names of configs and secrets, for a file that is only checked."""
    service = project.service(name)
    return {kind: {key: key for key in used_objects(kind, service)} for kind in _SECTIONS}


def _service(project: Project, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in service.items()
        if key not in _MEANINGLESS and not (key in {"entrypoint", "command"} and value is None)
    }
    labels = project.labels(name)
    # A label of a container is a part of what it is made of: the lock's id there would make every one anew.
    lasting = {key: value for key, value in labels.items() if key != DEPLOYED_LOCK}
    return {
        **kept,
        "image": project.wanted[name].reference,
        "labels": {**(kept.get("labels") or {}), **lasting},
        "deploy": _deploy(project, name, kept.get("deploy") or {}, labels),
        **_rewritten(kept),
    }


def _deploy(
    project: Project, name: str, deploy: Mapping[str, Any], labels: Mapping[str, str]
) -> dict[str, Any]:
    wanted = project.wanted[name]
    found = {**deploy, "labels": {**(deploy.get("labels") or {}), **labels}}
    if not str(deploy.get("mode") or "").startswith("global"):
        found["replicas"] = wanted.replicas
    if isinstance(deploy.get("resources"), Mapping):
        found["resources"] = {kind: _resources(one) for kind, one in deploy["resources"].items()}
    return _as_job(found) if wanted.one_shot else found


def _as_job(deploy: Mapping[str, Any]) -> dict[str, Any]:
    """Swarm starts what ended again, and a migration too, unless it is told not to; jobs have no updates."""
    policy = deploy.get("restart_policy") or {}
    mode = deploy.get("mode")
    job = "global-job" if mode == "global" else "replicated-job"
    kept = {key: value for key, value in deploy.items() if key not in _UPDATES}
    tries_again = policy.get("condition") == "on-failure"
    return {
        **kept,
        "mode": mode if mode in _JOBS else job,
        "restart_policy": policy if tries_again else {"condition": "none"},
    }


def _resources(section: Any) -> Any:
    if isinstance(section, Mapping) and "cpus" in section:
        return {**section, "cpus": str(section["cpus"])}
    return section


def _rewritten(service: Mapping[str, Any]) -> dict[str, Any]:
    """The same, as older files say it."""
    writers = {"ports": _port, "volumes": _mount, "extra_hosts": _host, "configs": _file, "secrets": _file}
    return {
        key: [write(entry) for entry in service[key]]
        for key, write in writers.items()
        if isinstance(service.get(key), list)
    }


def _port(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    kept = {key: value for key, value in entry.items() if key not in {"name", "app_protocol"}}
    published = str(kept.get("published", ""))
    return {**kept, "published": int(published)} if published.isdigit() else kept


def _mount(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    bind = {key: value for key, value in (entry.get("bind") or {}).items() if key != "create_host_path"}
    return {key: value for key, value in {**entry, "bind": bind}.items() if value != {}}


def _host(entry: Any) -> Any:
    return str(entry).replace("=", ":", 1)


def _file(entry: Any) -> Any:
    if isinstance(entry, Mapping) and isinstance(entry.get("mode"), str):
        return {**entry, "mode": int(entry["mode"], 8)}
    return entry


def used_objects(kind: str, service: Mapping[str, Any]) -> set[str]:
    """The keys of the configs or secrets that a service is given."""
    used = service.get(kind) or {}
    if isinstance(used, Mapping):
        return set(used)
    return {str(entry["source"]) if isinstance(entry, Mapping) else str(entry) for entry in used}


def _volumes_of(service: Mapping[str, Any]) -> set[str]:
    mounts = [mount for mount in service.get("volumes") or () if isinstance(mount, Mapping)]
    return {str(mount["source"]) for mount in mounts if mount.get("type") == "volume" and mount.get("source")}


def _picked(model: Mapping[str, Any], kind: str, names: set[str]) -> dict[str, Any]:
    sections = model.get(kind) or {}
    return {name: sections[name] for name in sorted(names) if name in sections}
