"""Pulling: progress, credentials, and what is said when it does not work."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lockflight.adapters.registry_oci import OciRegistry
from lockflight.adapters.stack_engine import DockerStackEngine
from lockflight.adapters.stack_engine.images import Layers, canonical, refusal
from lockflight.adapters.system_clock import SystemClock
from lockflight.names import ImageReference, parse_reference
from lockflight.ports.stack_engine import ImageMissing, ImageUnpullable
from tests.support.docker_config import write_config, write_helper, write_raw
from tests.support.engine_socket import answer, engine_socket, stream
from tests.support.registry_process import docker_registry
from tests.support.stack_images import StackImages, remove_images

IMAGE = "registry.example/shop/cart@sha256:" + "a" * 64
HOST = "registry.example"


def test_names_are_compared_with_nothing_left_out() -> None:
    digest = "sha256:" + "b" * 64
    assert canonical(f"redis@{digest}") == f"docker.io/library/redis@{digest}"
    assert canonical(f"docker.io/library/redis:7@{digest}") == f"docker.io/library/redis@{digest}"
    assert canonical("<none>@<none>") == "<none>@<none>"


def test_progress_is_summed_over_the_layers() -> None:
    layers = Layers()
    told = []
    for message in (
        {"status": "Pulling from shop/cart", "id": "latest"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 10, "total": 100}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 5, "total": 50}},
        {"status": "Verifying Checksum", "id": "a", "progressDetail": {}},
        {"status": "Download complete", "id": "a", "progressDetail": {}},
        {"status": "Extracting", "id": "a", "progressDetail": {"current": 1, "total": 100}},
        {"status": "Already exists", "id": "c"},
        {"status": "Pull complete", "id": "b"},
        {"status": "Digest: sha256:…"},
    ):
        if layers.heard(message):
            told.append((layers.here, layers.known))
    assert told == [(10, 100), (15, 150), (105, 150), (150, 150)]


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        (f"manifest for {IMAGE} not found: manifest unknown: manifest unknown", ImageMissing, None),
        ("repository registry.example/shop/cart not found: name unknown", ImageMissing, None),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", ImageMissing, None),
        ("pull access denied for shop/cart, repository does not exist or may require 'docker login'",
         ImageUnpullable, f"docker login {HOST}"),
        (f"Get https://{HOST}/v2/shop/cart/manifests/sha256:aa: unauthorized: authentication required",
         ImageUnpullable, f"docker login {HOST}"),
        (f"Head \"https://{HOST}/v2/\": no basic auth credentials", ImageUnpullable, f"docker login {HOST}"),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", ImageUnpullable, "docker system df"),
        ("failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device",
         ImageUnpullable, "docker system df"),
        (f"Get https://{HOST}/v2/: http: server gave HTTP response to HTTPS client", ImageUnpullable,
         "insecure-registries"),
        (f"Get https://{HOST}/v2/: dial tcp: lookup {HOST}: no such host", ImageUnpullable, None),
    ],
)  # fmt: skip
def test_the_engines_words_tell_why(said: str, kind: type[Exception], hint: str | None) -> None:
    found = refusal(IMAGE, HOST, said)
    assert type(found) is kind
    assert IMAGE in str(found)
    assert said in str(found)
    assert (hint is None and found.problems[0].hint is None) or (hint or "?") in (
        found.problems[0].hint or ""
    )


@pytest.mark.parametrize("early", [True, False], ids=["before any byte", "in the middle"])
def test_a_full_disk_of_the_engine_is_said(tmp_path: Path, early: bool) -> None:
    said = "write /var/lib/docker/tmp/GetImageBlob774: no space left on device"
    late = stream(
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 2}},
        {"errorDetail": {"message": said}, "error": said},
    )
    answers = {"/images/create": answer({"message": said}, "500 Internal Server Error") if early else late}
    heard: list[tuple[int, int]] = []
    full = pytest.raises(ImageUnpullable, match="disk of the Docker engine is full")
    with engine_socket(tmp_path, answers) as engine, full:
        DockerStackEngine(engine.environment).pull(IMAGE, None, lambda *now: heard.append(now))
    assert heard == ([] if early else [(1, 2)])


def test_the_platform_is_asked_for(tmp_path: Path) -> None:
    with engine_socket(tmp_path, {"/images/create": stream({"status": "done"})}) as engine:
        DockerStackEngine(engine.environment).pull(IMAGE, "linux/arm64", lambda *_: None)
        (asked,) = [line for line in engine.asked if "/images/create" in line]
    assert "platform=linux%2Farm64" in asked
    assert "fromImage=registry.example%2Fshop%2Fcart&" in asked
    assert f"tag=sha256%3A{'a' * 64}" in asked


# --- a registry that wants to know who we are ------------------------------------------------------------------


def engine_with(folder: Path) -> DockerStackEngine:
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return DockerStackEngine({**os.environ, "DOCKER_CONFIG": str(folder), "PATH": path})


def test_credentials_come_from_the_configuration_or_a_helper(tmp_path: Path) -> None:
    # bcrypt of the password below, as `htpasswd -B` writes it.
    (tmp_path / "htpasswd").write_text("ada:$2y$05$abcdefghijklmnopqrstuuuSsWTmcHA0GnC4Ywh/t2HULjg.FadFG\n")
    more = f"auth: {{htpasswd: {{realm: test, path: {tmp_path / 'htpasswd'}}}}}\n"
    config = tmp_path / "config"
    config.mkdir()
    with docker_registry(tmp_path, more) as registry:
        place = parse_reference(registry.name("guarded"))
        good = write_config(config, {registry.host: ("ada", "marked-word-7")})
        client = OciRegistry(clock=SystemClock(), credentials=good)
        images = StackImages(client, ImageReference(place.registry, place.path))
        try:
            first, second, third = (images.image("echo", word) for word in ("first", "second", "third"))
            engine_with(config).pull(first, None, lambda *_: None)
            secret = json.dumps({"Username": "ada", "Secret": "marked-word-7"})
            write_helper(config, "safe", f"cat >/dev/null; echo '{secret}'")
            write_raw(config, json.dumps({"credHelpers": {registry.host: "safe"}}))
            engine = engine_with(config)
            engine.pull(second, None, lambda *_: None)
            assert engine.present([first, second, third]) == {first, second}
            for text in ("{}", json.dumps({"credHelpers": {registry.host: "absent"}})):
                write_raw(config, text)
                with pytest.raises(ImageUnpullable) as caught:
                    engine_with(config).pull(third, None, lambda *_: None)
                assert caught.value.problems[0].hint == f"docker login {registry.host}"
                assert "marked-word" not in str(caught.value)
            assert "docker-credential-absent cannot be run" in str(caught.value)
        finally:
            client.close()
            remove_images(f"{place.name}@")


def test_a_registry_that_is_not_there_is_no_missing_image() -> None:
    with pytest.raises(ImageUnpullable, match="connection refused"):
        DockerStackEngine(os.environ).pull(f"127.0.0.1:1/cart@sha256:{'a' * 64}", None, lambda *_: None)
