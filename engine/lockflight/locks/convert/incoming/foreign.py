"""What a lock of another kind says, whichever kind it is: well-formed values, and findings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from lockflight import names
from lockflight.findings import Finding
from lockflight.locks.model import Source
from lockflight.names import ImageReference

# Which service an image belongs to, as far as a manifest tells.
ServiceOf = Callable[[str], str | None]

_LONGEST_LINE = 1000
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class ForeignService:
    """One service. `image` holds the tag and the digest that the file gave for it."""

    name: str
    commit: str | None = None
    image: ImageReference | None = None
    path: str | None = None
    repository: str | None = None
    # The file speaks of an image, be it a malformed one: the service is not merely configuration.
    has_image: bool = True
    # The format has no commits of its own, so that the image's revision label may supply it.
    commit_from_label: bool = False
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignLock:
    """One file. `images` are third parties' images, by name."""

    kind: str
    services: tuple[ForeignService, ...]
    images: tuple[tuple[str, ImageReference], ...] = ()
    project: str | None = None
    created: datetime | None = None
    source: Source = field(default_factory=Source)
    # What is wrong with the file as a whole.
    findings: tuple[Finding, ...] = ()


def no_manifest(_image: str) -> str | None:
    """The answer of `ServiceOf` where there is no manifest."""
    return None


def as_line(value: object) -> str | None:
    """Text that may stand in a lock: one line, not too long, without credentials; None otherwise."""
    if not isinstance(value, str) or not _LINE.fullmatch(value) or len(value) > _LONGEST_LINE:
        return None
    if names.writable(value) != value:
        return None
    return names.without_credentials(value)


def last_part(image: str) -> str:
    """`cart` of `ghcr.io/acme/cart`: how a service is probably called where nothing says it."""
    return image.rsplit("/", 1)[-1]
