"""Env files: `.env` and its kin, with the quotes, comments, escapes and variables that Compose allows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from lockflight.compose_files.interpolate import TemplateError, substitute
from lockflight.compose_files.variables import Known, Origin, Scope, Variable
from lockflight.errors import InputError, Place
from lockflight.files import LARGEST_TEXT, decode_text

_BOM = b"\xef\xbb\xbf"
# What Go calls a space. Python's own notion differs (it has the ASCII separators in it).
_SPACES = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_SPACES += "\u2028\u2029\u202f\u205f\u3000"
_SPACES_IN_LINE = "\t\v\f\r \x85\xa0"
_BLANKS_AND_COMMENTS = re.compile(rf"[{_SPACES}]*(?:#[^\n]*(?:\n[{_SPACES}]*|\Z))*")
_BLANKS_IN_LINE = re.compile(f"[{_SPACES_IN_LINE}]*")
_EXPORT = re.compile(r"export[\t\n\f\r ]")
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED |= {'"': '"', "\\": "\\", "$": "$$"}


def read_env_files(files: Sequence[tuple[Path, str]], scope: Scope) -> dict[str, Known]:
    """The variables of env files, given with the names to call them by; later files win."""
    found: dict[str, Known] = {}
    for path, called in files:
        found = _Parser(_text(path, called), path, called, scope, found).parse()
    return found


def _text(path: Path, called: str) -> str:
    try:
        size = path.stat().st_size
        # Compose skips a byte order mark here, and only here.
        body = path.read_bytes().removeprefix(_BOM) if size <= LARGEST_TEXT else b""
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        why = "does not exist" if missing else f"cannot be read: {error.strerror or error}"
        raise InputError(f"the env file {why}", place=Place(called)) from error
    if size > LARGEST_TEXT:
        raise InputError("the env file is too large", place=Place(called))
    return decode_text(body, called)


class _Parser:
    """Reads statement by statement; `position` is how far it has come."""

    def __init__(self, text: str, path: Path, called: str, scope: Scope, found: dict[str, Known]) -> None:
        self.text = text
        self.position = 0
        self.path = path
        self.called = called
        self.scope = scope
        self.found = dict(found)

    def parse(self) -> dict[str, Known]:
        while self._at_statement():
            key, has_value = self._key()
            if " " in key:
                raise self._error(f"the name {key!r} has a space in it")
            known = self._value(key) if has_value else self.lookup(key)
            # A last line without '=' and without a line end has no name, to Compose.
            if known is not None and key:
                self.found[key] = known
        return self.found

    def lookup(self, name: str) -> Known | None:
        """What was known before this file began wins over what the file itself says."""
        return self.scope.lookup(name) or self.found.get(name)

    def _at_statement(self) -> bool:
        self._skip(_BLANKS_AND_COMMENTS)
        return self.position < len(self.text)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def _key(self) -> tuple[str, bool]:
        if _EXPORT.match(self.text, self.position):
            self.position += len("export")
            self._skip(_BLANKS_IN_LINE)
            if self.position == len(self.text):
                raise self._error("a name is missing after export")
        start, key, has_value = self.position, "", True
        for position in range(start, len(self.text)):
            character = self.text[position]
            if character in "=:\n":
                key, has_value = self.text[start:position], character != "\n"
                self.position = position + 1
                break
            if character not in _SPACES_IN_LINE and not _fits_a_name(character):
                raise self._error(f"unexpected character {character!r} in the name of a variable")
        self._skip(_BLANKS_IN_LINE)
        return key.rstrip(_SPACES), has_value

    def _value(self, key: str) -> Known:
        quote = self.text[self.position : self.position + 1]
        if quote not in ("'", '"'):
            return self._expanded(key, self._line().partition(" #")[0].rstrip(_SPACES))
        raw = self._quoted(quote)
        if quote == "'":
            return Known(raw, (self._variable(key),))
        return self._expanded(key, _ESCAPE.sub(_unescaped, raw))

    def _line(self) -> str:
        end = self.text.find("\n", self.position)
        end = len(self.text) if end < 0 else end
        line, self.position = self.text[self.position : end], end + 1
        return line

    def _quoted(self, quote: str) -> str:
        """The text up to the closing quote; only the quote itself is unescaped here."""
        characters: list[str] = []
        escaped = False
        for position in range(self.position + 1, len(self.text)):
            character = self.text[position]
            if character == quote and not escaped:
                self.position = position + 1
                return "".join(characters)
            if character == "\\" and not escaped:
                escaped = True
                continue
            if escaped and character != quote:
                characters.append("\\")
            characters.append(character)
            escaped = False
        raise self._error("a quoted value is not closed")

    def _expanded(self, key: str, raw: str) -> Known:
        try:
            known = substitute(raw, self.lookup)
        except TemplateError as error:
            raise self._error(f"{key} {error}", error.hint) from error
        return Known(known.text, (self._variable(key), *known.variables))

    def _variable(self, key: str) -> Variable:
        return Variable(key, Origin.ENV_FILE, self.path)

    def _error(self, message: str, hint: str | None = None) -> InputError:
        line = self.text.count("\n", 0, self.position) + 1
        return InputError(message, place=Place(self.called, line), hint=hint)


def _fits_a_name(character: str) -> bool:
    return character in "_.-[]" or unicodedata.category(character)[0] in "LN"


def _unescaped(match: re.Match[str]) -> str:
    text = match[0]
    if not text.startswith("\\0"):
        return _ESCAPED.get(text[1], text)
    # `\0123` is octal 123. Anything but three octal digits stays, without the zero: so does Compose.
    digits = text[2:]
    if re.fullmatch("[0-3][0-7]{2}", digits):
        return chr(int(digits, 8))
    return f"\\{digits}"
