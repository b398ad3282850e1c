"""What the manifest and the committed tree want of each service, before anybody is asked what was built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lockflight import names
from lockflight.builds.labels import normal_platform
from lockflight.concurrency import each
from lockflight.config import MANIFEST, Manifest, Service
from lockflight.errors import InputError, OutsideError, Problem
from lockflight.findings import Finding
from lockflight.ports.git import Git, Submodule, SubmoduleChange
from lockflight.progress import Progress

# Each is a git process of its own.
_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """One service at one commit. `checkout` is where its history may be at hand, `url` where it surely is."""

    service: str
    commit: str
    image: names.ImageReference | None
    platforms: tuple[str, ...] = ()
    branch: str | None = None
    api: str | None = None
    path: str | None = None
    repository: str | None = None
    checkout: str | None = None
    url: str | None = None


def wanted_services(
    manifest: Manifest, git: Git, services: Sequence[str], overrides: Mapping[str, str], progress: Progress
) -> tuple[list[Wanted], list[Finding], list[OutsideError]]:
    """Find the commit of each of these services; `overrides` are commits that a person named."""
    tree = _Tree(git)
    if tree.head is None and any(not manifest.services[name].repository for name in services):
        hint = "run 'git init' and commit; or is this the wrong folder?"
        return (
            [],
            [Finding("no-commit", MANIFEST, "there is no commit here, and a lock names commits", hint=hint)],
            [],
        )

    def look(service: str) -> Wanted | Finding:
        try:
            return _wanted(manifest, tree, service, overrides.get(service))
        except _Unknown as unknown:
            return unknown.finding

    answers, failures = each(look, services, progress, "reading commits", parallel=_PARALLEL)
    wanted = [answer for answer in answers if isinstance(answer, Wanted)]
    return wanted, [answer for answer in answers if isinstance(answer, Finding)], failures


def check_service_names(manifest: Manifest, given: Iterable[str], option: str) -> None:
    """Refuse a service that an option names and the manifest does not know."""
    unknown = [name for name in given if name not in manifest.services]
    if unknown:
        raise InputError(
            [
                Problem(
                    f"{option} names '{name}', which is no service of {MANIFEST}",
                    hint=names.did_you_mean(name, manifest.services)
                    or f"known are: {', '.join(sorted(manifest.services))}",
                )
                for name in unknown
            ]
        )


class _Unknown(Exception):
    """The commit of a service cannot be told; carries the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class _Tree:
    """The committed tree, read once for all services."""

    def __init__(self, git: Git) -> None:
        self.git = git
        self.head = git.head()
        self.submodules: dict[str, Submodule] = {module.path: module for module in git.submodules()}
        self.changes: dict[str, SubmoduleChange] = {change.path: change for change in git.submodule_changes()}


def _wanted(manifest: Manifest, tree: _Tree, service: str, override: str | None) -> Wanted:
    settings = manifest.services[service]
    _refuse_unknown_commit(tree, service, settings, override)
    if settings.submodule is not None:
        commit, path, checkout, url = _from_submodule(tree, service, settings.submodule, override)
    elif settings.path is not None:
        commit, path, checkout, url = _from_path(tree, service, settings.path, override)
    else:
        commit, path, checkout, url = _from_repository(tree, service, settings, override)
    return Wanted(
        service=service,
        commit=commit,
        image=manifest.image_of(service, commit),
        platforms=tuple(map(normal_platform, manifest.platforms_of(service))),
        branch=manifest.branch_of(service),
        api=settings.api,
        path=path,
        repository=names.without_credentials(url or "")
        or (tree.head.repository if tree.head and settings.path else None),
        checkout=checkout,
        url=url,
    )


def _refuse_unknown_commit(tree: _Tree, service: str, settings: Service, override: str | None) -> None:
    """A commit that a person named and no image speaks for must at least be known to the checkout."""
    if override is None or settings.image is not False:
        return
    if tree.git.has_commit(settings.submodule or ".", override) is False:
        hint = "is it fetched? see 'git fetch' in the checkout"
        raise _Unknown(
            Finding("commit-unknown", service, f"the checkout does not know the commit {override}", hint=hint)
        )


_Origin = tuple[str, str | None, str | None, str | None]


def _from_submodule(tree: _Tree, service: str, path: str, override: str | None) -> _Origin:
    module = tree.submodules.get(path)
    if module is None:
        raise _Unknown(
            Finding(
                "submodule-missing",
                service,
                f"'{path}' is no submodule of the commit that is checked out",
                hint=names.did_you_mean(path, tree.submodules) or "is it added and committed?",
            )
        )
    change = tree.changes.get(path)
    if change is not None and override is None:
        raise _Unknown(
            Finding(
                "submodule-changed",
                service,
                f"the submodule {path} is not as committed: {change.change.value} ({change.detail})",
                hint="commit it, or put it back with 'git submodule update': a lock depends on no disk",
            )
        )
    return override or module.commit, path, path, module.url


def _from_path(tree: _Tree, service: str, path: str, override: str | None) -> _Origin:
    commit = override or tree.git.last_change(path)
    if commit is None:
        raise _Unknown(
            Finding(
                "commit-unknown",
                service,
                f"the last commit that touched '{path}' cannot be told",
                hint="is it committed? a shallow clone needs 'git fetch --unshallow' (actions/checkout: fetch-depth 0)",
            )
        )
    if override is None and not tree.git.is_clean(path):
        raise _Unknown(
            Finding(
                "path-changed",
                service,
                f"the folder {path} has uncommitted changes",
                hint="commit or stash them; a lock must not depend on this disk",
            )
        )
    return commit, path, ".", None


def _from_repository(tree: _Tree, service: str, settings: Service, override: str | None) -> _Origin:
    # Credentials belong into git's own configuration; one that stands here must reach no lock and no message.
    url, ref = str(settings.repository), str(settings.ref)
    shown = names.without_credentials(url)
    commit = override or tree.git.remote_commit(url, ref)
    if commit is None:
        raise _Unknown(
            Finding(
                "ref-missing",
                service,
                f"there is no branch or tag '{ref}' in {shown}",
                hint=f"see 'git ls-remote {shown}'",
            )
        )
    return commit, None, None, url
