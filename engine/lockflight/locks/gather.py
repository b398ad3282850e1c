"""Gathering what a lock is made from: the tree, the stack's files, the configuration, and the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockflight import names
from lockflight.builds.match import ServiceNames, match
from lockflight.builds.model import Found
from lockflight.config import Manifest
from lockflight.errors import InputError, OutsideError
from lockflight.findings import Finding
from lockflight.locks.configuration import configuration
from lockflight.locks.make import Parts
from lockflight.locks.model import Lock, LockedService
from lockflight.locks.resolve import Claim
from lockflight.locks.satisfies import Demand
from lockflight.locks.stack_files import read_stack
from lockflight.locks.third_party import third_party_images
from lockflight.locks.wanted import check_service_names, wanted_services
from lockflight.ports.git import Git
from lockflight.progress import Progress


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose: commits to set, services to look at anew, and the lock to derive from."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    parent: Lock | None = None

    @property
    def anew(self) -> frozenset[str]:
        return self.only | self.overrides.keys()


@dataclass(frozen=True, slots=True)
class Gathered:
    """The parts of a lock, and everything that was noticed while gathering them."""

    parts: Parts
    findings: tuple[Finding, ...]
    failures: tuple[OutsideError, ...]


def gather(
    manifest: Manifest,
    root: Path,
    git: Git,
    environment: Mapping[str, str],
    records: Sequence[Found],
    choice: Choice,
    progress: Progress,
) -> Gathered:
    """Read everything on this machine that goes into a lock; no registry is asked."""
    _check_choice(manifest, choice)
    kept = _kept(manifest, choice)
    fresh = [service for service in manifest.services if service not in kept]
    wanted, findings, failures = wanted_services(manifest, git, fresh, choice.overrides, progress)
    project = read_stack(manifest, root, environment)
    images, image_findings = third_party_images(manifest, project)
    config, config_findings = configuration(manifest, root, project, git)
    claims, record_findings = _claims(manifest, records, frozenset(fresh))
    demand = Demand(manifest.project, tuple(wanted), images, config, frozenset(manifest.services))
    return Gathered(
        Parts(demand, claims, choice.parent, kept),
        (*findings, *image_findings, *config_findings, *record_findings, *_dropped(manifest, choice)),
        tuple(failures),
    )


def parse_overrides(pairs: Sequence[str]) -> dict[str, str]:
    """`--set SERVICE=SHA`, each a full commit."""
    found = {}
    for pair in pairs:
        service, equals, commit = pair.partition("=")
        if not equals or not service:
            raise InputError(f"--set wants SERVICE=SHA, not '{pair}'")
        if not names.is_commit(commit):
            raise InputError(
                f"--set {service}: '{commit}' is no full commit",
                hint="write all 40 hexadecimal digits, as 'git rev-parse' shows them",
            )
        found[service] = commit
    return found


def _check_choice(manifest: Manifest, choice: Choice) -> None:
    check_service_names(manifest, sorted(choice.only), "--only")
    check_service_names(manifest, sorted(choice.overrides), "--set")
    if choice.parent is not None and choice.parent.project != manifest.project:
        raise InputError(
            f"the lock to derive from is of project '{choice.parent.project}', "
            f"and the manifest is of '{manifest.project}'"
        )


def _kept(manifest: Manifest, choice: Choice) -> dict[str, LockedService]:
    if choice.parent is None:
        return {}
    entries = choice.parent.services
    return {name: entries[name] for name in manifest.services if name in entries and name not in choice.anew}


def _dropped(manifest: Manifest, choice: Choice) -> list[Finding]:
    gone = sorted(choice.parent.services.keys() - manifest.services.keys()) if choice.parent else []
    message = "is in the lock to derive from, but no service of the manifest any more; it is left out"
    return [Finding("service-removed", name, message, note=True) for name in gone]


def _claims(
    manifest: Manifest, records: Sequence[Found], fresh: frozenset[str]
) -> tuple[dict[str, Claim], list[Finding]]:
    """What the records say of the services that are made anew; records of kept ones are not wanted."""
    matched = match(
        records, [_names_of(manifest, name) for name in manifest.services], ignored=manifest.exclude
    )
    claims = {
        name: Claim(found.record, found.origin) for name, found in matched.records.items() if name in fresh
    }
    unused = [
        Finding(
            "record-unused", name, f"the {found.origin} is not used: the service is kept as it is", note=True
        )
        for name, found in matched.records.items()
        if name not in fresh
    ]
    # What contradicts itself about a service that is kept is nobody's business now.
    kept = frozenset(manifest.services) - fresh
    told = [replace(f, note=True) if f.subject in kept else f for f in matched.findings]
    return claims, [*told, *unused]


def _names_of(manifest: Manifest, service: str) -> ServiceNames:
    return ServiceNames(service, tuple(manifest.compose_names(service)), manifest.image_name_of(service))
