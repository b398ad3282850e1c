"""The GitHub workflows that `init --ci github` writes, from templates that come with the package.

Whatever comes from a file name, a branch or an option reaches a shell through `env` alone, and a text that
GitHub would evaluate (`${{ … }}`) is refused: names are data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockflight import __version__, names
from lockflight.config import Manifest
from lockflight.errors import InputError
from lockflight.setup.image_texts import PLACEHOLDER
from lockflight.setup.naming import repository_name, service_name
from lockflight.setup.survey import Survey, api_file
from lockflight.yaml_text import scalar

SERVICE_WORKFLOW = ".github/workflows/lockflight-record.yml"
LOCK_WORKFLOW = ".github/workflows/lockflight-lock.yml"

# By commit, because a tag can be moved; each was seen beside its version in several public workflows.
ACTIONS = {
    "checkout": "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
    "setup_python": "actions/setup-python@a309ff8b426b58ec0e2a45f0f869d46889d02405 # v6.2.0",
    "upload_artifact": "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
    "setup_buildx": "docker/setup-buildx-action@4d04d5d9486b7bd6fa91e7baf45bbb4f8b9deedd # v4.0.0",
    "login": "docker/login-action@b45d80f862d83dbcd57f89517bcf500b2ab88fb2 # v4.0.0",
    "build_push": "docker/build-push-action@d08e5c354a6adb9ed34480a06d141179aa583294 # v7.0.0",
}
GITHUB_REGISTRY = "ghcr.io"
_GITHUB = re.compile(r"(?:https://|ssh://git@|git@)github\.com[/:]([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


@dataclass(frozen=True, slots=True)
class Login:
    """How a workflow logs in to a registry: expressions, never values."""

    registry: str
    username: str
    password: str
    needs_secrets: bool


@dataclass(frozen=True, slots=True)
class ServiceBuild:
    """What the workflow of one service builds, and where it pushes."""

    service: str
    image: str
    login: Login
    branch: str = "main"
    api: str | None = None
    todos: list[str] = field(default_factory=list)


def service_build(survey: Survey, folder: Path, service: str | None, registry: str | None) -> ServiceBuild:
    """What there is to build in a service's own repository."""
    name = service or service_name(repository_name(survey.repository) or survey.folder)
    image, todos = _image(survey, name, registry)
    if "." not in survey.dockerfiles:
        todos = [*todos, "a Dockerfile in the repository's root, or 'context' and 'file' in the workflow"]
    login = login_to(names.parse_reference(image).registry)
    if login.needs_secrets and PLACEHOLDER not in image:
        todos = [*todos, _secrets_to_add(login)]
    return ServiceBuild(name, image, login, _branch(survey), api_file(folder), todos)


def _image(survey: Survey, service: str, registry: str | None) -> tuple[str, list[str]]:
    """Where the image goes: as told, else to GitHub's registry, in the folder of the repository's owner."""
    last = service_name(service)
    if registry:
        return f"{registry.rstrip('/')}/{last}", []
    at_github = _GITHUB.fullmatch(survey.repository or "")
    if at_github:
        return f"{GITHUB_REGISTRY}/{at_github[1].lower()}/{last}", []
    return f"{PLACEHOLDER}/{last}", [f"IMAGE: where the image is to be pushed, instead of {PLACEHOLDER}"]


def _branch(survey: Survey) -> str:
    """The branch whose builds count; one with signs that a filter would read as a pattern is not guessed."""
    branch = survey.branch or "main"
    return branch if re.fullmatch(r"[A-Za-z0-9._/-]+", branch) else "main"


def login_to(registry: str, suffix: str = "") -> Login:
    """GitHub's registry takes the job's own token; any other needs a name and a password as secrets."""
    if registry == GITHUB_REGISTRY:
        return Login(registry, "${{ github.actor }}", "${{ secrets.GITHUB_TOKEN }}", False)
    user, password = f"REGISTRY_USERNAME{suffix}", f"REGISTRY_PASSWORD{suffix}"
    return Login(registry, f"${{{{ secrets.{user} }}}}", f"${{{{ secrets.{password} }}}}", True)


def _secrets_to_add(login: Login) -> str:
    found = re.findall(r"secrets\.(\w+)", f"{login.username} {login.password}")
    return f"the repository's secrets {' and '.join(found)}, for {login.registry}"


def service_workflow(build: ServiceBuild) -> str:
    """The text of a service's workflow: build, push, record."""
    return _rendered("lockflight-record.yml.j2", build=build)


def lock_workflow(manifest: Manifest) -> tuple[str, list[str]]:
    """The text of the pull-request workflow of the manifest's repository, and what is left to do."""
    registries = _registries(manifest)
    suffixes = [""] if len(registries) == 1 else [f"_{_in_capitals(registry)}" for registry in registries]
    logins = [login_to(registry, suffix) for registry, suffix in zip(registries, suffixes, strict=False)]
    todos = [_secrets_to_add(login) for login in logins if login.needs_secrets]
    return _rendered("lockflight-lock.yml.j2", logins=logins), todos


def _registries(manifest: Manifest) -> list[str]:
    """The registries of the services' images; no placeholder, and none that only this machine reaches."""
    references = (manifest.image_of(service, "0" * 40) for service in manifest.services)
    hosts = {reference.registry for reference in references if reference is not None}
    local = ("localhost", "127.0.0.1", "[::1]")
    placeholder = PLACEHOLDER.split("/")[0]
    return sorted(host for host in hosts if host != placeholder and not host.startswith(local))


def _in_capitals(registry: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", registry.upper()).strip("_")


def _rendered(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # GitHub's own expressions are written with double braces, and stay as they are.
    environment = Environment(  # noqa: S701 -- the output is YAML, every value is quoted by the filter below
        loader=PackageLoader("lockflight.setup"),
        undefined=StrictUndefined,
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data"] = _as_data
    return environment.get_template(template).render(
        actions=ACTIONS, lockflight_version=__version__, **values
    )


def _as_data(value: str) -> str:
    """A value as a YAML scalar that GitHub takes as it is."""
    if "${{" in value:
        raise InputError(f"{value!r} would be evaluated by GitHub; a workflow cannot name it")
    return scalar(value)
