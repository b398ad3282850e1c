"""Merging: how a later compose file, or a service that extends another, changes what was said before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lockflight.compose_files.tree import Override, Reset, Section, place_of
from lockflight.errors import InputError, Place
from lockflight.yaml_source import dotted

Path = tuple[str, ...]
Rule = Callable[[Any, Any, Path], Any]


def merged(base: Any, over: Any, path: Path = ()) -> Any:
    """A settled `base` changed by `over`. Tags stay in the result until `settled` takes them away, because
    an override inside a service that extends another also overrides what earlier files say."""
    if isinstance(over, Override | Reset):
        return over
    rule = _rule(path)
    if rule is not None:
        return rule(base, over, path)
    if over is None:
        return base
    if isinstance(base, Section):
        return _merged_sections(base, _same_kind(over, Section, path, base), path)
    if isinstance(base, list):
        return [*base, *_same_kind(over, list, path, base)]
    return over


def settled(value: Any) -> Any:
    """The value with the tags gone: what is reset is left out, what overrides stands."""
    if isinstance(value, Override):
        return settled(value.value)
    if isinstance(value, Section):
        pairs = ((key, settled(item)) for key, item in value.items() if not isinstance(item, Reset))
        return Section(pairs, value.place)
    if isinstance(value, list):
        return [settled(item) for item in value if not isinstance(item, Reset)]
    return value


def _same_kind(over: Any, kind: type, path: Path, base: Any) -> Any:
    if isinstance(over, kind):
        return over
    expected = "a mapping" if kind is Section else "a list"
    raise InputError(
        f"cannot be merged: {expected} is expected, as in the earlier definition",
        place=_placed(path, over, base),
        hint="write !override before the value to replace the earlier one",
    )


def _placed(path: Path, *candidates: Any) -> Place:
    for candidate in candidates:
        place = place_of(candidate)
        if place.file:
            return place
    return Place(None, None, dotted(path))


def _merged_sections(base: Section, over: Section, path: Path) -> Section:
    found = Section(base, base.place if base.place.file else over.place)
    for key, value in over.items():
        found[key] = merged(base[key], value, (*path, key)) if key in base else value
    return found


def _replaced(_base: Any, over: Any, _path: Path) -> Any:
    return over


def _sequences(base: Any, over: Any, _path: Path) -> list[Any]:
    return [*_sequence(base), *_sequence(over)]


def _sequence(value: Any) -> list[Any]:
    """A list, whether it was written as one, as a mapping (`KEY=value`) or as a single text."""
    if isinstance(value, Section):
        return sorted(key if item is None else f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _mappings(base: Any, over: Any, path: Path) -> Section:
    return _merged_sections(_mapping(base, path), _mapping(over, path), path)


def _mapping(value: Any, path: Path) -> Section:
    """A mapping, whether it was written as one or as a list of names."""
    if isinstance(value, Section):
        return value
    if value is None:
        return Section()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return Section((item, None) for item in value)
    raise InputError("must be a mapping or a list of names", place=_placed(path, value))


def _builds(base: Any, over: Any, path: Path) -> Section:
    return _mappings(_build(base), _build(over), path)


def _build(value: Any) -> Any:
    return Section({"context": value}) if isinstance(value, str) else value


def _loggings(base: Any, over: Any, path: Path) -> Any:
    """Options of a logging driver mean nothing to another one."""
    if isinstance(base, Section) and isinstance(over, Section):
        drivers = base.get("driver"), over.get("driver")
        if None not in drivers and drivers[0] != drivers[1]:
            return over
    return _mappings(base, over, path)


_SERVICE = ("services", "*")
_RULES: dict[Path, Rule] = {
    ("networks", "*", "labels"): _sequences,
    ("networks", "*", "ipam", "config"): _replaced,  # Compose goes by subnet; nothing here asks for them
    ("volumes", "*", "labels"): _sequences,
    (*_SERVICE, "build"): _builds,
    (*_SERVICE, "command"): _replaced,
    (*_SERVICE, "entrypoint"): _replaced,
    (*_SERVICE, "healthcheck", "test"): _replaced,
    (*_SERVICE, "ulimits", "*"): _replaced,
    (*_SERVICE, "depends_on"): _mappings,
    (*_SERVICE, "models"): _mappings,
    (*_SERVICE, "networks"): _mappings,
    (*_SERVICE, "logging"): _loggings,
}
for _name in ("annotations", "dns", "dns_opt", "dns_search", "env_file", "label_file", "environment"):
    _RULES[*_SERVICE, _name] = _sequences
for _name in ("extra_hosts", "labels", "sysctls", "tmpfs"):
    _RULES[*_SERVICE, _name] = _sequences
for _name in ("args", "additional_contexts", "extra_hosts", "labels"):
    _RULES[*_SERVICE, "build", _name] = _sequences
_RULES[*_SERVICE, "deploy", "labels"] = _sequences


def _rule(path: Path) -> Rule | None:
    if len(path) < 3:
        return None
    general = (path[0], "*", *path[2:])
    return _RULES.get(general) or _RULES.get((*general[:-1], "*"))
