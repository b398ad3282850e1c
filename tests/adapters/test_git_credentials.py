"""A URL's password reaches the server, and nothing else: no list of processes, no file, no message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockflight.adapters.git_cli import GitCli
from lockflight.adapters.git_credentials import login
from lockflight.errors import OutsideError
from tests.support.git_http import GitServer, git_server
from tests.support.repositories import commit_file, git, new_repository

USER, PASSWORD = "bot", "to/ken:4711 %s$x'\""
IN_URL = "to%2Fken:4711%20%25s$x'%22"


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "served" / "cart")
    commit_file(folder, "a.txt", "1")
    commit_file(folder, "a.txt", "2")
    git(folder, "config", "uploadpack.allowFilter", "true")
    return folder


@pytest.fixture
def server(cart: Path) -> Iterator[GitServer]:
    with git_server(cart.parent, USER, PASSWORD) as server:
        yield server


def with_login(server: GitServer) -> str:
    return server.url.replace("://", f"://{USER}:{IN_URL}@") + "/cart/.git"


def assert_hidden(server: GitServer, folder: Path) -> None:
    assert any(b"git-remote-http" in line for line in server.seen)
    for secret in (PASSWORD, IN_URL, "4711"):
        assert not [line for line in server.seen if secret.encode() in line]
        assert not [
            file for file in folder.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()
        ]


def test_a_history_is_fetched_with_a_password_that_no_process_and_no_file_shows(
    tmp_path: Path, cart: Path, server: GitServer
) -> None:
    old = git(cart, "rev-parse", "HEAD~1")
    scratch = tmp_path / "scratch"

    assert GitCli(tmp_path, scratch).on_branch(old, "main", None, with_login(server)) is True

    assert set(server.users) == {None, USER}
    assert_hidden(server, scratch)


def test_a_password_that_gits_configuration_puts_into_the_url_is_hidden_as_well(
    tmp_path: Path, cart: Path, server: GitServer
) -> None:
    shop = new_repository(tmp_path / "shop")
    secret = with_login(server).removesuffix("cart/.git")
    git(shop, "config", f"url.{secret}.insteadOf", f"{server.url}/")

    assert GitCli(shop).remote_commit(f"{server.url}/cart/.git", "main") == git(cart, "rev-parse", "HEAD")

    assert USER in server.users
    assert_hidden(server, shop / ".lockflight")


def test_the_urls_own_password_comes_before_what_a_helper_knows(
    tmp_path: Path, cart: Path, server: GitServer
) -> None:
    shop = new_repository(tmp_path / "shop")
    git(shop, "config", "credential.helper", "!f() { echo username=other; echo password=other; }; f")

    assert GitCli(shop).remote_commit(with_login(server), "main") == git(cart, "rev-parse", "HEAD")

    assert set(server.users) == {None, USER}


def test_a_user_alone_gets_the_password_that_a_helper_knows(
    tmp_path: Path, cart: Path, server: GitServer
) -> None:
    shop = new_repository(tmp_path / "shop")
    helper = tmp_path / "helper"
    helper.write_text(f"#!/bin/sh\ncat <<'END'\npassword={PASSWORD}\nEND\n")
    helper.chmod(0o755)
    git(shop, "config", "credential.helper", str(helper))
    url = server.url.replace("://", f"://{USER}@") + "/cart/.git"

    assert GitCli(shop).remote_commit(url, "main") == git(cart, "rev-parse", "HEAD")


def test_a_wrong_password_is_said_without_it(tmp_path: Path, server: GitServer) -> None:
    url = server.url.replace("://", "://bot:wrong-4711@") + "/cart/.git"

    with pytest.raises(OutsideError) as caught:
        GitCli(tmp_path).remote_commit(url, "main")

    assert f"the repository {server.url}/cart/.git cannot be read" in str(caught.value)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://bot:47/11@h/x", "https://bot:a%0Aurl=4711@h/x", "https://bot:4711%00@h/x"]
)
def test_a_password_that_git_would_take_for_something_else_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(OutsideError, match="the repository https://h/x cannot be read: its ") as caught:
        GitCli(tmp_path).remote_commit(url, "main")

    assert "11" not in str(caught.value)


@pytest.mark.parametrize("url", ["ssh://git@h/x", "git@h:x.git", "/a/b", "../x@y", "https://h:8443/x"])
def test_other_addresses_stay_as_they_are(url: str) -> None:
    assert (login(url).url, dict(login(url).settings)) == (url, {})
