"""One record out of several that speak of the same build: a step's labels, another step's digest, …"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lockflight import names
from lockflight.builds.model import ApiSpec, Found, Record
from lockflight.builds.references import choose
from lockflight.findings import Finding
from lockflight.names import ImageReference

# Fields in which two records of one build cannot differ. Times, runs and URLs may: two steps of one CI job
# write them at different moments and in different forms.
_IDENTITY = ("service", "commit", "digest", "media_type", "version", "path", "api")
_ORIGINS_SHOWN = 3


def merged(subject: str, parts: list[Found]) -> tuple[Found, tuple[Finding, ...]]:
    """All that the records say together; where they disagree the first is kept and a finding says so."""
    result = parts[0] if len(parts) == 1 else _together(parts)
    findings = tuple(_disagreements(subject, _surest_first(parts)))
    return result, findings if result.pushed else (*findings, _not_pushed(subject, result))


def _surest_first(parts: list[Found]) -> list[Found]:
    """What was read together with a digest is the surest about everything else."""
    return sorted(parts, key=lambda one: one.record.digest is None)


def _together(parts: list[Found]) -> Found:
    ordered = _surest_first(parts)
    values = _values(ordered)
    references = _common_references(ordered)
    chosen = choose(references, values.get("commit"))
    if chosen is not None:
        values.update(image=chosen.name, tag=chosen.tag)
    return Found(
        Record.model_construct(**values),
        _joined([one.origin for one in parts]),
        next((one.target for one in parts if one.target), None),
        references,
        all(one.shared for one in parts),
        "digest" in values or all(one.pushed for one in parts),
    )


def _values(ordered: list[Found]) -> dict[str, Any]:
    """Each field from the first record that knows it; platforms from all."""
    values: dict[str, Any] = {}
    for one in ordered:
        for field in Record.model_fields:
            value = getattr(one.record, field)
            if value:
                values.setdefault(field, value)
    values["platforms"] = {
        platform: digest for one in reversed(ordered) for platform, digest in one.record.platforms.items()
    }
    return values


def _disagreements(subject: str, parts: list[Found]) -> Iterator[Finding]:
    for field in _IDENTITY:
        yield from _differing(subject, field, [(getattr(one.record, field), one.origin) for one in parts])
    for platform in sorted({platform for one in parts for platform in one.record.platforms}):
        values = [(one.record.platforms.get(platform), one.origin) for one in parts]
        yield from _differing(subject, f"digest for {platform}", values)
    if not _common_references(parts):
        yield from _differing(subject, "image", [(_full_name(one), one.origin) for one in parts])


def _differing(subject: str, what: str, values: list[tuple[Any, str]]) -> Iterator[Finding]:
    """One finding for each value that is not the first one."""
    origins: dict[str, str] = {}
    for value, origin in values:
        if value:
            origins.setdefault(_shown(value), origin)
    first = next(iter(origins), "")
    for value, origin in list(origins.items())[1:]:
        yield Finding(
            "records-disagree",
            subject,
            f"{origins[first]} says {what} {first}, {origin} says {value}",
            expected=first,
            found=value,
            hint="are these records of two builds? keep the one whose commit is to be locked",
        )


def _common_references(parts: list[Found]) -> tuple[ImageReference, ...]:
    """The names and tags that no record contradicts.

    Two tags of one digest are both right; two records of which one knows no digest must share a tag.
    """
    common: list[ImageReference] = []
    for one in parts:
        mine = _references(one)
        if not common:
            common = mine
        elif mine:
            same_build = all(other.record.digest == one.record.digest is not None for other in parts)
            common = _both(common, mine, same_build)
            if not common:
                return ()
    return tuple(common)


def _both(one: list[ImageReference], other: list[ImageReference], same_build: bool) -> list[ImageReference]:
    shared_names = {reference.name for reference in one} & {reference.name for reference in other}
    mine = [reference for reference in one if reference.name in shared_names]
    theirs = [reference for reference in other if reference.name in shared_names]
    tagged = {reference for reference in mine if reference.tag}, {item for item in theirs if item.tag}
    if same_build or not all(tagged):
        return list(dict.fromkeys([*mine, *theirs]))
    return [reference for reference in mine if reference in tagged[1]]


def _references(one: Found) -> list[ImageReference]:
    if one.references:
        return list(one.references)
    if one.record.image is None:
        return []
    reference = names.parse_reference(one.record.image)
    return [reference.with_tag(one.record.tag) if one.record.tag else reference]


def _full_name(one: Found) -> str:
    return ", ".join(str(reference) for reference in _references(one))


def _joined(origins: list[str]) -> str:
    """The origins in the one line that a lock has room for."""
    unique = list(dict.fromkeys(origins))
    shown, rest = unique[:_ORIGINS_SHOWN], len(unique) - _ORIGINS_SHOWN
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def _shown(value: Any) -> str:
    return f"{value.path} {value.digest}" if isinstance(value, ApiSpec) else str(value)


def _not_pushed(subject: str, result: Found) -> Finding:
    return Finding(
        "built-without-push",
        subject,
        f"{result.origin} holds no digest: it was built without push, so no registry has it",
        hint="build with --push (push: true), and take the metadata of that build",
    )
