"""The lock when the world misbehaves: clear messages, the right exit codes, no half-written file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockflight.testing import faults
from lockflight.testing.registry import RegistryServer
from lockflight.testing.registry_auth import Door
from tests.support.privileges import like_everybody
from tests.support.repositories import commit_file
from tests.support.shop import Shop

PASSWORD = "marked-secret-7f3a"


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as started:
        yield started


@pytest.fixture
def shop(tmp_path: Path, server: RegistryServer) -> Shop:
    made = Shop(tmp_path, f"{server.host}/acme")
    made.push_all()
    return made


def leftovers(shop: Shop) -> list[Path]:
    return [path for path in shop.root.rglob("*") if path.name.endswith(".tmp")]


def test_a_registry_that_is_down_is_exit_3_and_named(shop: Shop, server: RegistryServer) -> None:
    server.faults.answer_next(faults.status(500), times=None)
    failed = shop.run("lock", code=3)
    assert server.host in failed.err
    assert not shop.lock.exists()
    assert failed.err.count("error:") <= 3, "each different failure once, not once for each image"


def test_a_busy_registry_is_asked_again(shop: Shop, server: RegistryServer) -> None:
    server.faults.answer_next(faults.status(429, retry_after="0"), times=3)
    server.faults.answer_next(faults.status(503), times=2)
    shop.run("lock")


def test_a_cut_connection_is_asked_again(shop: Shop, server: RegistryServer) -> None:
    server.faults.answer_next(faults.drop(), times=2)
    shop.run("lock")


def test_wrong_bytes_are_a_finding_and_no_lock(shop: Shop, server: RegistryServer) -> None:
    server.faults.answer_next(faults.flipped_body(), times=None, method="GET", path="/acme/cart/manifests/")
    refused = shop.run("lock", "--json", code=1)
    assert ("wrong-content", "cart") in {(f["code"], f["subject"]) for f in refused.json["findings"]}
    assert not shop.lock.exists()


def test_a_platform_that_a_clean_up_removed_is_found_whatever_is_remembered(
    shop: Shop, server: RegistryServer
) -> None:
    shop.run("lock")
    shop.run("verify")
    platforms = shop.run("show", "--json").json["services"]["cart"]["platforms"]
    server.repository("acme/cart").delete_manifest(platforms["linux/arm64"])
    assert "[incomplete-image] cart" in shop.run("verify", code=1).err


def test_a_registry_that_lies_about_a_third_party_digest_is_not_believed(
    shop: Shop, server: RegistryServer
) -> None:
    server.faults.answer_next(
        faults.other_digest(), times=None, method="HEAD", path="/acme/postgres/manifests/16"
    )
    refused = shop.run("lock", code=1)
    assert "[digest-missing] db" in refused.err
    assert not shop.lock.exists()


def test_findings_win_over_failures_and_both_are_told(shop: Shop, server: RegistryServer) -> None:
    server.faults.answer_next(faults.status(500), times=None, path="/acme/orders/")
    shop.record("cart", "sha256:" + "0" * 64)
    refused = shop.run("lock", "--records", "ci", code=1)
    assert "[digest-missing] cart" in refused.err
    assert "orders" in refused.err


@pytest.mark.parametrize(
    "sent", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 2], ids=["SIGINT", "SIGTERM", "two-at-once"]
)
def test_an_interruption_in_the_middle_leaves_nothing_half_written(
    shop: Shop, server: RegistryServer, sent: list[signal.Signals]
) -> None:
    server.faults.answer_next(faults.silence(), times=None)
    before = len(server.requests)
    process = shop.start("lock")
    deadline = time.monotonic() + 60
    while len(server.requests) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    for one in sent:
        process.send_signal(one)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert not shop.lock.exists()
    assert leftovers(shop) == []


# A git that answers nothing, and that a friendly request does not end; who outlives the test says so in `pipe`.
_STUBBORN_GIT = """#!/bin/sh
case " $* " in *" ls-remote "*) ;; *) exec {git} "$@" ;; esac
trap '' TERM
exec 3> {pipe}
echo started >&3
for second in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done
echo outlived >&3
"""


def test_a_second_ctrl_c_neither_cuts_off_the_tidying_nor_shows_a_traceback(shop: Shop) -> None:
    pipe, folder = shop.folder / "pipe", shop.folder / "bin"
    os.mkfifo(pipe)
    folder.mkdir()
    (folder / "git").write_text(_STUBBORN_GIT.format(git=shutil.which("git"), pipe=pipe))
    (folder / "git").chmod(0o755)
    manifest = shop.root / "lockflight.yaml"
    elsewhere = "{repository: 'https://git.example/orders', ref: main}"
    manifest.write_text(manifest.read_text().replace("{submodule: services/orders}", elsewhere))
    shop.environment["PATH"] = f"{folder}:{os.environ['PATH']}"

    with shop.start("lock") as process, pipe.open() as alive:
        assert alive.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline() == "interrupted\n"
        process.send_signal(signal.SIGINT)
        assert alive.read() == "", "git and all that it started have ended"
        _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (130, "")
    assert not shop.lock.exists()
    assert leftovers(shop) == []


@pytest.mark.parametrize(
    "command", [["lock"], ["lock", "--check"], ["lock", "--only", "cart"], ["show"], ["verify"]]
)
def test_a_lock_in_a_folder_that_may_not_be_looked_into_is_said(shop: Shop, command: list[str]) -> None:
    shop.run("lock")
    before = shop.lock.read_bytes()
    shop.lock.parent.chmod(0o000)
    refused = shop.run(*command, code=2, through=like_everybody())
    shop.lock.parent.chmod(0o755)
    assert refused.err.startswith("error: locks/current.yaml: cannot be read: Permission denied")
    assert shop.lock.read_bytes() == before


@pytest.mark.parametrize("command", ["lock", "lock --check"])
def test_a_manifest_in_a_folder_that_may_not_be_looked_into_is_said(shop: Shop, command: str) -> None:
    shop.run("lock")
    shop.root.chmod(0o000)
    with shop.start("-C", str(shop.root), *command.split(), through=like_everybody(), cwd="/") as process:
        _, err = process.communicate(timeout=60)
    shop.root.chmod(0o755)
    assert process.returncode == 2, err
    assert err.startswith(f"error: {shop.root}: may not be looked into"), err


@pytest.mark.parametrize("config", ["conf/app.conf", "conf"])
def test_configuration_in_a_folder_that_may_not_be_looked_into_is_said(shop: Shop, config: str) -> None:
    commit_file(shop.root, "conf/app.conf", "1")
    with (shop.root / "lockflight.yaml").open("a") as manifest:
        manifest.write(f"config: [{config}]\n")
    (shop.root / "conf").chmod(0o000)
    refused = shop.run("lock", code=2, through=like_everybody())
    (shop.root / "conf").chmod(0o755)
    assert f"{config}: cannot be read: Permission denied" in refused.err
    assert not shop.lock.exists()


def test_secrets_are_in_no_output_log_or_lock(tmp_path: Path) -> None:
    import base64

    with RegistryServer(door=Door(users={"ada": PASSWORD})) as server:
        shop = Shop(tmp_path, f"{server.host}/acme")
        (tmp_path / "docker").mkdir()
        auth = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": auth}}}))
        refused = shop.run("-v", "lock", "--log", "log.json", code=1)
        assert "[image-missing] cart" in refused.err
        server.door = Door(users={"ada": "another"})
        server.api  # noqa: B018 - the same server, with another door
        denied = shop.run("-v", "lock", "--log", "log.json", code=None)
        written = [path.read_bytes() for path in shop.root.rglob("*") if path.is_file()]
        written += [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
        said = (refused.out + refused.err + denied.out + denied.err).encode()
        for secret in (PASSWORD, auth):
            assert not any(secret.encode() in text for text in [*written, said])


def test_a_denied_registry_says_how_to_log_in(tmp_path: Path) -> None:
    with RegistryServer(door=Door(users={"ada": PASSWORD})) as server:
        shop = Shop(tmp_path, f"{server.host}/acme")
        denied = shop.run("lock", code=3)
        assert f"docker login {server.host}" in denied.err


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("lockflight.yaml", "version: 1\nversion: 1\n", "the key 'version' stands there twice"),
        ("lockflight.yaml", "version:\n\t1\n", "tab"),
        ("lockflight.yaml", "\ufeffversion: 1\n", "byte order mark"),
        ("lockflight.yaml", "version: 1\0\n", "NUL byte"),
        ("lockflight.yaml", "- 1\n", "is no mapping"),
        ("stack.yaml", "services: [\n", "stack.yaml"),
        ("stack.yaml", 'services: {db: {image: "${PG:?set PG}"}}\n', "set PG"),
        ("ci/cart.json", '{"lockflight_record": 1, "digest": "sha256:short"}', "ci/cart.json:1: digest"),
        ("ci/cart.json", '{"lockflight_record": 1, "commit": "abc"}', "commit"),
        ("ci/cart.json", "{", "ci/cart.json"),
    ],
)
def test_bad_input_is_exit_2_with_its_place(shop: Shop, file: str, text: str, said: str) -> None:
    (shop.root / file).parent.mkdir(exist_ok=True)
    (shop.root / file).write_text(text)
    records = ["--records", "ci"] if file.startswith("ci/") else []
    refused = shop.run("lock", *records, code=2)
    assert said in refused.err
    assert not shop.lock.exists()


def test_an_edited_lock_is_refused_at_every_door(shop: Shop) -> None:
    shop.run("lock")
    shop.lock.write_text(shop.lock.read_text().replace("linux/arm64", "linux/arm", 1))
    for command in (["verify"], ["verify", "--offline"], ["show"], ["lock", "--check"], ["lock", "--only", "cart"],
                    ["lock", "--from", "locks/current.yaml", "-o", "x.yaml"], ["diff", "locks/current.yaml", "locks/current.yaml"],
                    ["export", "--format", "env"]):  # fmt: skip
        assert "the id does not match the content" in shop.run(*command, code=2).err, command


def test_a_folder_that_cannot_be_written_is_exit_3(shop: Shop) -> None:
    (shop.root / "locks").write_text("a file is in the way")
    failed = shop.run("lock", code=3)
    assert "cannot write" in failed.err
    assert leftovers(shop) == []
