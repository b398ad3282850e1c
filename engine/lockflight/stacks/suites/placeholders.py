"""Filling `{url.gateway}` and its like into a suite's variables: the names that a suite already expects.

Known are `{url.SERVICE}`, `{host.SERVICE}` and `{port.SERVICE}`, each with `.PORT` behind it for one of
several ports, and `{lock.id}` and `{stack}`. A brace that is meant is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from lockflight import names
from lockflight.config import Suite
from lockflight.errors import InputError, Place, Problem
from lockflight.places import MANIFEST
from lockflight.stacks.addresses import AddressedPort, Addresses, seen_from_the_network

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_OF_A_SERVICE = ("url", "host", "port")
_ALONE = ("lock.id", "stack")
_BRACES = "a brace that is meant is written twice: '{{' or '}}'"
_KNOWN = "known are {url.SERVICE}, {host.SERVICE}, {port.SERVICE}, {lock.id} and {stack}"


@dataclass(frozen=True, slots=True)
class Values:
    """What placeholders are filled with. Inside the stack's network every port of a service is reachable."""

    addresses: Addresses
    lock_id: str
    stack: str
    in_network: bool = False


class _Unfillable(ValueError):
    """Why one placeholder cannot be filled, and what to do about it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class _Asked:
    """A placeholder about a service, taken apart."""

    kind: str
    service: str
    port: int | None
    field: str


def filled(name: str, suite: Suite, values: Values) -> dict[str, str]:
    """The suite's variables with everything filled in, or one `InputError` with every problem.

    With addresses that are planned from the compose files it tells before anything starts what is not
    published.
    """
    done: dict[str, str] = {}
    problems: list[Problem] = []
    for variable, text in suite.env.items():
        try:
            done[variable] = fill(text, values)
        except _Unfillable as error:
            problems.append(_problem(name, variable, error))
    if problems:
        raise InputError(problems)
    return done


def fill(text: str, values: Values) -> str:
    """One text with its placeholders filled; `ValueError` says which one cannot be, and why."""
    return _replaced(text, lambda field: _value(field, values))


def problems_of(name: str, suite: Suite, services: Collection[str]) -> list[Problem]:
    """What is wrong with the suite's placeholders whatever the ports will be: braces, and unknown names."""
    problems = []
    for variable, text in suite.env.items():
        try:
            _replaced(text, lambda field: _checked(field, services))
        except _Unfillable as error:
            problems.append(_problem(name, variable, error))
    return problems


def _problem(name: str, variable: str, error: _Unfillable) -> Problem:
    place = Place(MANIFEST, path=f"stack.suites.{name}.env.{variable}")
    return Problem(str(error), place, error.hint)


def _replaced(text: str, answer: Callable[[str], str]) -> str:
    def replace(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[1] is None:
            raise _Unfillable(f"a '{found[0]}' stands alone", _BRACES)
        return answer(found[1])

    return _PARTS.sub(replace, text)


def _checked(field: str, services: Collection[str]) -> str:
    if field not in _ALONE:
        _asked(field, services)
    return ""


def _value(field: str, values: Values) -> str:
    if field == "lock.id":
        return values.lock_id
    if field == "stack":
        return values.stack
    asked = _asked(field, values.addresses.services)
    if asked.kind == "host" and asked.port is None and values.in_network:
        return asked.service
    port = _port(asked, values)
    return {"url": port.url, "host": port.host, "port": str(port.port)}[asked.kind]


def _asked(field: str, services: Collection[str]) -> _Asked:
    """The longest service name wins: a service `api.2` is meant by `{url.api.2}`, where there is one."""
    kind, dot, rest = field.partition(".")
    if kind not in _OF_A_SERVICE or not dot:
        near = names.did_you_mean(kind, _OF_A_SERVICE) or names.did_you_mean(field, _ALONE)
        raise _Unfillable(f"unknown placeholder {{{field}}}; {_KNOWN}", near or _BRACES)
    if rest in services:
        return _Asked(kind, rest, None, field)
    service, _, port = rest.rpartition(".")
    if service in services and re.fullmatch(r"[0-9]{1,5}", port):
        return _Asked(kind, service, int(port), field)
    meant = service if re.fullmatch(r"[0-9]+", port) else rest
    hint = names.did_you_mean(meant, services) or f"the services are: {', '.join(sorted(services))}"
    raise _Unfillable(f"{{{field}}}: the stack has no service '{meant}'", hint)


def _port(asked: _Asked, values: Values) -> AddressedPort:
    ports = values.addresses.services[asked.service]
    if asked.port is None:
        if ports:
            return ports[0]
        raise _without_ports(asked, values.in_network)
    fitting = [port for port in ports if port.target == asked.port]
    if fitting:
        return next((port for port in fitting if port.protocol == "tcp"), fitting[0])
    if values.in_network:
        return _undeclared(asked.service, asked.port)
    raise _not_published(asked, ports)


def _undeclared(service: str, target: int) -> AddressedPort:
    """A port that the compose files do not name; in the network it is reached all the same."""
    model = {"services": {service: {"expose": [str(target)]}}}
    return seen_from_the_network([service], model).services[service][0]


def _without_ports(asked: _Asked, in_network: bool) -> _Unfillable:
    if in_network:
        message = f"{{{asked.field}}}: the compose files name no port of '{asked.service}'"
        return _Unfillable(message, f"say which one: {{{asked.field}.8080}}")
    message = f"{{{asked.field}}}: '{asked.service}' publishes no port to this machine"
    return _Unfillable(message, _publish(asked.service))


def _not_published(asked: _Asked, ports: Collection[AddressedPort]) -> _Unfillable:
    given = ", ".join(str(target) for target in dict.fromkeys(port.target for port in ports))
    message = f"{{{asked.field}}}: '{asked.service}' does not publish its port {asked.port} to this machine"
    return _Unfillable(f"{message}, only {given}" if given else message, _publish(asked.service))


def _publish(service: str) -> str:
    return (
        f"publish it in the compose file ('ports:' of '{service}'), or let the suite run in the stack's "
        "network, as a 'service' or an 'image'"
    )
