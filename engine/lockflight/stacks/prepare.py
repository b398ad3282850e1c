"""Everything that is decided before a stack starts: what runs, pinned to what, isolated how, or why not."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lockflight.compose_files.project import ComposeProject, load_project
from lockflight.errors import InputError, Place, Problem, Refused
from lockflight.files import write_atomically
from lockflight.findings import Finding, in_order, refusals
from lockflight.locks.configuration import configuration
from lockflight.locks.convert.pinned import Pinned
from lockflight.locks.model import Lock
from lockflight.locks.pinning import ComposeImage, Pinning, pin
from lockflight.locks.satisfies import config_reasons
from lockflight.locks.stack_files import read_stack
from lockflight.places import MANIFEST
from lockflight.ports.stack_engine import ComposeCall
from lockflight.stacks.isolate import Isolation, Wish, isolate
from lockflight.stacks.naming import UP, home_of, labels_of
from lockflight.stacks.override import Reset, merged, render
from lockflight.stacks.surroundings import Surroundings

_ALLOW = "lock it, or run it all the same with '--allow-unlocked {name}'"
_CHANGED = (
    "check out the commit that the lock was made from, or make a new lock;"
    " '--allow-changed-config' runs it with the files as they are"
)
# As Compose says it, and as our own reader does.
_REQUIRED = re.compile(r"required variable ([A-Za-z_][A-Za-z0-9_]*) is missing")
_NEEDED = re.compile(r"needs the variable ([A-Za-z_][A-Za-z0-9_]*),")
_OF_SERVICE = "service:"
_SECTIONS = ("services", "networks", "volumes", "configs", "secrets")
# Compose takes it for every service that names none.
_PLATFORM = "DOCKER_DEFAULT_PLATFORM"
_MENTIONED = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for."""

    lock: Lock
    name: str
    purpose: str
    profiles: tuple[str, ...] = ()
    allow_unlocked: frozenset[str] = frozenset()
    allow_changed_config: bool = False
    fixed_ports: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stack that may start: nothing of it has been refused."""

    request: Request
    call: ComposeCall
    # The project as Compose reads the user's own files, under the stack's name.
    model: Mapping[str, Any]
    # The services that are started, those that suites are left out.
    services: tuple[str, ...]
    pinned: Mapping[str, Pinned]
    unlocked: tuple[str, ...]
    labels: Mapping[str, str]
    alone: bool
    notes: tuple[Finding, ...]
    # Named on the command line where it is less than everything.
    some: tuple[str, ...] = ()
    changed_config: tuple[str, ...] = ()
    # Wanted of images whose service says nothing of it.
    platform: str | None = None

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def lock(self) -> Lock:
        return self.request.lock

    def platform_of(self, service: str) -> str | None:
        return _platform_of(self.model, service, self.platform)


def read_ahead(here: Surroundings, request: Request) -> None:
    """Have Compose begin to read the files while leftovers are looked for."""
    here.engine.read_ahead(own_call(here, request.profiles, request.name))


def prepare(here: Surroundings, request: Request) -> Prepared:
    """Read, check and pin the stack, and write its override; nothing is started."""
    _check_project(here, request.lock)
    changed, config_findings = _configuration(here, request)
    call, model = _read(here, request)
    call, model = _with_suites(here, request, call, model)
    pinning = pins(here, request.lock, model)
    suites = {suite.service for suite in here.stack.suites.values() if suite.service}
    services = tuple(name for name in model["services"] if name not in suites)
    wish = Wish(request.name, here.stack.alone, request.fixed_ports)
    isolation = isolate(model, wish)
    findings = in_order(
        [
            *config_findings,
            *_unlocked(pinning, request),
            *isolation.findings,
            *_missing_sources(model),
            *_missing_platforms(here, request.lock, model, pinning),
        ]
    )
    _refuse(findings)
    labels = labels_of(
        request.name, request.lock, request.purpose, alone=here.stack.alone, home=home_of(here.root)
    )
    override = here.folder_of(request.name) / "override.yaml"
    _write(here, override, _override(model, pinning, isolation, labels, request))
    return Prepared(
        request, replace(call, files=(*call.files, override)), model, services, pinning.pinned,
        tuple(sorted(pinning.unpinned)), labels, here.stack.alone, tuple(findings),
        services if suites & model["services"].keys() else (), changed, _default_platform(here),
    )  # fmt: skip


def pinned_only(here: Surroundings, request: Request) -> tuple[ComposeCall, str]:
    """The user's own project, under its own name, and the override that pins it and changes nothing else."""
    _check_project(here, request.lock)
    # Compose is asked without this variable, because a stack has a name of its own.
    name = request.name or here.environment.get("COMPOSE_PROJECT_NAME", "")
    call, model = _read(here, replace(request, name=name))
    pinning = pins(here, request.lock, model)
    _refuse(list(_unlocked(pinning, request)))
    return call, render(f"pins the stack to lock {request.lock.id}", {"services": _pins(model, pinning)})


