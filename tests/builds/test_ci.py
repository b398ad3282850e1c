"""Each CI says in its own variables which commit is built; a pull request's is its head, not the merge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockflight.builds.ci import RunningBuild, clean, running_build
from lockflight.errors import InputError

HEAD, MERGE = "a" * 40, "b" * 40
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/cart",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_SHA": MERGE,
}


def github(tmp_path: Path, event: str, payload: object) -> RunningBuild:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(payload))
    found = running_build({**GITHUB, "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(file)})
    assert found is not None
    return found


def test_outside_of_a_ci_there_is_no_running_build() -> None:
    assert running_build({"HOME": "/root", "GITHUB_ACTIONS": ""}) is None


def test_a_push_builds_its_own_commit(tmp_path: Path) -> None:
    found = github(tmp_path, "push", {})
    assert (found.commit, found.merge) == (MERGE, None)
    assert found.repository == "https://github.com/acme/cart"
    assert found.run == "https://github.com/acme/cart/actions/runs/4711"


def test_a_pull_request_is_its_head_and_not_the_merge_commit(tmp_path: Path) -> None:
    found = github(tmp_path, "pull_request", {"pull_request": {"head": {"sha": HEAD}}})
    assert (found.commit, found.merge) == (HEAD, MERGE)


def test_the_base_that_pull_request_target_runs_on_is_no_merge_of_the_head(tmp_path: Path) -> None:
    found = github(tmp_path, "pull_request_target", {"pull_request": {"head": {"sha": HEAD}}})
    assert (found.commit, found.merge) == (HEAD, None)


def test_a_workflow_run_is_about_the_commit_of_the_run_that_started_it(tmp_path: Path) -> None:
    found = github(tmp_path, "workflow_run", {"workflow_run": {"head_sha": HEAD}})
    assert (found.commit, found.merge) == (HEAD, None)


@pytest.mark.parametrize("payload", [{}, {"pull_request": None}, {"pull_request": {"head": {}}}, []])
def test_an_event_without_a_head_is_refused(tmp_path: Path, payload: object) -> None:
    with pytest.raises(InputError, match=r"says no pull_request\.head\.sha"):
        github(tmp_path, "pull_request", payload)


def test_a_pull_request_without_its_event_is_refused() -> None:
    with pytest.raises(InputError, match="GITHUB_EVENT_PATH is not set"):
        running_build({**GITHUB, "GITHUB_EVENT_NAME": "pull_request"})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {"GITLAB_CI": "true", "CI_COMMIT_SHA": HEAD, "CI_PROJECT_URL": "https://gitlab.example/a"},
            RunningBuild("GitLab CI", HEAD, None, "https://gitlab.example/a", None),
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_COMMIT_SHA": MERGE,
                "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
                "CI_PIPELINE_URL": "https://gitlab.example/a/-/pipelines/7",
            },
            RunningBuild("GitLab CI", HEAD, MERGE, None, "https://gitlab.example/a/-/pipelines/7"),
        ),
        (
            {
                "JENKINS_URL": "https://ci",
                "GIT_COMMIT": HEAD,
                "GIT_URL": "https://git/a",
                "BUILD_URL": "https://ci/1",
            },
            RunningBuild("Jenkins", HEAD, None, "https://git/a", "https://ci/1"),
        ),
        ({"BUILDKITE": "true", "BUILDKITE_COMMIT": HEAD}, RunningBuild("Buildkite", HEAD)),
        ({"BUILDKITE": "true", "BUILDKITE_COMMIT": "HEAD"}, RunningBuild("Buildkite")),
        ({"CIRCLECI": "true", "CIRCLE_SHA1": HEAD}, RunningBuild("CircleCI", HEAD)),
        (
            {"TF_BUILD": "True", "SYSTEM_PULLREQUEST_SOURCECOMMITID": HEAD, "BUILD_SOURCEVERSION": MERGE},
            RunningBuild("Azure Pipelines", HEAD, MERGE),
        ),
        (
            {"TRAVIS": "true", "TRAVIS_PULL_REQUEST_SHA": "", "TRAVIS_COMMIT": HEAD},
            RunningBuild("Travis CI", HEAD),
        ),
        (
            {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_COMMIT": HEAD},
            RunningBuild("Bitbucket Pipelines", HEAD),
        ),
        ({"DRONE": "true", "DRONE_COMMIT_SHA": HEAD}, RunningBuild("Drone", HEAD)),
    ],
)
def test_other_systems_say_it_in_variables(environment: dict[str, str], expected: RunningBuild) -> None:
    assert running_build(environment) == expected


def test_what_no_record_has_room_for_is_left_out() -> None:
    said = RunningBuild("Jenkins", "v1.2", "main", "https://git/a\nb", "x" * 2000)
    assert clean(said) == RunningBuild("Jenkins")
    whole = RunningBuild("Jenkins", HEAD, MERGE, "https://token@git/a", "https://ci/1")
    assert clean(whole) == RunningBuild("Jenkins", HEAD, MERGE, "https://git/a", "https://ci/1")
