"""What the images in compose files say about how a team names and tags its images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lockflight import names
from lockflight.compose_files.interpolate import TemplateError, substitute
from lockflight.compose_files.variables import Known

PLACEHOLDER = "registry.example/your-team"

# Stands for a variable whose value nobody knows here: valid in a registry, a path and a tag.
_MARK = "unset0v"
_MARKED = re.compile(rf"{_MARK}([0-9]+)x")
_COMMIT_VARIABLE = re.compile(r"SHA|COMMIT|REVISION|GIT_REV|GIT_HASH", re.IGNORECASE)
_SHORT_VARIABLE = re.compile(r"SHORT|SHA7|SHA_7|ABBREV", re.IGNORECASE)
_COMMIT_IN_TAG = re.compile(r"(?<![0-9a-zA-Z])(?=[0-9]*[a-f])[0-9a-f]{7,40}(?![0-9a-zA-Z])")
_ABBREVIATED = 7


@dataclass(frozen=True, slots=True)
class ImageText:
    """An image as a compose file writes it. `unknown`: nothing, or only a variable, says its registry."""

    written: str
    prefix: str  # registry and folders; the placeholder where unknown
    last: str  # the last component of the path
    unknown: bool = False
    local: bool = False  # the text names no registry at all: `cart:dev`, but also `redis:7`
    tag: str | None = None  # `{sha}` where a commit stands; None where nothing is said
    tag_written: str | None = None
    tag_is_guess: bool = False  # a variable stands there, which may be a whole or a short commit

    @property
    def name(self) -> str:
        return f"{self.prefix}/{self.last}"


def read_image(text: str, known: Mapping[str, str]) -> ImageText | None:
    """Take an image text apart; None where its name is hidden by variables or no name at all."""
    variables: list[str] = []
    try:
        reference = names.parse_reference(_marked(text, known, variables))
    except (ValueError, TemplateError):
        return None
    *folders, last = reference.name.split("/")
    if _MARKED.search(last):
        return None
    local = folders == [names.DOCKER_HUB, "library"] and names.DOCKER_HUB not in text
    prefix, unknown = (PLACEHOLDER, True) if local else _prefix(folders)
    tag, guess = _tag_template(reference.tag, variables)
    written = _tag_written(text) if reference.tag else None
    return ImageText(text, prefix, last, unknown, local, tag, written, guess)


def _marked(text: str, known: Mapping[str, str], variables: list[str]) -> str:
    """The text with known values and defaults filled in, and marks for variables that nobody knows."""

    def lookup(name: str) -> Known | None:
        if name in known:
            return Known(known[name])
        # A default is as good as a value for a name; a tag that a variable may set is made by that variable.
        has_default = re.search(rf"\$\{{{name}:?-", text)
        if has_default and not _COMMIT_VARIABLE.search(name):
            return None
        variables.append(name)
        return Known(f"{_MARK}{len(variables) - 1}x")

    return substitute(text, lookup).text


def _prefix(folders: list[str]) -> tuple[str, bool]:
    """Registry and folders; what a variable hides becomes the placeholder."""
    hidden = [position for position, folder in enumerate(folders) if _MARKED.search(folder)]
    if hidden:
        return "/".join([PLACEHOLDER, *folders[hidden[-1] + 1 :]]), True
    return "/".join(folders), False


def _tag_template(tag: str | None, variables: list[str]) -> tuple[str | None, bool]:
    """The template behind a tag, and whether it is a guess."""
    if tag is None:
        return None, False
    marks = _MARKED.findall(tag)
    if marks:
        name = variables[int(marks[0])]
        if len(marks) > 1 or not _COMMIT_VARIABLE.search(name):
            return None, False
        field = "{sha:7}" if _SHORT_VARIABLE.search(name) else "{sha}"
        return _MARKED.sub(field, tag), True
    found = _COMMIT_IN_TAG.findall(tag)
    if len(found) != 1:
        return None, False
    length = len(found[0])
    return _COMMIT_IN_TAG.sub("{sha}" if length == 40 else f"{{sha:{length}}}", tag), False


def _tag_written(text: str) -> str | None:
    """The tag with its variables, as written: what follows the last colon outside of braces."""
    bare = re.sub(r"\$\{[^{}]*\}", lambda match: "x" * len(match.group()), text).split("@")[0]
    colon = bare.rfind(":")
    return text[colon + 1 : len(bare)] if colon > bare.rfind("/") else None


def most_common(items: Iterable[str]) -> str | None:
    """The item that stands there most often; the first of those that stand there equally often."""
    counted: dict[str, int] = {}
    for item in items:
        counted[item] = counted.get(item, 0) + 1
    return max(counted, key=lambda item: counted[item]) if counted else None