def _refuse(findings: Iterable[Finding]) -> None:
    found = refusals(findings)
    if found:
        raise Refused([finding.as_problem() for finding in found])


def own_call(here: Surroundings, profiles: tuple[str, ...] = (), name: str | None = None) -> ComposeCall:
    """The user's own project, as the manifest names its files."""
    stack = here.stack
    return ComposeCall(
        files=tuple(here.root / file for file in stack.files),
        directory=here.root / stack.project_directory if stack.project_directory else None,
        env_files=None if stack.env_files is None else tuple(here.root / file for file in stack.env_files),
        profiles=profiles or tuple(stack.profiles),
        name=name,
    )


def pins(here: Surroundings, lock: Lock, model: Mapping[str, Any]) -> Pinning:
    """Which image of the lock each service of the project runs."""
    names = {name: here.manifest.compose_names(name) for name in here.manifest.services}
    return pin(lock, names, {name: _image_of(service or {}) for name, service in model["services"].items()})


def _image_of(service: Mapping[str, Any]) -> ComposeImage:
    return ComposeImage(service.get("image"), service.get("build") is not None)


def _check_project(here: Surroundings, lock: Lock) -> None:
    if lock.project != here.manifest.project:
        raise InputError(
            f"the lock is of project '{lock.project}', and the manifest is of '{here.manifest.project}'",
            hint="is this the right lock, and the right folder?",
        )


def _configuration(here: Surroundings, request: Request) -> tuple[tuple[str, ...], list[Finding]]:
    """The files that are not as they were locked: what would be tested is not what the lock says."""
    changes = list(_changes(here, request.lock))
    allowed = request.allow_changed_config
    findings = [
        # Here the lock says what is to be, and the disk is what was found.
        replace(one, expected=one.found, found=one.expected, note=allowed, hint=None if allowed else _CHANGED)
        for one in changes
    ]
    return tuple(change.subject for change in changes), findings


def changed_files(here: Surroundings, lock: Lock) -> tuple[str, ...]:
    """The configuration files that are not as they were locked."""
    return tuple(change.subject for change in _changes(here, lock))


def _changes(here: Surroundings, lock: Lock) -> Iterator[Finding]:
    project = read_stack(here.manifest, here.root, here.environment)
    found, _ = configuration(here.manifest, here.root, project, here.git)
    return config_reasons(lock.config, found)


def _read(here: Surroundings, request: Request) -> tuple[ComposeCall, dict[str, Any]]:
    """The project as Compose reads it. A variable that only names a tag which is pinned need not be set."""
    call = own_call(here, request.profiles, request.name or None)
    while True:
        try:
            return call, _whole(here.engine.read(call))
        except InputError as error:
            missing = _REQUIRED.search(str(error))
            tag = _tag_for(here, request.lock, missing[1]) if missing else None
            if missing is None or tag is None or missing[1] in call.variables:
                raise _with_files(error, here.stack.files) from error
            call = replace(call, variables={**call.variables, missing[1]: tag})


def _with_files(error: InputError, files: Sequence[str]) -> InputError:
    """Compose names the field and seldom the file."""
    words = "".join(f" -f {file}" for file in files)
    hint = f"Compose says so of {' and '.join(files)}; 'docker compose{words} config' shows it again"
    return InputError([replace(problem, hint=problem.hint or hint) for problem in error.problems])


def _whole(model: dict[str, Any]) -> dict[str, Any]:
    if not model.get("services"):
        raise InputError(
            "the stack has no service that is active",
            hint="are all of them in a profile? name it under 'stack: {profiles: […]}' or with '--profile'",
        )
    return model


def _tag_for(here: Surroundings, lock: Lock, variable: str) -> str | None:
    """The locked tag of the service whose image is named with this variable, where one is."""
    project = _with_every_variable(here, variable)
    for service in here.manifest.services:
        for name in here.manifest.compose_names(service):
            used = project.services[name].variables if project and name in project.services else ()
            if any(one.name == variable for one in used) and service in lock.services:
                return lock.services[service].tag or "locked"
    return None


def _with_every_variable(here: Surroundings, variable: str) -> ComposeProject | None:
    """The project with something in place of each variable that it insists on, to see where they stand."""
    call = own_call(here)
    environment = {**here.environment, variable: "locked"}
    while True:
        try:
            return load_project(
                call.files, environment=environment, project_directory=call.directory,
                env_files=call.env_files, root=here.root,
            )  # fmt: skip
        except InputError as error:
            needed = _NEEDED.search(str(error))
            if needed is None or environment.get(needed[1]) == "locked":
                return None
            environment[needed[1]] = "locked"


