"""What a registry wants to see, as it says in WWW-Authenticate (RFC 9110, section 11)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar, no secret
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,\s*|$)')
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+|$|(?=,))")
_SEPARATORS = re.compile(r"[\s,]*")
_LONGEST = 8 * 1024


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to get in: `Bearer` or `Basic`, with what the registry says about it."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def is_bearer(self) -> bool:
        return self.scheme == "bearer" and "realm" in self.parameters

    @property
    def is_basic(self) -> bool:
        return self.scheme == "basic"

    def without_scope(self) -> Challenge:
        kept = {name: value for name, value in self.parameters.items() if name != "scope"}
        return Challenge(self.scheme, kept)


def parse_challenges(header: str) -> list[Challenge]:
    """All challenges in the header's value; what cannot be read ends the list."""
    challenges: list[Challenge] = []
    text, position = header[:_LONGEST], 0
    while position < len(text):
        position = _end(_SEPARATORS, text, position)
        parameter = _PARAMETER.match(text, position)
        if parameter and challenges:
            name, quoted, plain = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            challenges[-1].parameters.setdefault(name.lower(), value)
            position = parameter.end()
            continue
        scheme = _SCHEME.match(text, position)
        if scheme is None:
            break
        challenges.append(Challenge(scheme.group(1).lower()))
        position = scheme.end()
    return challenges


def choose(challenges: list[Challenge]) -> Challenge | None:
    """The one to answer: a token before a password, which then goes to the registry itself."""
    usable = [one for one in challenges if one.is_bearer] + [one for one in challenges if one.is_basic]
    return usable[0] if usable else None


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
