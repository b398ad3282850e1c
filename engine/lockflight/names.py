"""The names of things: services, commits, digests, image references, and the templates that make them.

Image references follow the grammar of the distribution project, with Docker's own habit of completing
short names (`postgres` is `docker.io/library/postgres`), because that is what compose files are written in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

# Compose's own rule for service names, so that every name of ours can be one of theirs.
SERVICE = r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}"
PROJECT = r"[a-z0-9][a-z0-9_-]{0,62}"
COMMIT = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"
DIGEST = r"sha256:[0-9a-f]{64}"
LOCK_ID = r"[0-9a-f]{64}"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
PLATFORM = r"[a-z0-9_]+/[a-z0-9_]+(?:/[a-z0-9_.]+)?"

_HOST_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
HOST = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
# A full name as the lock holds it: a registry's host and a path in it.
IMAGE = rf"{HOST}/{_PATH}"

_REFERENCE = re.compile(
    rf"(?:(?P<host>{HOST})/)?(?P<path>{_PATH})(?::(?P<tag>{TAG}))?(?:@(?P<digest>[^@\s]+))?"
)
_TEMPLATE_FIELD = re.compile(r"\{([^{}]*)\}")
_SHA_FIELD = re.compile(r"sha(?::([0-9]{1,2}))?")

DOCKER_HUB = "docker.io"
# The grammar of the distribution project bounds the whole name, host included.
_LONGEST_NAME = 255
_SHORTEST_ABBREVIATION = 4


def is_commit(text: str) -> bool:
    return re.fullmatch(COMMIT, text) is not None


def is_digest(text: str) -> bool:
    return re.fullmatch(DIGEST, text) is not None


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A completed image reference: `docker.io/library/postgres:16@sha256:…`."""

    registry: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Registry and path, without tag and digest: what the lock calls `image`."""
        return f"{self.registry}/{self.path}"

    def with_tag(self, tag: str) -> ImageReference:
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: str) -> ImageReference:
        return replace(self, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def reference_without_secret(text: str) -> str:
    """What was taken for an image reference, for a message; it may be a URL, or part of one, with a secret in it."""
    name, at, rest = without_credentials(text).rpartition("@")
    user, colon, _ = name.partition(":")
    return f"{user}:…@{rest}" if colon and not re.match("sha[0-9]", rest) else f"{name}{at}{rest}"


def parse_reference(text: str) -> ImageReference:
    """Read an image reference and complete it; `ValueError` says what is wrong with it."""
    if not text:
        raise ValueError("is empty; an image reference is expected")
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{reference_without_secret(text)!r} is not an image reference: {_why_not_a_reference(text)}"
        )
    host, path, tag, digest = match.group("host", "path", "tag", "digest")
    if digest is not None and not is_digest(digest):
        shown = reference_without_secret(text)
        raise ValueError(
            f"{shown!r} is not an image reference: the digest must be sha256: and 64 hexadecimal digits"
        )
    if host is not None and not _is_registry_host(host):
        host, path = None, f"{host}/{path}"
        if re.fullmatch(_PATH, path) is None:
            raise ValueError(
                f"{reference_without_secret(text)!r} is not an image reference: {_why_not_a_reference(text)}"
            )
    if host is None and re.fullmatch(r"[0-9a-f]{64}", path):
        raise ValueError(
            f"{reference_without_secret(text)!r} is not an image reference: 64 hexadecimal digits name an image's id"
        )
    if host is None or host == "index.docker.io":
        host = DOCKER_HUB
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if len(f"{host}/{path}") > _LONGEST_NAME:
        raise ValueError(f"{text[:40]!r}… is not an image reference: longer than {_LONGEST_NAME} characters")
    return ImageReference(host, path, tag, digest)


def _is_registry_host(first: str) -> bool:
    """Docker's rule: the first component is a host when it looks like one, else a folder at Docker Hub."""
    return "." in first or ":" in first or first == "localhost" or first.lower() != first