def _with_suites(
    here: Surroundings, request: Request, call: ComposeCall, model: dict[str, Any]
) -> tuple[ComposeCall, dict[str, Any]]:
    """Together with the services that are suites and all that these need; they need no profile to be active."""
    suites = {suite.service: name for name, suite in here.stack.suites.items() if suite.service}
    absent = [service for service in suites if service not in model["services"]]
    active = model["services"].keys()
    if absent:
        call, more = _of_suites(here, request, call, model, absent)
        both = {kind: {**(more.get(kind) or {}), **(model.get(kind) or {})} for kind in _SECTIONS}
        # The stack's own services keep their order, and come first.
        both["services"] = {**model["services"], **(more.get("services") or {}), **model["services"]}
        model = {**model, **{kind: section for kind, section in both.items() if section}}
    problems = list(_needed_suites(suites, active, model))
    if problems:
        raise InputError(problems)
    return call, model


def _of_suites(
    here: Surroundings,
    request: Request,
    call: ComposeCall,
    model: Mapping[str, Any],
    services: Sequence[str],
) -> tuple[ComposeCall, dict[str, Any]]:
    """The services and what they need. Where something needed is in another profile, the call names that."""
    try:
        return call, here.engine.read(call, services)
    except InputError:
        pass
    every = replace(call, profiles=("*",))
    there, unknown = {}, []
    for service in services:
        try:
            there[service] = here.engine.read(every, [service])
        except InputError as error:
            message = f"a suite is a service of the stack that Compose does not know: {service}"
            hint = f"see 'service' under 'stack.suites'; Compose says: {error}"
            # Whoever checks the suites names it, together with all else that is wrong with them.
            if request.purpose == UP or not str(error).endswith(f"no such service: {service}"):
                unknown.append(Problem(message, hint=hint))
    if unknown:
        raise InputError(unknown)
    if not there:
        return call, {}
    try:
        return call, here.engine.read(call, tuple(there))
    except InputError:
        needed = {
            profile
            for project in (*there.values(), model)
            for service in project["services"].values()
            for profile in (service or {}).get("profiles") or ()
        }
        call = replace(call, profiles=tuple(sorted({*call.profiles, *needed})))
        return call, here.engine.read(call, tuple(there))


def _needed_suites(
    suites: Mapping[str, str], active: Container[str], model: Mapping[str, Any]
) -> Iterator[Problem]:
    """A suite runs when all services are ready: none of them can wait for it."""
    for name, service in model["services"].items():
        for other, how in ((service or {}).get("depends_on") or {}).items():
            needed = (how or {}).get("required", True) or other in active
            if name not in suites and other in suites and needed:
                message = f"the suite's service '{other}' is needed by '{name}', which is started before it"
                hint = "let the suite be a service that no other depends on, or leave it out of the suites"
                place = Place(MANIFEST, path=f"stack.suites.{suites[other]}.service")
                yield Problem(message, place, hint)


def _default_platform(here: Surroundings) -> str | None:
    return here.environment.get(_PLATFORM) or None


def _platform_of(model: Mapping[str, Any], service: str, default: str | None) -> str | None:
    return (model["services"].get(service) or {}).get("platform") or default


def _missing_platforms(
    here: Surroundings, lock: Lock, model: Mapping[str, Any], pinning: Pinning
) -> Iterator[Finding]:
    """What is locked for other platforms only: Compose would find that out half-way."""
    from lockflight.builds.labels import normal_platform

    for name, image in pinning.pinned.items():
        wanted = _platform_of(model, name, _default_platform(here))
        locked = lock.services.get(image.name)
        has = sorted(map(normal_platform, locked.platforms)) if locked else []
        # Without a slash it is a part of a platform, and the engine completes it.
        if wanted and "/" in wanted and has and normal_platform(wanted) not in has:
            own = (model["services"][name] or {}).get("platform")
            said = f"'platform: {wanted}'" if own else f"{_PLATFORM}={wanted}"
            message = f"is wanted for another platform ({said}) than those of the locked image"
            hint = "build the image for it as well, or let the stack run on another platform"
            yield Finding("platform-missing", name, message, wanted, ", ".join(has), hint)


def _unlocked(pinning: Pinning, request: Request) -> Iterator[Finding]:
    for name, why in pinning.unpinned.items():
        if name in request.allow_unlocked:
            yield Finding("unlocked", name, f"{why}; it runs unlocked because you allow it", note=True)
        else:
            yield Finding("unlocked", name, f"cannot be pinned: it {why}", hint=_ALLOW.format(name=name))
    for name in sorted(request.allow_unlocked - pinning.unpinned.keys()):
        yield Finding("unlocked", name, "need not be allowed: it is locked, or no service here", note=True)


