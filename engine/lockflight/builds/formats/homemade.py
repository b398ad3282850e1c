"""The lock of a home-made generator (JSON or YAML): tags, mostly no digests, and nobody who checked it.

    metadata: {generated_at: …}
    services:
      cart: {git_sha: 7ef65d6…, submodule_path: services/cart, image: {repository: …, tag: …, digest: …}}

There is no source for it but such locks themselves (DESIGN §5.4). `read_homemade` is for `import`: it says
everything that is wrong with every service and raises nothing. `read` is for such a lock given as records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockflight import names
from lockflight.builds.formats.draft import Draft, mapping, shown, value_at
from lockflight.builds.references import holds_commit
from lockflight.findings import Finding
from lockflight.models import kind_of
from lockflight.yaml_source import Document, YamlPath

_OWN = frozenset({"git_sha", "submodule_path"})
_NO_COMMIT = frozenset({"", "unknown", "none", "null", "n/a", "-"})
_BARE_DIGEST = re.compile(r"[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")
_TAG = re.compile(names.TAG)


@dataclass(frozen=True, slots=True)
class HomemadeService:
    """One service as the lock has it: its well-formed values, and what is wrong with the others."""

    name: str
    raw: Mapping[str, Any]
    commit: str | None = None
    path: str | None = None
    image: str | None = None
    tag: str | None = None
    digest: str | None = None
    findings: tuple[Finding, ...] = ()
    # Where each finding is in the document, in the same order.
    paths: tuple[YamlPath, ...] = ()


@dataclass(frozen=True, slots=True)
class HomemadeLock:
    metadata: Mapping[str, Any]
    services: tuple[HomemadeService, ...]


def recognises(data: Any) -> bool:
    """`services` with the generator's own fields; without these, `metadata` tells it from a compose file."""
    found = mapping(data)
    services = found.get("services")
    if not isinstance(services, dict):
        return False
    keys = {key for service in services.values() for key in mapping(service)}
    has_metadata = isinstance(found.get("metadata"), dict)
    return bool(keys & _OWN) or (has_metadata and ("image" in keys or not keys))


def read(document: Document, at: YamlPath) -> list[Draft]:
    """The services as records: malformed values are problems, what is missing or abbreviated is left out."""
    return [_draft(service, document, at) for service in read_homemade(document, at).services]


def read_homemade(document: Document, at: YamlPath = ()) -> HomemadeLock:
    """Every service with its values and findings; nothing in it makes this raise."""
    data = value_at(document, at)
    services = tuple(
        _Reader(name, mapping(raw), (*at, "services", name)).service()
        for name, raw in data["services"].items()
    )
    return HomemadeLock(mapping(data.get("metadata")), services)


def _draft(service: HomemadeService, document: Document, at: YamlPath) -> Draft:
    here = (*at, "services", service.name)
    draft = Draft(document, here, name=service.name, shared=True)
    draft.put("service", service.name, here)
    draft.put("commit", service.commit, (*here, "git_sha"))
    draft.put("path", service.path, (*here, "submodule_path"))
    draft.put("image", service.image, (*here, "image", "repository"))
    draft.put("tag", service.tag, (*here, "image", "tag"))
    draft.put("digest", service.digest, (*here, "image", "digest"))
    for finding, path in zip(service.findings, service.paths, strict=True):
        if finding.code.startswith("malformed-"):
            draft.problem(finding.message, path, finding.hint)
    return draft


@dataclass(slots=True)
class _Reader:
    name: str
    raw: dict[str, Any]
    at: YamlPath
    findings: list[Finding] = field(default_factory=list)
    paths: list[YamlPath] = field(default_factory=list)

    def service(self) -> HomemadeService:
        commit = self._commit()
        image, tag_in_image = self._image()
        tag = self._tag() or tag_in_image
        digest = self._digest()
        if tag and commit and not holds_commit(tag, commit):
            self._find("tag-not-of-commit", f"the tag {tag} does not hold the commit", "image", "tag",
                       expected=f"a tag with {commit[:7]} in it", found=tag)  # fmt: skip
        path = self.raw.get("submodule_path")
        path = path if isinstance(path, str) and path else None
        return HomemadeService(
            self.name, self.raw, commit, path, image, tag, digest, tuple(self.findings), tuple(self.paths)
        )

    def _commit(self) -> str | None:
        value = self.raw.get("git_sha")
        said = _as_text(value)
        if value is None or (said is not None and said.strip().lower() in _NO_COMMIT):
            self._find("no-commit", "says no commit", "git_sha", found=said)
        elif said is not None and names.is_commit(said):
            return said
        elif said is not None and _ABBREVIATED.fullmatch(said):
            message = f"the commit {said} is shortened to {len(said)} digits"
            self._find("short-commit", message, "git_sha", expected="40 digits", found=said)
        else:
            message = f"{shown(value)} is no commit; expected 40 hexadecimal digits in lower case"
            self._find("malformed-commit", message, "git_sha", found=shown(value))
        return None

    def _image(self) -> tuple[str | None, str | None]:
        """Name and tag; the repository of some locks has the tag in it, some have one text for all."""
        image = self.raw.get("image")
        if image is None or image == {}:
            return None, None
        if isinstance(image, dict):
            where: tuple[str, ...] = ("image", "repository")
            value = image.get("repository")
        else:
            where, value = ("image",), image
        if not isinstance(value, str):
            self._find("malformed-image", f"must be an image's name, not {kind_of(value)}", *where)
            return None, None
        return self._reference(value, where)

    def _reference(self, value: str, where: tuple[str, ...]) -> tuple[str | None, str | None]:
        try:
            reference = names.parse_reference(value)
        except ValueError as error:
            self._find("malformed-image", str(error), *where, found=value)
            return None, None
        if (reference.tag or reference.digest) and where[-1] == "repository":
            message = f"'{value}' must name no tag and no digest"
            self._find("malformed-image", message, *where, expected=reference.name, found=value)
        return reference.name, reference.tag

    def _tag(self) -> str | None:
        value = mapping(self.raw.get("image")).get("tag")
        said = _as_text(value)
        if value is None or said == "":
            return None
        if said is not None and _TAG.fullmatch(said):
            return said
        self._find("malformed-tag", f"{shown(value)} is no tag", "image", "tag", found=shown(value))
        return None

    def _digest(self) -> str | None:
        value = mapping(self.raw.get("image")).get("digest")
        said = _as_text(value)
        if value is None or said == "":
            return None
        if said is not None and names.is_digest(said):
            return said
        if said is not None and _BARE_DIGEST.fullmatch(said):
            message = "the digest lacks its 'sha256:'"
            self._find("bare-digest", message, "image", "digest", found=said, note=True)
            return f"sha256:{said}"
        message = f"{shown(value)} is no digest; expected sha256: and 64 hexadecimal digits"
        self._find("malformed-digest", message, "image", "digest", found=shown(value))
        return None

    def _find(self, code: str, message: str, *where: str, expected: str | None = None,
              found: str | None = None, note: bool = False) -> None:  # fmt: skip
        self.findings.append(Finding(code, self.name, message, expected, found, note=note))
        self.paths.append((*self.at, *where))


def _as_text(value: Any) -> str | None:
    """Text, also where YAML took an unquoted commit or tag of digits alone for a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**80 else None
    return value if isinstance(value, str) else None
