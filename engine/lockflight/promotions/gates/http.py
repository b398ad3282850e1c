"""Does an address answer as it should: with the right status, the right value, and in time?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from lockflight import durations
from lockflight.environments import HttpSettings
from lockflight.errors import InputError, Problem
from lockflight.models import kind_of
from lockflight.promotions.gates import web
from lockflight.promotions.gates.model import Question, Reply, no, unknown, yes
from lockflight.promotions.gates.placeholders import filled

_LONGEST_PAUSE = 5.0
_LONGEST_SHOWN = 100
_MISSING = object()


def ask(settings: HttpSettings, question: Question) -> Reply:
    """Asked up to `tries` times, with pauses of 1, 2, 4, 5, 5 … seconds; the last answer counts."""
    url = _address(settings, question)
    pause = 1.0
    for number in range(1, settings.tries + 1):
        reply = _tried(settings, url, question)
        if reply.verdict == "yes" or number == settings.tries:
            break
        question.clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    reason = f"{reply.reason}, {number} times" if number > 1 and reply.verdict != "yes" else reply.reason
    return Reply(reply.verdict, reason, {**reply.details, "tries": number})


def explain(settings: HttpSettings) -> str:
    within = durations.written(durations.seconds(settings.within))
    return f"{_for_plan(settings.url)} answers {settings.status} within {within}{_wanted_value(settings)}"


def problems(settings: HttpSettings, question: Question) -> list[Problem]:
    """What is wrong with the settings and can be told before anything is asked."""
    try:
        _address(settings, question)
    except InputError as error:
        return list(error.problems)
    return []


def _address(settings: HttpSettings, question: Question) -> str:
    url = filled(settings.url, question)
    try:
        web.address_of(url)
    except ValueError as error:
        # Not repeated and not chained: it may hold a password.
        raise InputError(f"the http address of {question.environment} {error}") from None
    return url


@dataclass(frozen=True, slots=True)
class _Judge:
    """Compares one answer with what is wanted."""

    settings: HttpSettings
    where: str
    received: web.Received
    seconds: float

    def reply(self) -> Reply:
        wrong = self._wrong_status() or self._wrong_time()
        details = {"url": self.where, "status": self.received.status, "latency": round(self.seconds, 3)}
        if wrong:
            return no(wrong, **details)
        if self.settings.json_path is None and self.settings.equals is None:
            return yes(f"{self._answered()} in {durations.written(self.seconds)}", **details)
        return self._about_value(details)

    def _answered(self) -> str:
        return f"{self.where} answered {self.received.status_line}"

    def _wrong_status(self) -> str:
        if self.received.status == self.settings.status:
            return ""
        wrong = f"{self._answered()}, not {self.settings.status}"
        elsewhere = "; redirects are followed on the same host only, and never out of https"
        return f"{wrong}{elsewhere}" if self.received.location else wrong

    def _wrong_time(self) -> str:
        limit = durations.seconds(self.settings.within)
        if self.seconds <= max(limit, web.SHORTEST):
            return ""
        return (
            f"{self.where} took {durations.written(self.seconds)}, and not {durations.written(limit)} at most"
        )

    def _about_value(self, details: dict[str, Any]) -> Reply:
        name = self.settings.json_path or "the answer"
        if not self.received.is_whole:
            return no(f"{self.where}: the answer is longer than {web.LARGEST // 2**20} MiB", **details)
        try:
            found = _value(self.received.body, self.settings.json_path)
        except ValueError as error:
            return no(f"{self.where}: {error}", **details)
        if found is _MISSING:
            return no(f"{self.where}: the answer has no '{name}'", **details)
        details = {**details, "value": _shown(found)}
        said = f"{self.where}: {name} is {_shown(found)}"
        if self.settings.equals is None or _is_same(found, self.settings.equals):
            return yes(said, **details)
        return no(f"{said}, not {_shown(self.settings.equals)}", **details)


def _tried(settings: HttpSettings, url: str, question: Question) -> Reply:
    where = web.shown(web.address_of(url))
    begun = question.clock.monotonic()
    try:
        received = web.get(url, durations.seconds(settings.within), question.variables, settings.status)
    except web.Unanswered as error:
        return (unknown if error.is_ours else no)(str(error), url=where)
    return _Judge(settings, where, received, question.clock.monotonic() - begun).reply()


def _value(body: bytes, path: str | None) -> Any:
    """The value at a path in a JSON answer; without a path the whole answer, as text where it is no JSON."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        if path is None:
            return body.decode(errors="replace").strip()
        raise ValueError("the answer is no JSON") from None
    for step in re.findall(r"[^.\[\]]+", path or ""):
        found = _step(found, step)
    return found


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step, _MISSING)
    if isinstance(value, list) and re.fullmatch(r"[0-9]{1,9}", step) and int(step) < len(value):
        return value[int(step)]
    return _MISSING


def _is_same(found: Any, wanted: str | int | bool) -> bool:
    """True is not 1, and '1' is not 1; but 1.0 is."""
    if isinstance(wanted, bool) or isinstance(found, bool) or isinstance(wanted, str):
        return type(found) is type(wanted) and found == wanted
    return isinstance(found, (int, float)) and found == wanted


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return kind_of(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _for_plan(url: str) -> str:
    """Without what may be secret in it."""
    return re.sub(r"//[^/]*@", "//", url).partition("?")[0]


def _wanted_value(settings: HttpSettings) -> str:
    if settings.json_path is None and settings.equals is None:
        return ""
    name = settings.json_path or "the answer"
    return f", and {name} is {'there' if settings.equals is None else _shown(settings.equals)}"
