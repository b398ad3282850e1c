"""Interpolation: `$VAR`, `${VAR}` and its six operators, as Compose's own template engine reads them."""

from __future__ import annotations

import re
from collections.abc import Callable

from lockflight.compose_files.variables import Known, Origin, Variable, distinct

Lookup = Callable[[str], Known | None]

_NAME = r"[_a-zA-Z][_a-zA-Z0-9]*"
_EXPRESSION = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<named>{_NAME})|\{{(?:(?P<braced>{_NAME}(?::?[-+?].*)?)\}}|(?P<invalid>)))"
)
_BRACED = re.compile(rf"(?P<name>{_NAME})(?:(?P<operator>:?[-+?])(?P<word>.*))?")
_DEEPEST = 50


class TemplateError(ValueError):
    """A text that cannot be interpolated."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def substitute(text: str, lookup: Lookup, depth: int = 0) -> Known:
    """Replace every variable of `text`; `TemplateError` says what cannot be replaced, and why."""
    if "$" not in text:
        return Known(text)
    if depth > _DEEPEST:
        raise TemplateError("nests its defaults too deeply", f"at most {_DEEPEST} levels are read")
    pieces: list[str] = []
    variables: list[Variable] = []
    position = 0
    while match := _EXPRESSION.search(text, position):
        pieces.append(text[position : match.start()])
        known, position = _replaced(match, text, lookup, depth)
        pieces.append(known.text)
        variables += known.variables
    pieces.append(text[position:])
    return Known("".join(pieces), distinct(variables))


def _replaced(match: re.Match[str], text: str, lookup: Lookup, depth: int) -> tuple[Known, int]:
    """What stands for one expression, and where the text goes on after it."""
    if match["escaped"]:
        return Known("$"), match.end()
    if match["named"]:
        return _plain(match["named"], lookup), match.end()
    end = _closing_brace(match[0])
    # The pattern runs to the last brace of the line; the expression ends at its own.
    content = match["braced"] if end is None else match[0][2:end]
    parts = _BRACED.fullmatch(content or "")
    if parts is None:
        raise TemplateError(
            f"{_shortened(text)} is not a valid interpolation",
            "write $$ where a dollar sign is meant, ${NAME} or ${NAME:-default} for a variable",
        )
    after = match.end() if end is None else match.start() + end + 1
    return _expression(parts, lookup, depth), after


def _closing_brace(text: str) -> int | None:
    """Where the first expression of `text` ends. The character after an opening brace is never looked at:
    so does Compose."""
    depth = position = 0
    while position < len(text):
        if text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        if text[position] == "{":
            depth += 1
            position += 1
        position += 1
    return None


def _plain(name: str, lookup: Lookup) -> Known:
    return lookup(name) or Known("", (Variable(name, Origin.UNSET),))


def _expression(parts: re.Match[str], lookup: Lookup, depth: int) -> Known:
    name, operator, word = parts["name"], parts["operator"], parts["word"]
    if operator is None:
        return _plain(name, lookup)
    known = lookup(name)
    counts = known is not None and not (operator.startswith(":") and known.text == "")
    unset = Variable(name, Origin.DEFAULT)
    # The word is read only where it is used, as Compose does since 5.1 (before, an unused word could fail).
    if operator.endswith("+"):
        if not counts:
            return known or Known("", (unset,))
        inner = substitute(word, lookup, depth + 1)
        return Known(inner.text, (*(known.variables if known else ()), *inner.variables))
    if known is not None and counts:
        return known
    inner = substitute(word, lookup, depth + 1)
    if operator.endswith("?"):
        raise TemplateError(
            f"needs the variable {name}, which is {'empty' if known else 'not set'}"
            + (f": {inner.text}" if inner.text else ""),
            f"set {name} in the environment or in the env file",
        )
    return Known(inner.text, (unset, *inner.variables))


def _shortened(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:60]) + "…"
