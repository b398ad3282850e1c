"""`lockflight record`: one build's record, from git, the CI's environment, build metadata, the registry."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from lockflight import names
from lockflight.builds.ci import Environment, RunningBuild, clean, running_build
from lockflight.builds.collect import collect
from lockflight.builds.labels import ImageFacts, inspect
from lockflight.builds.merge import merged
from lockflight.builds.model import Found, Record
from lockflight.errors import InputError, OutsideError, Place, Refused
from lockflight.findings import Finding
from lockflight.models import problems_of
from lockflight.names import ImageReference
from lockflight.ports.clock import Clock
from lockflight.ports.git import Git, Head
from lockflight.ports.registry import Registry
from lockflight.yaml_source import Document

_COMMIT_HINT = 'say it yourself: --commit "$(git rev-parse HEAD)"'


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """What the person or the workflow asks for; whatever is given here beats what was found."""

    service: str | None = None
    commit: str | None = None
    metadata: tuple[str, ...] = ()
    target: str | None = None
    image: str | None = None
    tag: str | None = None
    digest: str | None = None
    version: str | None = None
    # The API description and the service's folder, relative to the repository's root.
    api: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The record, and what its maker should know about it. Nothing in `notes` refuses."""

    record: Record
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Source:
    """The commit of a build and what else is known about where it comes from."""

    commit: str
    merge: str | None
    repository: str | None
    run: str | None


def make_record(
    request: RecordRequest,
    *,
    git: Git,
    clock: Clock,
    environment: Environment,
    root: Path,
    registry: Registry | None = None,
    stdin: BinaryIO | None = None,
) -> Made:
    """The record of the build that just ran. With a registry, media type and platforms are read from it."""
    source = _source(request, git, environment)
    built = _built(request, root, stdin)
    notes = _agree_about_commit(request, source, built)
    values = _values(request, source, built)
    values["built"] = values.get("built") or clock.now()
    values["api"] = _api(request.api, request.path, root) if request.api else values.get("api")
    if registry is not None:
        found, more = _from_registry(registry, values, source)
        values.update(found)
        notes += more
    return Made(_validated(values, request), tuple(dict.fromkeys(notes)))


def _source(request: RecordRequest, git: Git, environment: Environment) -> _Source:
    running = running_build(environment)
    if running is not None:
        if not request.commit:
            _refuse_half_a_commit(running)
        running = clean(running)
    head = git.head()
    commit = request.commit or _commit_of(running, head)
    if not names.is_commit(commit):
        raise InputError(
            f"'{commit}' is no full commit: 40 hexadecimal digits are expected", hint=_COMMIT_HINT
        )
    if running is None and head is not None and head.commit == commit:
        _refuse_uncommitted(git, request.path or ".")
    repository = (running and running.repository) or (head and head.repository) or None
    return _Source(
        commit,
        running.merge if running else None,
        names.without_credentials(repository) if repository else None,
        running.run if running else None,
    )


def _refuse_half_a_commit(running: RunningBuild) -> None:
    if running.commit is not None and not names.is_commit(running.commit):
        raise InputError(
            f"{running.said_by} of {running.system} says {running.commit[:80]!r}, which is no full commit",
            hint=_COMMIT_HINT,
        )


def _commit_of(running: RunningBuild | None, head: Head | None) -> str:
    """The CI's commit, which must be what is checked out; git's own where there is no CI."""
    if running is None or running.commit is None:
        if head is None:
            raise InputError("there is no commit here to record", hint=_COMMIT_HINT)
        return head.commit
    if head is not None and head.commit not in (running.commit, running.merge):
        raise Refused(
            f"{running.system} says that commit {running.commit} is built, but {head.commit} is checked out",
            hint="check out the commit that is to be recorded before building, or say --commit",
            code="commit-mismatch",
        )
    return running.commit


def _refuse_uncommitted(git: Git, path: str) -> None:
    if not git.is_clean(path):
        raise Refused(
            "there are uncommitted changes, so no commit describes this build",
            place=Place(path if path != "." else None),
            hint="commit them, and build again; files that a build writes belong into .gitignore",
            code="uncommitted-changes",
        )


def _built(request: RecordRequest, root: Path, stdin: BinaryIO | None) -> Found:
    """What the metadata files say together about the one build that is asked for."""
    found = collect(request.metadata, stdin=stdin or io.BytesIO(), base=root) if request.metadata else []
    chosen = _chosen(request, found)
    if not chosen:
        return Found(Record(), "the command line")
    built, findings = merged(request.service or request.target or "this build", chosen)
    if findings:
        raise Refused(finding.as_problem() for finding in findings)
    return built


def _chosen(request: RecordRequest, found: Sequence[Found]) -> list[Found]:
    """The builds that are meant: of a file with several, the one that the target or the service names."""
    several = [one for one in found if one.shared]
    single = [one for one in found if not one.shared]
    if not several and not request.target:
        return single
    wanted = request.target or request.service
    mine = [one for one in several if wanted and wanted in (one.target, one.record.service)]
    if not mine and len(several) == 1 and not request.target:
        mine = several
    if not mine:
        known = [name for one in several if (name := one.target or one.record.service)]
        said = f"there is no target '{wanted}'" if wanted else "there are several builds"
        raise InputError(
            f"{said} in the metadata; it has {', '.join(known) or 'no targets'}",
            hint=(names.did_you_mean(wanted, known) if wanted else None) or "choose one with --target",
        )
    return [*single, *mine]