def _why_not_a_reference(text: str) -> str:
    if text != text.strip() or re.search(r"\s", text):
        return "it has white space in it"
    if "://" in text:
        return "write it without the protocol"
    if "@" in text and not is_digest(text.rsplit("@", 1)[1]):
        return "the digest must be sha256: and 64 hexadecimal digits"
    if has_upper_case(text):
        return "the name must be in lower case"
    if re.search(r":[^/]*$", text) and not re.search(rf":{TAG}(?:@.*)?$", text):
        return "the tag may hold letters, digits, '_', '.' and '-', at most 128 of them"
    return "expected registry/path:tag or registry/path@sha256:…"


def has_upper_case(reference: str) -> bool:
    """Whether capitals stand in an image's path, where a registry allows none; a host and a tag may have them."""
    first, slash, rest = reference.partition("/")
    path = rest if slash and _is_registry_host(first) else reference
    folders, _, name = path.rpartition("/")
    path = f"{folders}/{re.split('[:@]', name, maxsplit=1)[0]}"
    return path != path.lower()


def expand(template: str, *, service: str, sha: str) -> str:
    """Fill `{service}`, `{sha}` and `{sha:7}` into an image or tag template."""

    def fill(match: re.Match[str]) -> str:
        if match.group(1) == "service":
            return service
        length = _SHA_FIELD.fullmatch(match.group(1))
        if length is None:
            raise ValueError(f"unknown field {match.group(0)!r}")
        return sha[: int(length.group(1))] if length.group(1) else sha

    return _TEMPLATE_FIELD.sub(fill, template)


def template_problem(template: str) -> str | None:
    """Why a template cannot be filled, or None when it can."""
    for field in _TEMPLATE_FIELD.findall(template):
        match = _SHA_FIELD.fullmatch(field)
        if field != "service" and match is None:
            return f"unknown field {{{field}}}; known are {{service}}, {{sha}} and {{sha:7}}"
        if match and match.group(1) and not _SHORTEST_ABBREVIATION <= int(match.group(1)) <= 40:
            return f"{{{field}}} must keep between {_SHORTEST_ABBREVIATION} and 40 digits of the commit"
    if re.search(r"[{}]", _TEMPLATE_FIELD.sub("", template)):
        return "a brace is left open"
    return None


def without_credentials(text: str) -> str:
    """Text with `user:secret@` taken out of every URL in it, whatever stands unescaped in the secret."""
    return _CREDENTIALS.sub(r"\1", text)


# Up to the last '@' before the path; or, where the secret holds a '/' and so seems to be one, before white
# space. A host with a port, whose path may hold an '@', is no user with a secret: digits and a '/' are a port where
# what stands before looks like a host, or a digest comes behind. Else they are taken for the secret that they may be.
_PORT = r"0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])[/?#]"
_HOST_AND_PORT = (
    rf"(?:localhost|[^/?#@:\s]*\.[^/?#@:\s]*):{_PORT}|[^/?#@:\s]*:{_PORT}[^\s@]*@sha[0-9]{{3}}:[0-9a-f]"
)
_USER = r"[^/?#@:\[\s]*"
_CREDENTIALS = re.compile(
    rf"(\b[a-z][a-z0-9+.-]*://)(?:[^/?#\s]*@|{_USER}:(?![0-9]*(?:[/?#\s]|$))\S*@"
    rf"|(?!{_HOST_AND_PORT}){_USER}:[0-9]*[/?#][^\s'\"]*@)",
    re.IGNORECASE,
)


def writable(text: str) -> str:
    """Text as UTF-8 can hold it: JSON and file names may bring half characters that no file can."""
    return text.encode(errors="replace").decode()


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if any is near."""
    candidates = sorted(set(known))
    lowered = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint for a misspelt word, or None when nothing is near."""
    meant = nearest(word, known)
    return f"did you mean '{meant}'?" if meant else None
