"""What is logged and printed holds no secret, and nothing that acts on who reads it."""

from __future__ import annotations

import io
import json
from typing import TextIO

import pytest

from lockflight.logs import Log, masked, printable, without_commands, without_secrets
from lockflight.names import without_credentials


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def logged(stream: TextIO, **fields: object) -> None:
    log = Log()
    log.to(stream)
    log.event("asked", **fields)


@pytest.mark.parametrize("secret", ['quo"te-quote', "back\\slash", "umlaut-ä-ö"])
def test_a_secret_that_json_escapes_is_masked_in_the_log(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", secret)
    stream = io.StringIO()
    logged(
        stream, url=f"https://h/{secret}", deep={"list": [f"x{secret}", 3, None]}, error=ValueError(secret)
    )
    line = json.loads(stream.getvalue())
    assert (line["url"], line["deep"], line["error"]) == ("https://h/***", {"list": ["x***", 3, None]}, "***")


def test_a_log_that_cannot_be_written_fails_nothing() -> None:
    logged(Full(), url="https://h")


def test_of_secrets_that_begin_alike_nothing_is_left() -> None:
    environment = {"A_TOKEN": "secret-one", "B_TOKEN": "secret-one-and-two"}
    assert without_secrets("has secret-one-and-two", environment) == "has ***"


@pytest.mark.parametrize("name", ["AUTHOR", "GIT_AUTHOR_NAME", "AUTHORITY", "OAUTHOR"])
def test_an_author_is_no_secret(name: str) -> None:
    assert without_secrets("by Ada Lovelace", {name: "Ada Lovelace"}) == "by Ada Lovelace"


@pytest.mark.parametrize("name", ["AUTH", "DOCKER_AUTH_CONFIG", "npm_auth", "API_KEY", "GITHUB_TOKEN"])
def test_names_that_speak_of_secrets_are_known(name: str) -> None:
    assert masked(("by Ada Lovelace",), {name: "Ada Lovelace"}) == ["by ***"]


@pytest.mark.parametrize("bad", ["\x1b", "\x9b", "\u202e", "\u2066", "\r", "\ud800"])
def test_what_commands_a_terminal_is_not_printed(bad: str) -> None:
    assert printable(f"a{bad}b\tc\n", keep="\t\n") == "a\N{REPLACEMENT CHARACTER}b\tc\n"


def test_no_line_is_a_command_to_the_runner_of_github() -> None:
    shown = without_commands("::error::x\n \t::add-mask::y\na ::b\n##[error]z\n")
    assert shown == "| ::error::x\n \t| ::add-mask::y\na ::b\n## [error]z\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h/x", "https://h/x"),
        ("HTTPS://u:p@h/x", "HTTPS://h/x"),
        ("https://u:pa/ss@h", "https://h"),
        ("https://u:p@ss@h", "https://h"),
        ("https://token@h/x", "https://h/x"),
        ("https://u:12/3@h", "https://h"),
        ("https://u:12/3@cafe:5000/x", "https://cafe:5000/x"),
        ("https://ada.l:99999/3@h", "https://h"),
        ("see https://u:p/q@h and https://h/x@y", "see https://h and https://h/x@y"),
    ],
)
def test_credentials_are_taken_out_of_every_url(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "https://h/x@y",
        "https://h:5000/x@sha256:ab",
        "https://[::1]:5000/x@y",
        "git@h:x/y.git",
        "localhost:5000/shop/cart@sha256:ab",
        "https://localhost:5000/shop/cart@y",
        "https://npm.example:4873/@acme/x",
    ],
)
def test_an_at_sign_in_a_path_stays(url: str) -> None:
    assert without_credentials(url) == url