def _agree_about_commit(request: RecordRequest, source: _Source, built: Found) -> list[Finding]:
    """The metadata's own commit must be the recorded one; a merge of it is worth a word."""
    said = built.record.commit
    if said in (None, source.commit) or request.commit:
        return []
    if said != source.merge:
        raise Refused(
            f"{built.origin} says that {said} was built, but {source.commit} is to be recorded",
            hint="is the metadata from another run? --commit says which commit is right",
            code="commit-mismatch",
        )
    return [_from_merge(source, said)]


def _from_merge(source: _Source, merge: str) -> Finding:
    return Finding(
        "built-from-merge",
        source.commit[:12],
        f"the image was built from the merge commit {merge}, and its revision label may say so",
        expected=source.commit,
        found=merge,
        hint="check out the head: 'ref: ${{ github.event.pull_request.head.sha }}' for actions/checkout",
        note=True,
    )


def _values(request: RecordRequest, source: _Source, built: Found) -> dict[str, Any]:
    said = {field: getattr(built.record, field) for field in Record.model_fields}
    values = {key: value for key, value in said.items() if value}
    values["service"] = request.service or values.get("service")
    values["commit"] = source.commit
    values["repository"] = source.repository or values.get("repository")
    values["run"] = source.run or values.get("run")
    values.update(_overrides(request, built))
    return values


def _overrides(request: RecordRequest, built: Found) -> dict[str, Any]:
    """What was said on the command line; what was read about another digest is not kept."""
    found: dict[str, Any] = {}
    if request.image:
        reference = _reference(request.image)
        found["image"] = reference.name
        found["tag"] = reference.tag or _tag_of(built, reference)
        if reference.digest:
            found["digest"] = reference.digest
    given = {"tag": request.tag, "digest": request.digest, "version": request.version, "path": request.path}
    found.update({key: value for key, value in given.items() if value})
    if "digest" in found and found["digest"] != built.record.digest:
        found.update(media_type=None, platforms={})
    return found


def _tag_of(built: Found, image: ImageReference) -> str | None:
    """The tag that the metadata knows for this very image."""
    return built.record.tag if built.record.image == image.name else None


def _reference(text: str) -> ImageReference:
    try:
        return names.parse_reference(text)
    except ValueError as error:
        raise InputError(f"--image: {error}") from error


def _api(path: str, service: str | None, root: Path) -> dict[str, str]:
    """The API description by the digest of its bytes; its path starts at the service's own root."""
    file = root / path
    if not file.resolve().is_relative_to(root.resolve()):
        raise InputError("leaves the repository; an API description must lie inside it", place=Place(path))
    try:
        body = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=Place(path)) from error
    inside = Path(os.path.relpath(file, root))
    if service and inside.is_relative_to(service):
        inside = inside.relative_to(service)
    return {"path": inside.as_posix(), "digest": f"sha256:{hashlib.sha256(body).hexdigest()}"}


def _from_registry(
    registry: Registry, values: dict[str, Any], source: _Source
) -> tuple[dict[str, Any], list[Finding]]:
    """Digest, media type and platforms as the registry has them; a registry that is down is only a note."""
    digest, tag = values.get("digest"), values.get("tag")
    if not values.get("image") or not (digest or tag):
        return {}, []
    image = replace(_reference(values["image"]), tag=tag, digest=digest)
    try:
        facts = inspect(registry, image)
    except OutsideError as error:
        return {}, [_note("registry-unreachable", image, f"was not looked at: {error.problems[0].message}")]
    if facts is None:
        return {}, [_note("image-missing", image, "is not in the registry (yet?)")]
    return _facts(facts), _agree_about_revision(source, facts, image)


def _agree_about_revision(source: _Source, facts: ImageFacts, image: ImageReference) -> list[Finding]:
    """The image's own revision label must not name another commit: such a record would block every lock."""
    said = sorted({revision for revision in facts.wellformed_revisions.values() if revision != source.commit})
    others = [revision for revision in said if revision != source.merge]
    if others:
        raise Refused(
            f"the revision label of {image.name}@{facts.digest} is {others[0]}, but {source.commit} is to be "
            "recorded",
            hint="is this the image of another build? build the commit and push it, or record the one that it says",
            code="revision-mismatch",
        )
    return [_from_merge(source, revision) for revision in said]


def _facts(facts: ImageFacts) -> dict[str, Any]:
    return {"digest": facts.digest, "media_type": facts.media_type, "platforms": facts.platforms}


def _note(code: str, image: ImageReference, message: str) -> Finding:
    return Finding(code, str(image), message, note=True)


def _validated(values: dict[str, Any], request: RecordRequest) -> Record:
    try:
        record = Record.model_validate(values)
    except ValidationError as error:
        raise InputError(problems_of(error, Record, Document(values, "record"))) from error
    if record.image is None and request.metadata:
        raise InputError(
            f"{', '.join(request.metadata)} names no image (Docker's own builder writes none)",
            hint="add --image REGISTRY/PATH:TAG",
        )
    if record.image is None:
        raise InputError(
            "no image is known for this build",
            hint="give the build's metadata file (--metadata), or --image and --digest",
        )
    return record
