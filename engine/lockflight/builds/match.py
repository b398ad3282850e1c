"""Which service each record speaks of.

Nothing here asks the outside world and nothing raises: what does not fit is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lockflight import names
from lockflight.builds.merge import merged
from lockflight.builds.model import Found
from lockflight.builds.references import choose
from lockflight.findings import Finding


@dataclass(frozen=True, slots=True)
class ServiceNames:
    """What a service is called: in the manifest, in the compose files, and its image (registry and path)."""

    service: str
    compose: tuple[str, ...] = ()
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """One record for each service that has any, and what did not fit."""

    records: dict[str, Found]
    findings: tuple[Finding, ...]


def match(
    found: Sequence[Found], services: Sequence[ServiceNames], *, ignored: Iterable[str] = ()
) -> Matched:
    """Assign records to services by name, else by target, else by image, and merge those of one service.

    `ignored` are the names that the manifest excludes: a record for one of them is passed over.
    """
    findings: list[Finding] = []
    mine: dict[str, list[Found]] = {}
    known = _Known.of(services)
    passed_over = frozenset(ignored)
    for one in found:
        owners = known.owners(one)
        for owner in owners:
            mine.setdefault(owner.service, []).append(_as_named(one, owner))
        if not owners and not {one.record.service, one.target} & passed_over:
            findings.append(_unassigned(one, services))
    records = {}
    for service in (entry.service for entry in services if entry.service in mine):
        records[service], disagreements = merged(service, mine[service])
        findings += disagreements
    return Matched(records, tuple(findings))


@dataclass(frozen=True, slots=True)
class _Known:
    """The services by each of their names."""

    services: dict[str, list[ServiceNames]]
    compose: dict[str, list[ServiceNames]]
    images: dict[str, list[ServiceNames]]

    @classmethod
    def of(cls, services: Sequence[ServiceNames]) -> _Known:
        known = cls({}, {}, {})
        for entry in services:
            known.services.setdefault(entry.service, []).append(entry)
            for name in entry.compose:
                known.compose.setdefault(name, []).append(entry)
            if entry.image:
                known.images.setdefault(entry.image, []).append(entry)
        return known

    def owners(self, one: Found) -> list[ServiceNames]:
        """The services that a record speaks of, by the strongest sign that leads to any.

        Several may run the same image; what is said about the image then goes for all of them.
        """
        if one.record.service is not None:
            return self._called(one.record.service)
        by_target = self._called(one.target) if one.target else []
        return by_target or [
            entry for image in sorted(_image_names(one)) for entry in self.images.get(image, ())
        ]

    def _called(self, name: str) -> list[ServiceNames]:
        return self.services.get(name) or self.compose.get(name) or []


def _image_names(one: Found) -> set[str]:
    found = {reference.name for reference in one.references}
    return found | {one.record.image} if one.record.image else found


def _as_named(one: Found, owner: ServiceNames) -> Found:
    """The record under the service's own names, where the build was pushed under several."""
    record = one.record.model_copy(update={"service": owner.service})
    wanted = tuple(reference for reference in one.references if reference.name == owner.image)
    chosen = choose(wanted, one.record.commit)
    if chosen is None:
        return replace(one, record=record)
    record = record.model_copy(update={"image": chosen.name, "tag": chosen.tag})
    return replace(one, record=record, references=wanted)


def _hint(said: str | None, known: Iterable[str]) -> str:
    if said is None:
        return (
            "name the service: 'lockflight record --service NAME --image IMAGE --metadata FILE' makes a record "
            "of it; or give the build's metadata, which names the image"
        )
    return names.did_you_mean(said, known) or "add it under 'services', or its name under 'exclude'"


def _unassigned(one: Found, services: Sequence[ServiceNames]) -> Finding:
    said = one.record.service or one.target or one.record.image
    known = [name for entry in services for name in (entry.service, *entry.compose)]
    known += [] if one.record.service or one.target else [entry.image for entry in services if entry.image]
    return Finding(
        "unknown-service",
        one.origin,
        f"speaks of {said}, which is no service of the manifest" if said else "names no service and no image",
        found=said,
        hint=_hint(said, known),
        # A bake file or an ImagesLock also holds what is no service; only a name that is ours alone must fit.
        note=one.shared and one.record.service is None,
    )
