"""Compose files as the fake engine reads them: plain YAML, merged and completed as far as tests of ours need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockflight.errors import InputError
from lockflight.ports.stack_engine import ComposeCall
from lockflight.yaml_source import Tagged, read_document

_SECTIONS = ("services", "networks", "volumes")


def read_project(call: ComposeCall, services: Sequence[str] = ()) -> dict[str, Any]:
    """The project as `docker compose config` would show it: of `services` and what they depend on, or of all."""
    merged: dict[str, Any] = {}
    for file in call.files:
        merged = _merged(merged, _read(file))
    name = call.name or merged.get("name") or call.files[0].parent.name
    folder = call.directory or call.files[0].parent
    whole = {key: _service(key, value or {}, folder) for key, value in (merged.get("services") or {}).items()}
    active = {key: whole[key] for key in _active(whole, call.profiles, services)}
    return {
        "name": name,
        "services": active,
        "networks": _own(name, merged.get("networks") or {}, _networks_of(active)),
        "volumes": _own(name, merged.get("volumes") or {}, _volumes_of(active)),
    }


def invalid(message: str) -> InputError:
    return InputError(message, code="compose-invalid")


def _read(file: Path) -> dict[str, Any]:
    try:
        data = read_document(file).data
    except InputError as error:
        raise invalid(str(error)) from error
    if not isinstance(data, dict):
        raise invalid(f"{file}: Top-level object must be a mapping")
    return data


def _merged(below: Any, above: Any) -> Any:
    """A later file over an earlier one: mappings are joined, lists appended, everything else replaced."""
    if isinstance(above, Tagged):
        return None if above.tag == "!reset" else above.value
    if isinstance(above, Mapping):
        found = dict(below) if isinstance(below, Mapping) else {}
        for key, value in above.items():
            new = _merged(found.get(key), value)
            found[key] = new
            if new is None and isinstance(value, Tagged):
                del found[key]
        return found
    if isinstance(above, list) and isinstance(below, list):
        return [*below, *above]
    return above


def _service(name: str, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A service with its short forms written out."""
    if not given.get("image") and not given.get("build"):
        raise invalid(f'service "{name}" has neither an image nor a build context specified')
    service = dict(given)
    service["depends_on"] = _depends_on(given.get("depends_on") or {})
    service["networks"] = {} if given.get("network_mode") else _names(given.get("networks") or ["default"])
    service["labels"] = _pairs(given.get("labels"))
    service["environment"] = _pairs(given.get("environment"))
    service["ports"] = [_port(port) for port in given.get("ports") or ()]
    service["volumes"] = [_mount(mount, folder) for mount in given.get("volumes") or ()]
    service["mem_limit"] = _bytes(str(given.get("mem_limit") or ""))
    # Compose leaves out what is empty.
    return {key: value for key, value in service.items() if value not in ({}, [], None, "")}


def _depends_on(given: Any) -> dict[str, dict[str, Any]]:
    plain = {"condition": "service_started", "required": True}
    return {name: {**plain, **(setting or {})} for name, setting in _names(given).items()}


def _names(given: Any) -> dict[str, Any]:
    """`[a, b]` and `{a: …, b: …}` alike."""
    return dict(given) if isinstance(given, Mapping) else dict.fromkeys(given)


def _pairs(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    return dict(text.partition("=")[::2] for text in given or ())


def _port(port: Any) -> dict[str, Any]:
    if isinstance(port, Mapping):
        return {"mode": "ingress", "protocol": "tcp", **port}
    front, _, target = str(port).rpartition(":")
    host, _, published = front.rpartition(":")
    number, _, protocol = target.partition("/")
    found = {"mode": "ingress", "target": int(number), "protocol": protocol or "tcp"}
    return {**found, **({"published": published} if published else {}), **({"host_ip": host} if host else {})}


def _bytes(size: str) -> str:
    """`6m` as Compose prints it; the empty text where nothing was said."""
    number, unit = size.lower().removesuffix("b").rstrip("kmg"), size.lower().removesuffix("b")[-1:]
    factor = {"k": 1024, "m": 1024**2, "g": 1024**3}.get(unit, 1)
    return str(int(number) * factor) if number else ""


def _mount(mount: Any, folder: Path) -> dict[str, Any]:
    if isinstance(mount, Mapping):
        return dict(mount)
    source, colon, rest = str(mount).partition(":")
    if not colon:
        return {"type": "volume", "target": source}
    target, _, mode = rest.partition(":")
    is_path = source.startswith((".", "/", "~"))
    absolute = str((folder / source).resolve()) if is_path else source
    found = {"type": "bind" if is_path else "volume", "source": absolute, "target": target}
    return {**found, **({"read_only": True} if mode == "ro" else {})}


def _active(whole: Mapping[str, Any], profiles: Sequence[str], services: Sequence[str]) -> list[str]:
    """The services that are started, in the order of the file."""
    for name in services:
        if name not in whole:
            raise invalid(f"no such service: {name}")
    wanted = set(services) or {
        name for name, service in whole.items() if _is_wanted(service.get("profiles") or (), profiles)
    }
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        for other in whole[name].get("depends_on") or ():
            if other not in whole:
                raise invalid(f'service "{name}" depends on undefined service "{other}"')
            if other not in wanted:
                wanted.add(other)
                waiting.append(other)
    return [name for name in whole if name in wanted]


def _is_wanted(own: Sequence[str], profiles: Sequence[str]) -> bool:
    return not own or bool(set(own) & set(profiles))


def _own(project: str, given: Mapping[str, Any], used: Iterator[str]) -> dict[str, Any]:
    """Networks or volumes that are in use, each with the name that the engine sees."""
    found: dict[str, Any] = {}
    for key in sorted(set(used)):
        if key not in given and key != "default":
            raise invalid(f"refers to undefined network or volume {key}")
        settings = {name: value for name, value in (given.get(key) or {}).items() if value is not None}
        found[key] = {"name": f"{project}_{key}", **settings}
    return found


def _networks_of(services: Mapping[str, Any]) -> Iterator[str]:
    for service in services.values():
        yield from service.get("networks") or {}


def _volumes_of(services: Mapping[str, Any]) -> Iterator[str]:
    for service in services.values():
        for mount in service.get("volumes") or ():
            if mount.get("type") == "volume" and mount.get("source"):
                yield mount["source"]
