"""Where the engine is: as the docker client finds it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lockflight.adapters.stack_engine.address import USUAL, find_address
from lockflight.errors import InputError


def context(folder: Path, name: str, endpoint: dict[str, Any]) -> Path:
    """A context as `docker context create` leaves it; the folder of its certificates."""
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / identity
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    return folder / "contexts" / "tls" / identity / "docker"


def test_without_any_setting_it_is_the_usual_socket(tmp_path: Path) -> None:
    for environment in ({}, {"HOME": str(tmp_path)}, {"DOCKER_CONTEXT": "default"}, {"DOCKER_HOST": ""}):
        found = find_address(environment)
        assert (found.url, found.certificates, found.host) == (USUAL, None, "127.0.0.1")


def test_a_host_wins_over_a_context(tmp_path: Path) -> None:
    context(tmp_path, "far", {"Host": "tcp://far:1"})
    settings = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far"}
    assert find_address(settings).url == "tcp://far:1"
    assert find_address({**settings, "DOCKER_HOST": "unix:///near.sock"}).url == "unix:///near.sock"


def test_the_current_context_is_used_unless_another_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ".docker"
    context(folder, "current", {"Host": "ssh://builder@far"})
    context(folder, "named", {"Host": "tcp://named:2375"})
    (folder / "config.json").write_text(json.dumps({"currentContext": "current"}))
    found = find_address({"HOME": str(tmp_path)})
    assert (found.url, found.host, found.is_ssh) == ("ssh://builder@far", "far", True)
    assert find_address({"HOME": str(tmp_path), "DOCKER_CONTEXT": "named"}).host == "named"
    assert find_address({"HOME": str(tmp_path), "DOCKER_CONTEXT": "default"}).url == USUAL


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'gone'") as caught:
        find_address({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "gone"})
    assert "docker context ls" in (caught.value.problems[0].hint or "")


def test_a_broken_configuration_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    assert find_address({"DOCKER_CONFIG": str(tmp_path)}).url == USUAL


def test_certificates_come_from_the_variables_or_the_context(tmp_path: Path) -> None:
    host = {"DOCKER_HOST": "tcp://far:2376"}
    assert find_address(host).certificates is None
    found = find_address({**host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}).certificates
    assert found is not None
    assert (found.folder, found.verify, found.file("ca")) == (tmp_path, True, None)
    (tmp_path / "ca.pem").write_text("")
    assert found.file("ca") == str(tmp_path / "ca.pem")
    lax = find_address({**host, "DOCKER_TLS": "1", "DOCKER_CONFIG": "/config"}).certificates
    assert lax is not None
    assert (lax.folder, lax.verify) == (Path("/config"), False)
    tls = context(tmp_path, "far", {"Host": "tcp://far:2376", "SkipTLSVerify": False})
    tls.mkdir(parents=True)
    of_context = find_address({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far"}).certificates
    assert of_context is not None
    assert (of_context.folder, of_context.verify) == (tls, True)


def test_an_address_without_a_scheme_is_a_machine(tmp_path: Path) -> None:
    assert find_address({"DOCKER_HOST": "far:2375"}).url == "tcp://far:2375"