def _missing_sources(model: Mapping[str, Any]) -> Iterator[Finding]:
    """What is bound in and is not there: the engine would make an empty folder of it, or fail half-way."""
    for service, source, what in _sources(model):
        if not _may_be_there(source):
            message = f"{what} '{source}' does not exist"
            hint = "the engine would make an empty folder of it; is the file committed, is the path right?"
            yield Finding("bind-missing", service, message, hint=hint)


def _may_be_there(path: str) -> bool:
    """The engine may see what this user may not look at; Path.exists raises for that, and for endless names."""
    try:
        os.stat(path)  # noqa: PTH116
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def machine_variables(here: Surroundings) -> tuple[str, ...]:
    """Variables that the compose files mention and the machine's own environment sets: no lock knows their values."""
    found: set[str] = set()
    for file in here.stack.files:
        with contextlib.suppress(OSError, ValueError):
            found.update(_MENTIONED.findall((here.root / file).read_text().replace("$$", "")))
    return tuple(sorted(name for name in found if name in here.environment))


def not_covered(here: Surroundings, prepared: Prepared) -> tuple[str, ...]:
    """What services have bound in of this machine and the lock has no digest of, as it is called here."""
    found = set()
    for service, source, _ in _sources(prepared.model):
        path = Path(source)
        inside = path.is_relative_to(here.root)
        name = path.relative_to(here.root).as_posix() if inside else source
        covered = any(one == name or one.startswith(f"{name}/") for one in prepared.lock.config)
        if service in prepared.services and not covered and name.isprintable():
            found.add(name)
    return tuple(sorted(found))


def _sources(model: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    devices = dict(_devices(model))
    for name, service in model["services"].items():
        for mount in (service or {}).get("volumes") or ():
            if mount.get("type") == "bind":
                yield name, _unescaped(mount["source"]), "the bind mount's source"
            elif mount.get("source") in devices:
                yield name, devices[mount["source"]], f"the folder behind the volume {mount['source']}"
        for kind in ("configs", "secrets"):
            for entry in (service or {}).get(kind) or ():
                file = ((model.get(kind) or {}).get(entry.get("source")) or {}).get("file")
                if file:
                    yield name, _unescaped(file), f"the file of '{entry['source']}' ({kind})"


def _devices(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, volume in (model.get("volumes") or {}).items():
        options = (volume or {}).get("driver_opts") or {}
        if "bind" in str(options.get("o") or "").split(",") and str(options.get("device") or "").startswith(
            "/"
        ):
            yield name, _unescaped(options["device"])


def _unescaped(path: str) -> str:
    """Compose prints a dollar sign twice, so that its output may be read again."""
    return path.replace("$$", "$")


def _override(
    model: Mapping[str, Any],
    pinning: Pinning,
    isolation: Isolation,
    labels: Mapping[str, str],
    request: Request,
) -> str:
    labelled = {"labels": dict(labels)}
    sections = {
        "services": merged(_pins(model, pinning), isolation.services, _each(model["services"], labelled)),
        "networks": merged(isolation.networks, _each(isolation.networks, labelled)),
        "volumes": merged(isolation.volumes, _each(isolation.volumes, labelled)),
    }
    return render(
        f"runs lock {request.lock.id} as the stack {request.name}; made anew at every start", sections
    )


def _pins(model: Mapping[str, Any], pinning: Pinning) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, image in pinning.pinned.items():
        found[name] = {"image": image.reference}
        if (model["services"][name] or {}).get("build") is not None:
            found[name]["build"] = Reset()
    for name in pinning.unpinned:
        contexts = _locked_contexts(model["services"][name] or {}, pinning)
        if contexts:
            found[name] = {"build": {"additional_contexts": contexts}}
    return found


def _locked_contexts(service: Mapping[str, Any], pinning: Pinning) -> dict[str, str]:
    """What is built on a locked service is built on its locked image: there is no build of it any more."""
    contexts = (service.get("build") or {}).get("additional_contexts") or {}
    named = {key: str(value).removeprefix(_OF_SERVICE) for key, value in contexts.items()}
    return {
        key: f"docker-image://{pinning.pinned[name].reference}"
        for key, name in named.items()
        if name in pinning.pinned and contexts[key] != name
    }


def _each(names: Iterable[str], section: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return dict.fromkeys(names, section)


def _write(here: Surroundings, path: Path, text: str) -> None:
    write_atomically(here.root / ".lockflight" / ".gitignore", "*\n")
    write_atomically(path, text)
