"""One template for the names of all images, and one for their tags, from what the compose files agree on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockflight import names
from lockflight.setup.image_texts import PLACEHOLDER, ImageText, most_common
from lockflight.setup.naming import one_line

_DEFAULT_TAG = "{sha}"


@dataclass(frozen=True, slots=True)
class Naming:
    """How images are named and tagged unless a service says otherwise."""

    prefix: str
    last: str = "{service}"  # the template of the path's last component
    tag: str = _DEFAULT_TAG
    tag_written: str | None = None  # what a compose file says where the tag is
    tag_is_guess: bool = False
    tag_is_unknown: bool = False
    registry: str | None = None  # what a person named

    @property
    def image(self) -> str:
        return f"{self.prefix}/{self.last}"

    @property
    def is_placeholder(self) -> bool:
        return PLACEHOLDER in self.prefix

    def image_of(self, service: str, image: ImageText) -> str | None:
        """A service's own image name, where the template does not make it."""
        prefix = (
            self.prefix if image.unknown and image.prefix == PLACEHOLDER else _prefix(image, self.registry)
        )
        name = f"{prefix}/{image.last}"
        return None if names.expand(self.image, service=service, sha="") == name else name

    def tag_of(self, image: ImageText) -> str | None:
        """A service's own tag template, where it differs from the general one."""
        return image.tag if image.tag is not None and image.tag != self.tag else None


def naming_of(
    images: Sequence[tuple[str, ImageText | None]], registry: str | None = None, tag: str | None = None
) -> Naming:
    """What the services' images have in common; the registry and tag that a person named come first."""
    known = [(service, image) for service, image in images if image is not None]
    prefixes = [_prefix(image, registry) for _, image in known]
    sure = [prefix for prefix in prefixes if PLACEHOLDER not in prefix]
    prefix = most_common(sure) or most_common(prefixes) or registry or PLACEHOLDER
    patterns = (pattern(service, image.last) for service, image in known)
    last = most_common(found for found in patterns if found is not None)
    naming = Naming(prefix, last or "{service}", registry=registry)
    return _with_tag(naming, [image for _, image in known], tag)


def _with_tag(naming: Naming, images: Sequence[ImageText], tag: str | None) -> Naming:
    found = tag or most_common(image.tag for image in images if image.tag)
    # What is built and run on one machine only (`cart:dev`) is tagged as anybody likes.
    written = [image for image in images if image.tag_written and not image.local]
    if tag is not None or (not written and found is None):
        return _changed(naming, found or _DEFAULT_TAG)
    if found is None:
        return _changed(naming, _DEFAULT_TAG, written=one_line(written[0].tag_written or ""), unknown=True)
    like = next(image for image in images if image.tag == found)
    return _changed(naming, found, written=one_line(like.tag_written or ""), guess=like.tag_is_guess)


def _changed(
    naming: Naming, tag: str, *, written: str | None = None, guess: bool = False, unknown: bool = False
) -> Naming:
    return Naming(naming.prefix, naming.last, tag, written, guess, unknown, naming.registry)


def _prefix(image: ImageText, registry: str | None) -> str:
    """Registry and folders: what a person named stands for whatever the compose file leaves open, or says."""
    if registry is None:
        return image.prefix
    return image.prefix.replace(PLACEHOLDER, registry) if image.unknown else registry


def pattern(service: str, last: str) -> str | None:
    """`shop-{service}` for `shop-cart` of the service `cart`; None where the name is not a word of it."""
    parts = re.fullmatch(rf"((?:.*[._-])?){re.escape(service)}((?:[._-].*)?)", last)
    return f"{parts[1]}{{service}}{parts[2]}" if parts else None
