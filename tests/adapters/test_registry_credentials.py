"""Credentials as docker keeps them: in its configuration and behind credential helpers."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from lockflight.adapters.registry_oci.credentials import Credentials, DockerCredentials
from tests.support.docker_config import environment, write_config, write_helper, write_raw

SECRET = "marked-secret-9"
ADA = Credentials("ada", SECRET)
HUB = "https://index.docker.io/v1/"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "key",
    ["ghcr.io", "https://ghcr.io", "http://ghcr.io", "https://ghcr.io/v1/", "https://ghcr.io/v2/", "ghcr.io/acme"],
)  # fmt: skip
def test_an_entry_is_found_however_its_registry_is_written(key: str, tmp_path: Path) -> None:
    found = write_config(tmp_path, {key: ("ada", SECRET)}).find("ghcr.io")
    assert found.credentials == ADA
    assert found.source == str(tmp_path / "config.json")


@pytest.mark.parametrize(
    "key", [HUB, "docker.io", "index.docker.io", "registry-1.docker.io", "https://docker.io"]
)
def test_docker_hub_goes_by_many_names(key: str, tmp_path: Path) -> None:
    assert write_config(tmp_path, {key: ("ada", SECRET)}).find("docker.io").credentials == ADA


@pytest.mark.parametrize(
    "key", ["ghcr.io:443", "xghcr.io", "ghcr.io.example.org", "https://example.org/ghcr.io", "", HUB]
)
def test_an_entry_for_another_registry_is_not_taken(key: str, tmp_path: Path) -> None:
    found = write_config(tmp_path, {key: ("ada", SECRET)}).find("ghcr.io")
    assert found.credentials is None
    assert found.trouble == ""


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": encoded(f"ada:{SECRET}")}, ADA),
        ({"auth": encoded(f"ada:{SECRET}\0\0")}, ADA),
        ({"username": "ada", "password": SECRET}, ADA),
        ({"auth": encoded("ada:with:colons")}, Credentials("ada", "with:colons")),
        ({"auth": encoded("ada:"), "identitytoken": SECRET}, Credentials("ada", identity_token=SECRET)),
        ({"registrytoken": SECRET}, Credentials(registry_token=SECRET)),
        ({}, None),
        ({"auth": ""}, None),
        ({"email": "ada@example.org"}, None),
        ("no mapping", None),
        ({"auth": 7}, None),
    ],
)
def test_every_form_of_an_entry_is_read(entry: object, expected: Credentials | None, tmp_path: Path) -> None:
    found = write_raw(tmp_path, json.dumps({"auths": {"ghcr.io": entry}})).find("ghcr.io")
    assert (found.credentials, found.trouble) == (expected, "")


@pytest.mark.parametrize("auth", ["%%%", "YQ", "/////w==", encoded("ada:x") + "!"])
def test_an_entry_that_cannot_be_read_is_trouble_and_no_failure(auth: str, tmp_path: Path) -> None:
    found = write_raw(tmp_path, json.dumps({"auths": {"ghcr.io": {"auth": auth}}})).find("ghcr.io")
    assert found.credentials is None
    assert "entry for ghcr.io" in found.trouble
    assert auth not in found.trouble


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", f'"{SECRET}"', "[" * 100_000, b"\xff\xfe", b"\0", f'{{"auths": {SECRET}'[:40]]
)  # fmt: skip
def test_a_configuration_that_cannot_be_read_is_trouble_that_repeats_nothing(
    text: str | bytes, tmp_path: Path
) -> None:
    found = write_raw(tmp_path, text).find("ghcr.io")
    assert found.credentials is None
    assert "config.json" in found.trouble
    assert SECRET not in found.trouble


@pytest.mark.parametrize(
    "config", [{"auths": []}, {"auths": None}, {"credHelpers": 7}, {"credsStore": ""}, {}]
)
def test_a_configuration_without_anything_is_none(config: object, tmp_path: Path) -> None:
    found = write_raw(tmp_path, json.dumps(config)).find("ghcr.io")
    assert (found.credentials, found.trouble) == (None, "")


def test_no_configuration_at_all_is_none(tmp_path: Path) -> None:
    for settings in ({"DOCKER_CONFIG": str(tmp_path / "none")}, {"HOME": str(tmp_path)}):
        found = DockerCredentials(settings).find("ghcr.io")
        assert (found.credentials, found.trouble) == (None, "")
        assert str(tmp_path) in found.source


def test_an_account_without_a_home_folder_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    found = DockerCredentials({}).find("ghcr.io")
    assert (found.credentials, found.trouble) == (None, "")
    assert "HOME" in found.hint


def test_a_home_folder_that_may_not_be_looked_into_holds_no_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def forbidden(path: Path, **_: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", forbidden)
    found = DockerCredentials({"HOME": str(tmp_path)}).find("ghcr.io")
    assert (found.credentials, found.trouble) == (None, "")


def test_without_docker_config_the_home_folder_counts(tmp_path: Path) -> None:
    folder = tmp_path / ".docker"
    folder.mkdir()
    write_config(folder, {"ghcr.io": ("ada", SECRET)})
    assert DockerCredentials({"HOME": str(tmp_path)}).find("ghcr.io").credentials == ADA


ANSWERS = f'echo "{{\\"Username\\": \\"ada\\", \\"Secret\\": \\"{SECRET}\\"}}"'


@pytest.mark.parametrize("config", [{"credHelpers": {"ghcr.io": "test"}}, {"credsStore": "test"}])
def test_a_helper_is_asked_for_the_registry_on_its_standard_input(config: object, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    write_helper(tmp_path, "test", f'printf "%s " "$@" >{asked}; cat >>{asked}; {ANSWERS}')
    found = write_raw(tmp_path, json.dumps(config)).find("ghcr.io")
    assert (found.credentials, found.source) == (ADA, "docker-credential-test")
    assert asked.read_text() == "get ghcr.io"


def test_a_store_knows_docker_hub_by_its_old_address(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    write_helper(tmp_path, "test", f"cat >{asked}; {ANSWERS}")
    assert write_raw(tmp_path, '{"credsStore": "test"}').find("docker.io").credentials == ADA
    assert asked.read_text() == HUB


def test_a_helper_for_the_registry_is_asked_before_the_store(tmp_path: Path) -> None:
    write_helper(tmp_path, "own", ANSWERS)
    write_helper(tmp_path, "common", 'echo "{\\"Username\\": \\"x\\", \\"Secret\\": \\"y\\"}"')
    config = '{"credHelpers": {"ghcr.io": "own"}, "credsStore": "common"}'
    assert write_raw(tmp_path, config).find("ghcr.io").credentials == ADA
    assert write_raw(tmp_path, config).find("quay.io").credentials == Credentials("x", "y")


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", HUB])
def test_a_helper_for_docker_hub_is_found_however_it_is_written(key: str, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    write_helper(tmp_path, "own", f"cat >{asked}; {ANSWERS}")
    config = json.dumps({"credHelpers": {key: "own"}, "credsStore": "common"})
    assert write_raw(tmp_path, config).find("docker.io").credentials == ADA
    assert asked.read_text() == HUB


def test_a_helper_is_run_once_for_each_registry(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    write_helper(tmp_path, "test", f"echo once >>{asked}; {ANSWERS}")
    credentials = write_raw(tmp_path, '{"credsStore": "test"}')
    assert {credentials.find("ghcr.io") for _ in range(5)} == {credentials.find("ghcr.io")}
    assert asked.read_text() == "once\n"


def test_a_helper_may_answer_with_an_identity_token(tmp_path: Path) -> None:
    write_helper(tmp_path, "test", f'echo "{{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"{SECRET}\\"}}"')
    found = write_raw(tmp_path, '{"credsStore": "test"}').find("ghcr.io")
    assert found.credentials == Credentials(identity_token=SECRET)


def test_a_helper_that_has_nothing_leaves_it_to_the_configuration(tmp_path: Path) -> None:
    write_helper(tmp_path, "test", "echo credentials not found in native keychain; exit 1")
    both = write_config(tmp_path, {"ghcr.io": ("ada", SECRET)}, credsStore="test")
    assert both.find("ghcr.io").credentials == ADA
    neither = both.find("quay.io")
    assert (neither.credentials, neither.trouble) == (None, "")


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "failed with exit code 3"),
        (f"echo {SECRET}", "no JSON"),
        ("exec sleep 60", "did not answer within 0.2 s"),
        ("kill -9 $$", "failed with exit code -9"),
    ],
)
def test_a_helper_that_fails_is_trouble_that_repeats_none_of_its_words(
    script: str, trouble: str, tmp_path: Path
) -> None:
    write_helper(tmp_path, "test", script)
    found = write_raw(tmp_path, '{"credsStore": "test"}', helper_seconds=0.2).find("ghcr.io")
    assert found.credentials is None
    assert f"docker-credential-test {trouble}" in found.trouble or trouble in found.trouble
    assert SECRET not in repr(found)


def test_a_helper_that_is_not_installed_is_named(tmp_path: Path) -> None:
    found = write_raw(tmp_path, '{"credsStore": "desktop"}').find("ghcr.io")
    assert found.trouble == "docker-credential-desktop cannot be run: is it installed and on the PATH?"
    assert found.hint == f"install docker-credential-desktop, or take it out of {tmp_path / 'config.json'}"


def test_a_configuration_that_is_no_json_is_to_be_repaired(tmp_path: Path) -> None:
    assert write_raw(tmp_path, "{").find("ghcr.io").hint == f"repair or remove {tmp_path / 'config.json'}"


@pytest.mark.parametrize("name", ["../../bin/sh", "a/b", "-x", "a b", "a\0b", "$(id)"])
def test_a_helper_whose_name_is_a_path_or_worse_is_not_run(name: str, tmp_path: Path) -> None:
    found = write_raw(tmp_path, json.dumps({"credsStore": name})).find("ghcr.io")
    assert "cannot be one" in found.trouble


def test_a_helper_sees_the_environment_that_lockflight_was_given(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    write_helper(tmp_path, "test", f"env >{seen}; {ANSWERS}")
    (tmp_path / "config.json").write_text('{"credsStore": "test"}')
    DockerCredentials({**environment(tmp_path), "CLOUD_PROFILE": "blue"}).find("ghcr.io")
    assert "CLOUD_PROFILE=blue" in seen.read_text()


def test_secrets_are_in_no_text_made_of_credentials() -> None:
    credentials = Credentials("ada", SECRET, SECRET, SECRET)
    assert SECRET not in f"{credentials!r} {credentials}"
    assert credentials.basic == f"Basic {encoded('ada:' + SECRET)}"
