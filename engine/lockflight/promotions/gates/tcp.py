"""Does a port accept connections?"""

from __future__ import annotations

import socket

from lockflight import durations
from lockflight.environments import TcpSettings
from lockflight.errors import InputError, Problem
from lockflight.promotions.gates.bounded import bounded
from lockflight.promotions.gates.model import Question, Reply, no, unknown, yes
from lockflight.promotions.gates.placeholders import filled

_PAUSE = 0.5
# Even a time limit of nothing leaves a moment to try once.
_SHORTEST = 0.1


def ask(settings: TcpSettings, question: Question) -> Reply:
    """Tried again and again until the time is over: what was just deployed may still be on its way."""
    host, clock = filled(settings.host, question), question.clock
    begun = clock.monotonic()
    ends = begun + durations.seconds(settings.within)
    tries = 0
    while True:
        tries += 1
        reply = _tried(host, settings.port, max(_SHORTEST, ends - clock.monotonic()))
        if reply.verdict == "yes" or clock.monotonic() + _PAUSE >= ends:
            return Reply(reply.verdict, reply.reason, {"host": host, "port": settings.port, "tries": tries})
        clock.sleep(_PAUSE)


def explain(settings: TcpSettings) -> str:
    within = durations.written(durations.seconds(settings.within))
    return f"{settings.host}:{settings.port} accepts connections within {within}"


def problems(settings: TcpSettings, question: Question) -> list[Problem]:
    """What is wrong with the settings and can be told before anything is asked."""
    try:
        filled(settings.host, question)
    except InputError as error:
        return list(error.problems)
    return []


def _tried(host: str, port: int, seconds: float) -> Reply:
    where = f"{host}:{port}"
    try:
        bounded(lambda: _connect(host, port, seconds), seconds)
    except TimeoutError:
        return no(f"{where} did not answer within {durations.written(seconds)}")
    except (socket.gaierror, UnicodeError):
        return unknown(f"the name {host} is not known here")
    except OSError as error:
        return no(f"{where} cannot be reached: {(error.strerror or str(error)).lower()}")
    return yes(f"{where} accepts connections")


def _connect(host: str, port: int, seconds: float) -> None:
    socket.create_connection((host, port), timeout=seconds).close()
