"""The env file, read by a real shell, by Docker Compose, and by docker's own rules."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lockflight.errors import InputError
from lockflight.locks.convert.env_file import render, variable_stem
from lockflight.locks.model import LockedImage
from tests.compose_files.compose_cli import compose
from tests.locks.builders import commit, digest, lock, service

SERVICES = {
    "cart-api": service("cart-api", image="[::1]:5000/acme/cart", tag="v1.4.2_rc.1"),
    "2fa": service("2fa", image="localhost:5000/acme/2fa"),
    "settings": service("settings", image=None, tag=None, digest=None, platforms={}, media_type=None),
}
IMAGES = {"postgres": LockedImage(image="docker.io/library/postgres", tag="16-alpine", digest=digest("pg"))}
EXPORTED = lock(services=SERVICES, images=IMAGES)
EXPECTED = {
    "LOCKFLIGHT_LOCK_ID": EXPORTED.id,
    "_2FA_COMMIT": commit("2fa"),
    "_2FA_IMAGE": f"localhost:5000/acme/2fa@{digest('2fa')}",
    "_2FA_REPOSITORY": "localhost:5000/acme/2fa",
    "_2FA_DIGEST": digest("2fa"),
    "_2FA_TAG": commit("2fa"),
    "CART_API_COMMIT": commit("cart-api"),
    "CART_API_IMAGE": f"[::1]:5000/acme/cart@{digest('cart-api')}",
    "CART_API_REPOSITORY": "[::1]:5000/acme/cart",
    "CART_API_DIGEST": digest("cart-api"),
    "CART_API_TAG": "v1.4.2_rc.1",
    "SETTINGS_COMMIT": commit("settings"),
    "POSTGRES_IMAGE": f"docker.io/library/postgres@{digest('pg')}",
    "POSTGRES_REPOSITORY": "docker.io/library/postgres",
    "POSTGRES_DIGEST": digest("pg"),
    "POSTGRES_TAG": "16-alpine",
}


def by_dockers_rules(text: str) -> dict[str, str]:
    """docker/cli `opts/file.go`: a comment, or a name and, as it is, all that follows the first `=`."""
    found = {}
    for line in text.splitlines():
        line = line.lstrip(" \t")
        if line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert name
            assert equals
            assert " " not in name
            found[name] = value
    return found


# Whichever of them this machine has; every machine has the first.
@pytest.mark.parametrize("shell", ["sh", *filter(shutil.which, ["dash", "bash"])])
def test_a_shell_that_sources_it_has_every_value(tmp_path: Path, shell: str) -> None:
    # Files that a glob in a value would match.
    for name in (":5000", "1", "x"):
        (tmp_path / name).touch()
    (tmp_path / "lock.env").write_text(render(EXPORTED))

    script = "set -eu; set -a; . ./lock.env; env -0"
    done = subprocess.run(
        [shell, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )

    seen = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    assert {name: seen[name] for name in EXPECTED} == EXPECTED


def test_docker_run_has_every_value_without_quotes() -> None:
    assert by_dockers_rules(render(EXPORTED)) == EXPECTED


def test_compose_has_every_value(tmp_path: Path) -> None:
    labels = "\n".join(f'      {name}: "${{{name}}}"' for name in EXPECTED)
    (tmp_path / "stack.yaml").write_text(f"services:\n  probe:\n    image: x\n    labels:\n{labels}\n")
    (tmp_path / "lock.env").write_text(render(EXPORTED))

    answer = compose(tmp_path, ["--env-file", "lock.env", "-f", "stack.yaml"], {})

    assert answer.config is not None, answer.words
    assert answer.config["services"]["probe"]["labels"] == EXPECTED


def test_names_that_become_one_variable_are_refused() -> None:
    services = {"cart-api": service("cart-api"), "cart_api": service("cart_api")}

    with pytest.raises(
        InputError, match="CART_API_COMMIT would belong to both service cart-api and service cart_api"
    ):
        render(lock(services=services))


def test_a_value_with_a_character_that_readers_disagree_on_is_refused() -> None:
    """No valid lock has one; a lock that was put together without checks might."""
    broken = EXPORTED.services["cart-api"].model_copy(update={"tag": "1 $(reboot)"})

    with pytest.raises(InputError, match="the value of CART_API_TAG"):
        render(EXPORTED.model_copy(update={"services": {"cart-api": broken}}))


def test_a_variable_never_starts_with_a_digit() -> None:
    assert variable_stem("2fa.backend-1") == "_2FA_BACKEND_1"
