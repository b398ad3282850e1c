"""The exact command lines of Compose, as python-on-whales begins them. Pure: nothing is run or looked up.

What is only read (`config`, `version`) begins with words of our own, which a test holds against those of
python-on-whales: loading it costs more than reading a project, and it is loaded while that goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockflight.ports.stack_engine import ComposeCall, SuiteContainer

_STDIN = Path("-")
# Neither drawing nor colours: what is left on stderr is what went wrong.
_PLAIN = ("--progress", "quiet", "--ansi", "never")


def version(program: str) -> list[str]:
    return [*_quick(program, ComposeCall(files=())), "version", "--short"]


def config(
    program: str, call: ComposeCall, services: Sequence[str] = (), *, as_json: bool = True
) -> list[str]:
    shape = ["--format", "json"] if as_json else []
    return [*_quick(program, call), "config", *shape, *services]


def up(program: str, call: ComposeCall, services: Sequence[str] = ()) -> list[str]:
    options = ["--detach", "--no-build", "--pull", "never"]
    return [*_compose(program, call), *_PLAIN, "up", *options, *services]


def build(program: str, call: ComposeCall, services: Sequence[str]) -> list[str]:
    return [*_compose(program, call), "--progress", "plain", "--ansi", "never", "build", *services]


def run_service(program: str, call: ComposeCall, service: str, container: SuiteContainer) -> list[str]:
    """A one-off run; its environment comes by stdin, as one more compose file (`run_settings`)."""
    labels = [word for key, value in container.labels.items() for word in ("--label", f"{key}={value}")]
    options = ["--detach", "--no-deps", "--no-TTY", "--interactive=false", "--name", container.name, *labels]
    files = _compose(program, call, more_files=(_STDIN,) if container.environment else ())
    return [*files, *_PLAIN, "run", *options, service, *(container.command or ())]


def run_settings(service: str, environment: Mapping[str, str]) -> bytes:
    """A compose file with the environment of a run, for its stdin.

    `--env NAME` with the value in the environment of `docker` itself would do for most names, but a suite's
    PATH, DOCKER_HOST or COMPOSE_… would then change what docker does, and a name that the compose files
    mention would change the project.
    """
    if not environment:
        return b""
    # Compose would fill in variables.
    values = {name: value.replace("$", "$$") for name, value in environment.items()}
    return json.dumps({"services": {service: {"environment": values}}}).encode()


def load_library() -> None:
    """Load what the other commands are made with."""
    import python_on_whales.client_config  # noqa: F401


def _quick(program: str, call: ComposeCall) -> list[str]:
    """The same words as `_compose`, without loading python-on-whales."""
    words: list[str | Path] = [program, "compose"]
    for option, values in (
        ("--file", call.files),
        ("--profile", call.profiles),
        ("--env-file", _env_files(call)),
        ("--project-name", (call.name,) if call.name is not None else ()),
        ("--project-directory", (call.directory,) if call.directory is not None else ()),
    ):
        for value in values:
            words += [option, value]
    return [str(word) for word in words]


def _compose(program: str, call: ComposeCall, more_files: Sequence[Path] = ()) -> list[str]:
    from python_on_whales.client_config import ClientConfig

    words = ClientConfig(
        client_call=[program],
        compose_files=[*call.files, *more_files],
        compose_profiles=list(call.profiles),
        compose_env_files=_env_files(call),
        compose_project_name=call.name,
        compose_project_directory=call.directory,
    ).docker_compose_cmd
    return [str(word) for word in words]


def _env_files(call: ComposeCall) -> list[str | Path]:
    """None leaves it to Compose, which takes `.env`; for no file at all it must be given an empty one."""
    if call.env_files is None:
        return []
    return list(call.env_files) or [os.devnull]
