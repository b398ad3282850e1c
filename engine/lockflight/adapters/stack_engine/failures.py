"""The exceptions of the docker library and of all beneath it, as lockflight's own."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from lockflight import docker_hints, logs
from lockflight.errors import OutsideError


class EngineRefused(OutsideError):
    """The engine answered that it will not; `said` are its own words."""

    def __init__(self, said: str) -> None:
        super().__init__(f"the Docker engine refused: {said}")
        self.said = said


class NotThere(EngineRefused):
    """The engine has no such container, image, network or file."""


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Whatever goes wrong between us and the engine leaves as an `OutsideError` that says so.

    Only calls to the engine belong in here: a person's own function that fails with an `OSError` is not the
    engine's fault.
    """
    # Here the library is loaded already, or is about to be.
    import requests
    import urllib3
    from docker.errors import APIError, DockerException, NotFound, TLSParameterError

    try:
        yield
    except NotFound as error:
        raise NotThere(explanation(error)) from error
    except APIError as error:
        raise EngineRefused(explanation(error)) from error
    except TLSParameterError as error:
        raise OutsideError(f"the Docker engine's certificates cannot be used: {error.msg}") from error
    except (
        DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
    ) as error:
        raise unreachable(address, error) from error


def explanation(error: Exception) -> str:
    """The engine's own words."""
    said = getattr(error, "explanation", None)
    if isinstance(said, bytes):
        said = said.decode(errors="replace")
    return logs.printable(str(said or error), "\n").strip()


def unreachable(address: str, error: Exception) -> OutsideError:
    causes = list(_causes(error))
    if any(isinstance(cause, PermissionError) for cause in causes):
        message = f"the Docker engine at {address} may not be used: permission denied"
        return OutsideError(message, hint=docker_hints.PERMISSION)
    message = f"the Docker engine at {address} cannot be reached: {_why(causes)}"
    return OutsideError(message, hint=docker_hints.ENGINE)


def _why(causes: list[BaseException]) -> str:
    import requests

    if any(isinstance(cause, (TimeoutError, requests.Timeout)) for cause in causes):
        return "it gave no answer in time"
    # The one at the bottom is the system's own word; those above it repeat it in longer forms.
    for cause in reversed(causes):
        if isinstance(cause, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
            return "it broke off in the middle of an answer"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, socket.gaierror):
            return "there is no machine of that name"
    if isinstance(causes[0], ValueError) or "JSON" in type(causes[0]).__name__:
        return "it answered something that is no answer of a Docker engine"
    return logs.printable(str(causes[0]))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that are wrapped in it, the outermost first."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
