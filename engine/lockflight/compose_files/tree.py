"""The data of compose files while it is merged: every text and every mapping still knows its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lockflight.compose_files.interpolate import TemplateError, substitute
from lockflight.compose_files.variables import Origin, Scope, Variable
from lockflight.errors import InputError, Place, Problem
from lockflight.yaml_source import Document, Tagged, YamlPath

NOWHERE = Place()


class Text(str):
    """A scalar after interpolation, with its place and the variables that went into it."""

    __slots__ = ("_document", "_path", "variables")
    _document: Document
    _path: YamlPath
    variables: tuple[Variable, ...]

    def __new__(
        cls, text: str, document: Document, path: YamlPath, variables: tuple[Variable, ...] = ()
    ) -> Text:
        made = super().__new__(cls, text)
        made._document, made._path, made.variables = document, path, variables
        return made

    @property
    def place(self) -> Place:
        return self._document.place(self._path)

    def instead(self, text: str) -> Text:
        """Another text that came from this one: a path made absolute."""
        return Text(text, self._document, self._path, self.variables)


class Section(dict[str, Any]):
    """A mapping, with the place where it begins."""

    __slots__ = ("place",)

    def __init__(
        self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), place: Place = NOWHERE
    ) -> None:
        super().__init__(items)
        self.place = place


@dataclass(frozen=True, slots=True)
class Override:
    """`!override`: this value takes the place of what earlier files say, instead of being merged."""

    value: Any


@dataclass(frozen=True, slots=True)
class Reset:
    """`!reset`: what earlier files say is forgotten."""


def interpolated(document: Document, scope: Scope, warnings: list[Problem]) -> Any:
    """The tree of a document with its variables replaced; unset ones are added to `warnings`."""
    return _Interpolator(document, scope, warnings).walk(document.data, ())


@dataclass(frozen=True, slots=True)
class _Interpolator:
    document: Document
    scope: Scope
    warnings: list[Problem]

    def walk(self, value: Any, path: YamlPath) -> Any:
        match value:
            case str():
                return self._text(value, path)
            case dict():
                pairs = ((key, self.walk(item, (*path, key))) for key, item in value.items())
                return Section(pairs, self.document.place(path))
            case list():
                return [self.walk(item, (*path, index)) for index, item in enumerate(value)]
            case Tagged(tag="!reset"):
                return Reset()
            case Tagged(tag="!override"):
                return Override(self.walk(value.value, path))
            case Tagged():  # to Compose, any other tag is as good as none
                return self.walk(value.value, path)
        return value

    def _text(self, value: str, path: YamlPath) -> Text:
        try:
            known = substitute(value, self.scope.lookup)
        except TemplateError as error:
            if self._is_pinned_image(path):
                return Text("", self.document, path)
            raise InputError(str(error), place=self.document.place(path), hint=error.hint) from error
        if self._is_pinned_image(path):
            return Text(known.text, self.document, path, known.variables)
        self.warnings.extend(
            unset_warning(variable, self.document.place(path))
            for variable in known.variables
            if variable.origin is Origin.UNSET
        )
        return Text(known.text, self.document, path, known.variables)

    def _is_pinned_image(self, path: YamlPath) -> bool:
        return len(path) == 3 and path[::2] == ("services", "image") and path[1] in self.scope.pinned


def unset_warning(variable: Variable, place: Place) -> Problem:
    return Problem(
        f"the variable {variable.name} is not set; Compose puts nothing in its place",
        place,
        f"give it a default: ${{{variable.name}:-…}}, or a value in the env file",
        "unset-variable",
    )


def place_of(value: Any, otherwise: Place = NOWHERE) -> Place:
    """Where a value is written; numbers and lists do not know, their surroundings do."""
    return value.place if isinstance(value, Text | Section) else otherwise


def section_of(value: Any, path: str, otherwise: Place) -> Section:
    """The value at `path`, which has to be a mapping."""
    if isinstance(value, Section):
        return value
    raise malformed("must be a mapping", value, path, otherwise)


def text_of(value: Any, path: str, otherwise: Place) -> Text:
    """The value at `path`, which has to be a text."""
    if isinstance(value, Text):
        return value
    hint = None if isinstance(value, Section | list) else "put it in quotes"
    raise malformed("must be a text", value, path, otherwise, hint)


def malformed(message: str, value: Any, path: str, otherwise: Place, hint: str | None = None) -> InputError:
    """The refusal of a value that cannot be what it is; `otherwise` is the place of what is around it."""
    return InputError(message, place=replace(place_of(value, otherwise), path=path), hint=hint)
