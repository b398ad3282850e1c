"""What CI systems say in their environment about the build that is running: commit, repository, run.

A pull request's workflow mostly runs on a merge commit that nobody will ever see again; a record names the
head of the pull request. Sources: docs.github.com "Variables", docs.gitlab.com "Predefined variables", and
the like pages of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lockflight import names
from lockflight.errors import InputError
from lockflight.files import read_text
from lockflight.models import Line
from lockflight.yaml_source import parse_json

Environment = Mapping[str, str]

_LINE = TypeAdapter(Line)


@dataclass(frozen=True, slots=True)
class RunningBuild:
    """What a CI says of itself. `merge` is the commit that it checks out where that is not `commit`."""

    system: str
    commit: str | None = None
    merge: str | None = None
    repository: str | None = None
    run: str | None = None
    # Where `commit` was read, for messages.
    said_by: str = field(default="", compare=False)


def running_build(environment: Environment) -> RunningBuild | None:
    """The CI that this process runs in; None on a person's machine."""
    for mark, read in _SYSTEMS:
        if environment.get(mark):
            return read(environment)
    return None


def _github(environment: Environment) -> RunningBuild:
    (commit, said_by), merge = _github_commits(environment)
    repository = None
    if environment.get("GITHUB_SERVER_URL") and environment.get("GITHUB_REPOSITORY"):
        repository = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}"
    number = environment.get("GITHUB_RUN_ID")
    run = f"{repository}/actions/runs/{number}" if repository and number else None
    return RunningBuild("GitHub Actions", commit, merge, repository, run, said_by)


def _github_commits(environment: Environment) -> tuple[tuple[str | None, str], str | None]:
    """The commit with what said it, and the merge commit.

    Only `pull_request` runs on a merge of the head that its event names.
    """
    event = environment.get("GITHUB_EVENT_NAME", "")
    workflow_commit = environment.get("GITHUB_SHA") or None
    if event in ("pull_request", "pull_request_target"):
        commit = _in_event(environment, "pull_request", "head", "sha")
        # pull_request_target runs on the base branch: that is no merge, and not what the record is about.
        return (commit, "GITHUB_EVENT_PATH"), workflow_commit if event == "pull_request" else None
    if event == "workflow_run":
        return (_in_event(environment, "workflow_run", "head_sha"), "GITHUB_EVENT_PATH"), None
    return (workflow_commit, "GITHUB_SHA"), None


def _in_event(environment: Environment, *path: str) -> str:
    file = environment.get("GITHUB_EVENT_PATH", "")
    name = environment["GITHUB_EVENT_NAME"]
    hint = "say the commit yourself: --commit"
    if not file:
        raise InputError(f"GITHUB_EVENT_PATH is not set, so the head of the {name} is unknown", hint=hint)
    value: Any = parse_json(read_text(Path(file)), file)
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise InputError(f"the event in {file} says no {'.'.join(path)}", hint=hint)
    return value


def _variables(
    system: str, *, commit: tuple[str, ...], merge: str = "", repository: str = "", run: str = ""
) -> Callable[[Environment], RunningBuild]:
    """A system whose variables say it all; the first of `commit` that is set counts."""

    def read(environment: Environment) -> RunningBuild:
        said_by = next((name for name in commit if environment.get(name)), "")
        # Buildkite says HEAD where nobody asked for a commit.
        said = None if environment.get(said_by) == "HEAD" else environment.get(said_by)
        merged = environment.get(merge) or None
        return RunningBuild(
            system,
            said,
            merged if merged != said else None,
            environment.get(repository) or None,
            environment.get(run) or None,
            said_by,
        )

    return read


# The variable that is set in nobody else's environment, and how to read the rest. Forgejo and Gitea set
# GITHUB_ACTIONS too, with the same meaning.
_SYSTEMS: tuple[tuple[str, Callable[[Environment], RunningBuild]], ...] = (
    ("GITHUB_ACTIONS", _github),
    (
        "GITLAB_CI",
        _variables(
            "GitLab CI",
            # Set in pipelines on merged results only; elsewhere CI_COMMIT_SHA is the head itself.
            commit=("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
            merge="CI_COMMIT_SHA",
            repository="CI_PROJECT_URL",
            run="CI_PIPELINE_URL",
        ),
    ),
    (
        "TF_BUILD",
        _variables(
            "Azure Pipelines",
            commit=("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"),
            merge="BUILD_SOURCEVERSION",
            repository="BUILD_REPOSITORY_URI",
        ),
    ),
    (
        "BUILDKITE",
        _variables(
            "Buildkite",
            commit=("BUILDKITE_COMMIT",),
            repository="BUILDKITE_REPO",
            run="BUILDKITE_BUILD_URL",
        ),
    ),
    (
        "CIRCLECI",
        _variables(
            "CircleCI",
            commit=("CIRCLE_SHA1",),
            repository="CIRCLE_REPOSITORY_URL",
            run="CIRCLE_BUILD_URL",
        ),
    ),
    (
        "TRAVIS",
        _variables(
            "Travis CI",
            commit=("TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"),
            merge="TRAVIS_COMMIT",
            run="TRAVIS_BUILD_WEB_URL",
        ),
    ),
    (
        "BITBUCKET_BUILD_NUMBER",
        _variables(
            "Bitbucket Pipelines", commit=("BITBUCKET_COMMIT",), repository="BITBUCKET_GIT_HTTP_ORIGIN"
        ),
    ),
    (
        "DRONE",
        _variables(
            "Drone", commit=("DRONE_COMMIT_SHA",), repository="DRONE_REPO_LINK", run="DRONE_BUILD_LINK"
        ),
    ),
    (
        "JENKINS_URL",
        _variables("Jenkins", commit=("GIT_COMMIT",), repository="GIT_URL", run="BUILD_URL"),
    ),
)


def clean(build: RunningBuild) -> RunningBuild:
    """The same without credentials, which CIs put into the URLs that they clone from, and without whatever
    no record and no lock has room for: a commit that is none, a URL of several lines."""
    return RunningBuild(
        build.system,
        _commit(build.commit),
        _commit(build.merge),
        _line(build.repository),
        _line(build.run),
        build.said_by,
    )


def _commit(text: str | None) -> str | None:
    return text if text is not None and names.is_commit(text) else None


def _line(text: str | None) -> str | None:
    try:
        return names.without_credentials(_LINE.validate_python(text))
    except ValidationError:
        return None
