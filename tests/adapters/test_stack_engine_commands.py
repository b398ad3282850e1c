"""The exact words that docker is given, and what is left of its complaints."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lockflight.adapters.stack_engine import commands
from lockflight.adapters.stack_engine.complaints import complaint, warnings
from lockflight.ports.stack_engine import ComposeCall, SuiteContainer

# An absolute path, so that nothing is looked up on this machine's PATH.
DOCKER = "/bin/sh"
CALL = ComposeCall(
    files=(Path("/p/stack.yaml"), Path("/p/override.yaml")),
    directory=Path("/p/compose"),
    env_files=(Path("/p/.env"), Path("/p/more.env")),
    profiles=("tests", "tools"),
    name="shop-1a2b",
    variables={"TAG": "secret"},
)
FRONT = [
    DOCKER, "compose", "--file", "/p/stack.yaml", "--file", "/p/override.yaml", "--profile", "tests",
    "--profile", "tools", "--env-file", "/p/.env", "--env-file", "/p/more.env", "--project-name", "shop-1a2b",
    "--project-directory", "/p/compose",
]  # fmt: skip
QUIET = ["--progress", "quiet", "--ansi", "never"]


def test_a_project_is_read_as_json_or_as_text() -> None:
    assert commands.config(DOCKER, CALL) == [*FRONT, "config", "--format", "json"]
    assert commands.config(DOCKER, CALL, ["web", "db"]) == [*FRONT, "config", "--format", "json", "web", "db"]
    assert commands.config(DOCKER, CALL, as_json=False) == [*FRONT, "config"]


def test_only_what_is_known_is_said() -> None:
    call = ComposeCall((Path("/p/stack.yaml"),))
    assert commands.config(DOCKER, call, as_json=False) == [
        DOCKER,
        "compose",
        "--file",
        "/p/stack.yaml",
        "config",
    ]


def test_no_file_with_variables_at_all_keeps_compose_from_looking_for_one() -> None:
    call = ComposeCall((Path("/p/stack.yaml"),), env_files=())
    assert commands.config(DOCKER, call)[4:6] == ["--env-file", os.devnull]


def test_starting_neither_builds_nor_pulls() -> None:
    assert commands.up(DOCKER, CALL, ["web"]) == [
        *FRONT, *QUIET, "up", "--detach", "--no-build", "--pull", "never", "web",
    ]  # fmt: skip


def test_building_shows_what_it_does() -> None:
    assert commands.build(DOCKER, CALL, ["web"]) == [
        *FRONT, "--progress", "plain", "--ansi", "never", "build", "web",
    ]  # fmt: skip


def test_the_version_needs_no_project() -> None:
    assert commands.version(DOCKER) == [DOCKER, "compose", "version", "--short"]


def test_a_suite_runs_beside_the_stack_without_its_values_in_any_argument() -> None:
    container = SuiteContainer("suite-1", {"a": "b", "c": "d"}, {"TOKEN": "marked"}, ("pytest", "-x"))
    words = commands.run_service(DOCKER, CALL, "tests", container)
    front = [*FRONT[:6], "--file", "-", *FRONT[6:]]
    assert words == [
        *front, *QUIET, "run", "--detach", "--no-deps", "--no-TTY", "--interactive=false", "--name", "suite-1",
        "--label", "a=b", "--label", "c=d", "tests", "pytest", "-x",
    ]  # fmt: skip


def test_a_suite_without_an_environment_or_a_command_needs_no_more_than_the_service_says() -> None:
    words = commands.run_service(DOCKER, CALL, "tests", SuiteContainer("suite-1", {}, {}))
    assert "-" not in words
    assert words[-3:] == ["--name", "suite-1", "tests"]
    assert commands.run_settings("tests", {}) == b""


def test_values_of_a_suite_are_no_variables_of_compose() -> None:
    found = json.loads(commands.run_settings("tests", {"TOKEN": 'a$b ${c} "d"\n'}))
    assert found == {"services": {"tests": {"environment": {"TOKEN": 'a$$b $${c} "d"\n'}}}}


DRAWN = """\
time="2026-11-21T13:37:33Z" level=warning msg="The \\"V\\" variable is not set. Defaulting to a blank string."
 Network shop_default  Creating
 Network shop_default  Created
 Container shop-db-1  Starting
 Container shop-db-1  Error 0.3s
 \x1b[31m✘\x1b[0m Container shop-db-1 Error
[+] Running 1/2
Error response from daemon: driver failed programming external connectivity on endpoint shop-db-1: in use
"""


def test_of_what_compose_draws_only_the_error_is_left() -> None:
    lines = complaint(DRAWN).splitlines()
    assert lines[-1].startswith("Error response from daemon: driver failed")
    assert not any(
        "Creat" in line or "Starting" in line or "level=" in line or "[+]" in line for line in lines
    )
    assert "\x1b" not in complaint(DRAWN)
    assert warnings(DRAWN) == ['The \\"V\\" variable is not set. Defaulting to a blank string.']


@pytest.mark.parametrize(
    "said",
    [
        "validating /p/x.yaml: services.a Additional property imag is not allowed",
        'service "web" depends on undefined service "db": invalid compose project',
        "dependency failed to start: container shop-db-1 is unhealthy",
        "Container names must be unique",
        "Image names are wrong in this file: a b",
    ],
)
def test_what_went_wrong_is_kept_as_it_is(said: str) -> None:
    assert complaint(f"{said}\n") == said


def test_what_could_command_a_terminal_does_not() -> None:
    assert complaint("bad \x07\x1b]0;title\x07 end\n").isprintable()


@pytest.mark.parametrize(
    "call",
    [
        ComposeCall((Path("/a/stack.yaml"),)),
        ComposeCall((Path("/a/stack.yaml"), Path("/b/more.yaml")), Path("/a"), (), ("x", "y"), "shop-1"),
        ComposeCall((Path("/a/stack.yaml"),), env_files=(Path("/a/.env"), Path("/a/other.env"))),
    ],
)
def test_what_is_only_read_begins_as_python_on_whales_begins_it(call: ComposeCall) -> None:
    from python_on_whales.client_config import ClientConfig

    theirs = ClientConfig(
        client_call=["/bin/sh"],
        compose_files=list(call.files),
        compose_profiles=list(call.profiles),
        compose_env_files=["/dev/null"] if call.env_files == () else list(call.env_files or ()),
        compose_project_name=call.name,
        compose_project_directory=call.directory,
    ).docker_compose_cmd
    assert commands.config("/bin/sh", call, as_json=False) == [*map(str, theirs), "config"]
