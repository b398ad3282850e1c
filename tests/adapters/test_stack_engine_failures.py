"""An engine that is not there, breaks off or talks nonsense: always our own failure, never the library's."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import urllib3

from lockflight import docker_hints
from lockflight.adapters.stack_engine import DockerStackEngine, connection
from lockflight.adapters.stack_engine.failures import unreachable
from lockflight.errors import OutsideError
from lockflight.ports.stack_engine import StackEngine, SuiteContainer
from tests.support.engine_socket import EngineSocket, answer, engine_socket, stream

IMAGE = "registry.example/busybox@sha256:" + "a" * 64
SUITE = SuiteContainer("suite", {}, {})
CALLS: dict[str, Callable[[StackEngine], object]] = {
    "facts": lambda engine: engine.facts(),
    "present": lambda engine: engine.present([IMAGE]),
    "pull": lambda engine: engine.pull(IMAGE, None, lambda *_: None),
    "containers": lambda engine: engine.containers("shop"),
    "details": lambda engine: engine.details("web"),
    "running_images": lambda engine: engine.running_images("shop"),
    "logs": lambda engine: engine.logs("web", 5),
    "save_logs": lambda engine: engine.save_logs("web", Path(os.devnull), 1000),
    "follow_logs": lambda engine: engine.follow_logs("shop", [], lambda _: None),
    "run_image": lambda engine: engine.run_image(IMAGE, SUITE, networks=["a", "b"], mounts={}),
    "follow": lambda engine: engine.follow("suite", lambda _: None),
    "wait": lambda engine: engine.wait("suite", 5),
    "kill": lambda engine: engine.kill("suite"),
    "copy_out": lambda engine: engine.copy_out("suite", "/reports/*.xml"),
    "remove": lambda engine: engine.remove("suite"),
    "networks": lambda engine: engine.networks("shop"),
    "stacks": lambda engine: engine.stacks(),
    "down": lambda engine: engine.down("shop"),
}
all_calls = pytest.mark.parametrize("name", CALLS)


def failure(environment: dict[str, str], name: str) -> OutsideError:
    engine = DockerStackEngine({**environment, "PATH": os.environ["PATH"], "HOME": os.environ["HOME"]})
    with pytest.raises(OutsideError) as caught:
        CALLS[name](engine)
    return caught.value


@all_calls
def test_an_engine_that_is_not_there(tmp_path: Path, name: str) -> None:
    found = failure({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}, name)
    assert str(found) == (
        f"the Docker engine at unix://{tmp_path}/none.sock cannot be reached: No such file or directory"
    )
    assert found.problems[0].hint == docker_hints.ENGINE


def test_a_machine_that_refuses(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    assert str(failure({"DOCKER_HOST": address}, "stacks")).endswith("cannot be reached: Connection refused")


def test_an_address_that_is_none(tmp_path: Path) -> None:
    for address in ("nonsense://x", "tcp://", "tcp://a:b"):
        assert "cannot be reached" in str(failure({"DOCKER_HOST": address}, "stacks"))


def test_certificates_that_are_none(tmp_path: Path) -> None:
    settings = {
        "DOCKER_HOST": "tcp://127.0.0.1:1",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
    }
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").write_text("nonsense")
    failure(settings, "stacks")


def test_no_permission_is_told_from_not_there() -> None:
    wrapped = urllib3.exceptions.ProtocolError(
        "Connection aborted.", PermissionError(13, "Permission denied")
    )
    found = unreachable("unix:///run/docker.sock", requests.ConnectionError(wrapped))
    assert "permission denied" in str(found)
    assert found.problems[0].hint == docker_hints.PERMISSION


ENDED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[{"
NONSENSE = {
    "nothing": b"",
    "half an answer": ENDED,
    "half a stream": stream({"status": "Downloading"}, whole=False),
    "something else": b"220 smtp.example ready\r\n",
    "a page": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
    "an error": answer({"message": "marked words of the engine"}, "500 Internal Server Error"),
    "an error of somebody else": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
}


@pytest.mark.parametrize("kind", NONSENSE)
@all_calls
def test_an_engine_that_breaks_off_or_talks_nonsense(tmp_path: Path, name: str, kind: str) -> None:
    with engine_socket(tmp_path, {"/v1.41/": NONSENSE[kind]}) as engine:
        try:
            CALLS[name](DockerStackEngine({**engine.environment, "PATH": os.environ["PATH"]}))
        except OutsideError as error:
            assert "Docker engine" in str(error) or IMAGE in str(error)
            if kind == "an error":
                assert "marked words" in str(error)
        else:
            # To these it is an answer: the end of a log, of an archive, of a pull, or of nobody's container.
            assert name in {"kill", "remove", "pull", "follow"}
            assert kind in {"a page", "half a stream"}
        assert engine.asked


@pytest.mark.parametrize("kind", [kind for kind in NONSENSE if kind != "half a stream"])
def test_an_engine_that_does_not_even_tell_its_version(tmp_path: Path, kind: str) -> None:
    with engine_socket(tmp_path, {"/version": NONSENSE[kind]}) as engine:
        found = failure(engine.environment, "stacks")
        assert "Docker engine" in str(found)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[EngineSocket]:
    """An engine that takes every question and answers none."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent.sock"))
        listener.listen(64)
        yield EngineSocket(tmp_path / "silent.sock")


def test_an_engine_that_gives_no_answer(silent: EngineSocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SECONDS", 0.2)
    assert str(failure(silent.environment, "stacks")).endswith("it gave no answer in time")
