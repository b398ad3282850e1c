"""What an image says about itself in the registry: platforms, and the labels its build gave it.

`lock` takes a record from the labels where there is none, and with `verify` compares the revision label of
every platform with the commit; all of them look at the same `ImageFacts`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lockflight import names
from lockflight.builds.model import Found, Record
from lockflight.findings import Finding
from lockflight.models import Line, UtcTime
from lockflight.names import ImageReference
from lockflight.ports.registry import INDEX_TYPES, Content, Registry

PREFIX = "org.opencontainers.image."
REVISION = f"{PREFIX}revision"
ORIGIN = "label"
_ATTESTATION = "vnd.docker.reference.type"
# Where an image does not say its platform (it may be no container image at all).
NO_PLATFORM = "unknown/unknown"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image as the registry has it. `platforms` and `labels` leave out attestations."""

    digest: str
    media_type: str
    platforms: dict[str, str] = field(default_factory=dict)
    # The labels of each platform, under NO_PLATFORM where the image does not say its platform.
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def revisions(self) -> dict[str, str | None]:
        """The revision label of each platform, None where it has none; exactly as it is written."""
        return {platform: labels.get(REVISION) or None for platform, labels in self.labels.items()}

    @property
    def wellformed_revisions(self) -> dict[str, str]:
        """The revision label of each platform that names a full commit; only such can contradict a commit."""
        return {
            platform: revision
            for platform, revision in self.revisions.items()
            if revision is not None and names.is_commit(revision)
        }

    def values(self, name: str) -> dict[str, str]:
        """What the platforms say in the label `org.opencontainers.image.<name>`, as far as they say it."""
        found = {platform: labels.get(f"{PREFIX}{name}", "") for platform, labels in self.labels.items()}
        return {platform: value for platform, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class _Platform:
    """One manifest of an image, read with its configuration."""

    digest: str
    named: str | None
    labels: dict[str, str] = field(default_factory=dict)
    finding: Finding | None = None


def inspect(registry: Registry, reference: ImageReference) -> ImageFacts | None:
    """The facts about an image, or None when the registry does not have it.

    A part that is missing or unreadable is a finding in the facts; only the registry's own failures raise.
    """
    content = registry.manifest(reference)
    if content is None:
        return None
    data = _json(content.body)
    if _is_index(content, data):
        parts = [_child(registry, reference, entry) for entry in _children(data)]
        inherited = _texts(data.get("annotations"))
    else:
        parts = [_image(registry, reference, content, None)]
        inherited = {}
    return _facts(content, parts, inherited)


def labelled(facts: ImageFacts, reference: ImageReference) -> tuple[Found, tuple[Finding, ...]]:
    """A record made of the labels, as far as they are well-formed and the same on every platform."""
    findings: list[Finding] = []
    values: dict[str, Any] = {
        "image": reference.name,
        "tag": reference.tag,
        "digest": facts.digest,
        "media_type": facts.media_type or None,
        "platforms": facts.platforms,
    }
    for name, (key, is_fine) in _FIELDS.items():
        said = facts.values(name)
        if len(set(said.values())) > 1:
            findings.append(_differing(reference, name, said))
        elif said and is_fine(value := next(iter(said.values()))):
            values[key] = names.without_credentials(value) if name == "source" else value
        elif said:
            findings.append(_malformed(reference, name, next(iter(said.values()))))
    return Found(Record.model_validate(values), ORIGIN), tuple(findings)


def normal_platform(text: str) -> str:
    """A platform as a person or a build wrote it, in the form that images are compared by.

    `linux/arm64/v8` and `linux/arm64` are the same; what is no platform stays as it is.
    """
    system, _, rest = text.partition("/")
    architecture, _, variant = rest.partition("/")
    return platform_name(system, architecture, variant) or text


def platform_name(system: str, architecture: str, variant: str) -> str | None:
    """`linux/arm64`, in the form that containerd normalizes to; None when it is no platform."""
    if architecture == "arm" and variant in ("", "7"):
        variant = "v7"
    if (architecture, variant) in {("arm64", "v8"), ("arm64", "8"), ("amd64", "v1")}:
        variant = ""
    named = "/".join(word for word in (system, architecture, variant) if word)
    return named if re.fullmatch(names.PLATFORM, named) and system != "unknown" else None


def _fits(kind: Any) -> Any:
    adapter = TypeAdapter(kind)

    def is_fine(value: str) -> bool:
        try:
            adapter.validate_python(value)
        except ValidationError:
            return False
        return True

    return is_fine


# Label (without prefix) -> field of the record, and whether a value may stand there.
_FIELDS: dict[str, tuple[str, Any]] = {
    "revision": ("commit", names.is_commit),
    "version": ("version", _fits(Line)),
    "created": ("built", _fits(UtcTime)),
    "source": ("repository", _fits(Line)),
}


def _facts(content: Content, parts: list[_Platform], inherited: dict[str, str]) -> ImageFacts:
    platforms: dict[str, str] = {}
    labels: dict[str, dict[str, str]] = {}
    for part in parts:
        # The first of several manifests for one platform is the one that engines take.
        if part.named is not None:
            platforms.setdefault(part.named, part.digest)
        if part.finding is None:
            labels.setdefault(part.named or NO_PLATFORM, {**inherited, **part.labels})
    findings = tuple(part.finding for part in parts if part.finding is not None)
    return ImageFacts(
        content.digest,
        content.media_type,
        dict(sorted(platforms.items())),
        dict(sorted(labels.items())),
        findings,
    )


def _is_index(content: Content, data: dict[str, Any]) -> bool:
    return content.media_type in INDEX_TYPES or isinstance(data.get("manifests"), list)


def _children(index: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries that are images: attestations lie in the same list, for the platform unknown/unknown."""
    entries = index.get("manifests")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str):
            continue
        platform = entry.get("platform")
        unknown = isinstance(platform, dict) and platform.get("os") == "unknown"
        if not unknown and _ATTESTATION not in _texts(entry.get("annotations")):
            yield entry


def _child(registry: Registry, reference: ImageReference, entry: dict[str, Any]) -> _Platform:
    platform = _texts(entry.get("platform"))
    named = platform_name(
        platform.get("os", ""), platform.get("architecture", ""), platform.get("variant", "")
    )
    digest = entry["digest"]
    if not names.is_digest(digest):
        return _Platform(digest, None, finding=_broken(reference, "names a digest that is none", digest))
    content = registry.manifest(reference.with_digest(digest))
    if content is None:
        return _Platform(digest, named, finding=_missing(reference, named or "a platform", digest))
    if _is_index(content, _json(content.body)):
        what = "holds an index within its index, which is not looked into"
        hint = "push the images of all platforms in one index: docker buildx imagetools create"
        return _Platform(digest, named, finding=_broken(reference, what, digest, hint))
    part = _image(registry, reference, content, named)
    return replace(part, labels={**_texts(entry.get("annotations")), **part.labels})


def _image(registry: Registry, reference: ImageReference, content: Content, named: str | None) -> _Platform:
    """One manifest; its own annotations stand behind the labels of its configuration."""
    manifest = _json(content.body)
    descriptor = manifest.get("config")
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or not names.is_digest(digest):
        finding = _broken(reference, "has a manifest without a configuration", content.digest)
        return _Platform(content.digest, named, finding=finding)
    body = registry.blob(reference, digest)
    if body is None:
        return _Platform(content.digest, named, finding=_missing(reference, "the configuration", digest))
    config = _json(body)
    words = _texts(config)
    own = platform_name(words.get("os", ""), words.get("architecture", ""), words.get("variant", ""))
    inner = config.get("config")
    labels = _texts(inner.get("Labels")) if isinstance(inner, dict) else {}
    return _Platform(content.digest, named or own, {**_texts(manifest.get("annotations")), **labels})


def _json(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _texts(value: Any) -> dict[str, str]:
    """The entries of a mapping that are text and say something."""
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str) and text}


def _missing(reference: ImageReference, what: str, digest: str) -> Finding:
    return Finding(
        "incomplete-image",
        str(reference),
        f"the registry has the image but not {what}: {digest} is missing",
        found=digest,
        hint="was it deleted by a clean-up of untagged manifests?",
    )


def _broken(reference: ImageReference, what: str, digest: str, hint: str | None = None) -> Finding:
    return Finding("unreadable-image", str(reference), f"{what}: {digest[:80]}", found=digest[:80], hint=hint)


def _differing(reference: ImageReference, name: str, said: dict[str, str]) -> Finding:
    values = ", ".join(f"{platform} says {value[:80]}" for platform, value in said.items())
    message = f"the label {PREFIX}{name} differs between platforms: {values}"
    return Finding("labels-disagree", str(reference), message, note=name != "revision")


def _malformed(reference: ImageReference, name: str, value: str) -> Finding:
    if name == "revision":
        return _malformed_revision(reference, value)
    expected = {"created": "a time as in RFC 3339"}.get(name, "one line")
    return Finding(
        "malformed-label",
        str(reference),
        f"the label {PREFIX}{name} says {value[:80]!r}",
        expected=expected,
        found=value[:80],
        note=True,
    )


def _malformed_revision(reference: ImageReference, value: str) -> Finding:
    what = "is shortened" if re.fullmatch(r"[0-9a-f]{4,63}", value) else "is no commit"
    return Finding(
        "malformed-label",
        str(reference),
        f"the label {REVISION} says {value[:80]!r}, which {what}",
        expected="40 hexadecimal digits",
        found=value[:80],
        hint=f"set the full 40 digits: --label {REVISION}=$(git rev-parse HEAD)",
    )
