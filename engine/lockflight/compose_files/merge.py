"""Merging: how a later compose file, or a service that extends another, changes what was said before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lockflight.compose_files.tree import Override, Reset, Section, place_of
from lockflight.errors import InputError, Place
from lockflight.yaml_source import dotted

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class At:
    """Where in the model a merge is, and the nearest place in a file that the later value is known by."""

    path: Path
    place: Place

    def below(self, key: str, value: Any) -> At:
        return At((*self.path, key), place_of(value, self.place))

    def refusal(self, message: str) -> InputError:
        return InputError(
            message,
            place=replace(self.place, path=dotted(self.path)),
            hint="write !override before the value to replace the earlier one",
        )


Rule = Callable[[Any, Any, At], Any]


def merged(base: Any, over: Any, path: Path = ()) -> Any:
    """A settled `base` changed by `over`. Tags stay in the result until `settled` takes them away, because
    an override inside a service that extends another also overrides what earlier files say."""
    return _merged(base, over, At(path, place_of(over)))


def _merged(base: Any, over: Any, at: At) -> Any:
    if isinstance(over, Override | Reset):
        return over
    rule = _rule(at.path)
    if rule is not None:
        return rule(base, over, at)
    if over is None:
        return base
    if isinstance(base, Section):
        return _merged_sections(base, _same_kind(over, Section, at), at)
    if isinstance(base, list):
        return [*base, *_same_kind(over, list, at)]
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


def _same_kind(over: Any, kind: type, at: At) -> Any:
    if isinstance(over, kind):
        return over
    expected = "a mapping" if kind is Section else "a list"
    raise at.refusal(f"cannot be merged: {expected} is expected, as in the earlier definition")


def _merged_sections(base: Section, over: Section, at: At) -> Section:
    found = Section(base, base.place if base.place.file else over.place)
    for key, value in over.items():
        found[key] = _merged(base[key], value, at.below(key, value)) if key in base else value
    return found


def _replaced(_base: Any, over: Any, _at: At) -> Any:
    return over


def _sequences(base: Any, over: Any, _at: At) -> list[Any]:
    return [*_sequence(base), *_sequence(over)]


def _sequence(value: Any) -> list[Any]:
    """A list, whether it was written as one, as a mapping (`KEY=value`) or as a single text."""
    if isinstance(value, Section):
        return sorted(key if item is None else f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _mappings(base: Any, over: Any, at: At) -> Section:
    return _merged_sections(_mapping(base, at), _mapping(over, at), at)


def _mapping(value: Any, at: At) -> Section:
    """A mapping, whether it was written as one or as a list of names."""
    if isinstance(value, Section):
        return value
    if value is None:
        return Section()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return Section((item, None) for item in value)
    raise at.refusal("cannot be merged: a mapping or a list of names is expected")


def _builds(base: Any, over: Any, at: At) -> Section:
    return _mappings(_build(base), _build(over), at)


def _build(value: Any) -> Any:
    return Section({"context": value}) if isinstance(value, str) else value


def _loggings(base: Any, over: Any, at: At) -> Any:
    """Options of a logging driver mean nothing to another one."""
    if isinstance(base, Section) and isinstance(over, Section):
        drivers = base.get("driver"), over.get("driver")
        if None not in drivers and drivers[0] != drivers[1]:
            return over
    return _mappings(base, over, at)


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
