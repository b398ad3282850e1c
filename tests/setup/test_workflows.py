"""The generated workflows: what they contain, and what the linters of others say to them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lockflight import __version__
from lockflight.config import Manifest
from lockflight.errors import InputError
from lockflight.setup.survey import Survey
from lockflight.setup.workflows import ServiceBuild, lock_workflow, login_to, service_build, service_workflow
from lockflight.yaml_source import parse_document

AT_GITHUB = ServiceBuild("cart", "ghcr.io/acme/cart", login_to("ghcr.io"), api="openapi.yaml")
ELSEWHERE = ServiceBuild("cart", "registry.acme.org/cart", login_to("registry.acme.org"))
MANIFEST = Manifest.model_validate(
    {
        "version": 1,
        "project": "shop",
        "image": "ghcr.io/acme/{service}",
        "services": {"cart": {"path": "cart"}, "web": {"path": "web", "image": "registry.acme.org/web"}},
    }
)
WORKFLOWS = {
    "record": service_workflow(AT_GITHUB),
    "record-elsewhere": service_workflow(ELSEWHERE),
    "lock": lock_workflow(MANIFEST)[0],
}


def steps_of(name: str) -> list[dict[str, Any]]:
    jobs = parse_document(WORKFLOWS[name], name).data["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def job(name: str, job_name: str) -> dict[str, Any]:
    found: dict[str, Any] = parse_document(WORKFLOWS[name], name).data["jobs"][job_name]
    return found


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_by_commit_with_its_version_beside(name: str) -> None:
    lines = [line for line in WORKFLOWS[name].splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(r"\s+uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_from_outside_is_written_into_a_command(name: str) -> None:
    for step in steps_of(name):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_right_is_given_that_a_job_does_not_ask_for(name: str) -> None:
    assert "\npermissions: {}\n" in WORKFLOWS[name]
    for job in parse_document(WORKFLOWS[name], name).data["jobs"].values():
        assert job["permissions"].pop("contents") == "read"
        assert job["permissions"].keys() <= {"packages"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_checkout_leaves_no_token_and_is_of_the_head(name: str) -> None:
    checkouts = [
        step["with"] for step in steps_of(name) if step.get("uses", "").startswith("actions/checkout")
    ]
    assert checkouts
    for checkout in checkouts:
        assert checkout["persist-credentials"] is False
        assert "github.event.pull_request.head.sha || github.sha" in WORKFLOWS[name]


def test_only_the_job_that_pushes_may_write_packages_and_it_skips_forks() -> None:
    assert job("record", "record")["permissions"] == {"contents": "read", "packages": "write"}
    assert job("record", "check")["permissions"] == {"contents": "read"}
    assert "head.repo.full_name == github.repository" in job("record", "record")["if"]
    assert "head.repo.full_name != github.repository" in job("record", "check")["if"]
    pushes = [
        step["with"]["push"] for step in job("record", "check")["steps"] if "push" in step.get("with", {})
    ]
    assert pushes == [False]


def test_another_registry_needs_no_right_to_packages_but_secrets() -> None:
    assert job("record-elsewhere", "record")["permissions"] == {"contents": "read"}
    assert "${{ secrets.REGISTRY_PASSWORD }}" in WORKFLOWS["record-elsewhere"]
    assert "GITHUB_TOKEN" not in WORKFLOWS["record-elsewhere"]


def test_the_build_is_labelled_with_the_head_and_has_provenance() -> None:
    (build,) = [step["with"] for step in job("record", "record")["steps"] if step.get("id") == "build"]
    assert "org.opencontainers.image.revision=${{ env.COMMIT }}" in build["labels"]
    assert build["tags"] == "${{ env.IMAGE }}:${{ env.COMMIT }}"
    assert build["provenance"] is True


def test_the_record_is_pushed_with_the_metadata_and_kept() -> None:
    (run,) = [step["run"] for step in steps_of("record") if "lockflight record" in step.get("run", "")]
    for option in ("--service", "--metadata", "--image", "--digest", "--api", "--push", "-o"):
        assert f"{option} " in run
    (run,) = [
        step["run"] for step in steps_of("record-elsewhere") if "lockflight record" in step.get("run", "")
    ]
    assert "--api" not in run


def test_the_options_of_the_commands_exist() -> None:
    from lockflight.cli.app import command_parser

    text = command_parser("record").format_help() + command_parser("lock").format_help()
    for name in WORKFLOWS:
        for step in steps_of(name):
            if "lockflight " in step.get("run", ""):
                options = set(re.findall(r"(?<=\s)--?[a-z]+", step["run"]))
                assert all(option in text for option in options), options


def test_a_pull_request_never_cancels_what_a_branch_builds() -> None:
    text = WORKFLOWS["record"]
    assert "group: lockflight-record-${{ github.event.pull_request.number || github.run_id }}" in text
    assert "cancel-in-progress: ${{ github.event_name == 'pull_request' }}" in text


def test_this_version_is_installed_and_no_other() -> None:
    for text in WORKFLOWS.values():
        installs = [line for line in text.splitlines() if "pip install" in line]
        assert installs in ([], [f"        run: pip install lockflight=={__version__}"])


def test_several_registries_have_secrets_of_their_own() -> None:
    text, todos = lock_workflow(MANIFEST)
    assert "${{ secrets.REGISTRY_PASSWORD_REGISTRY_ACME_ORG }}" in text
    assert todos == [
        "the repository's secrets REGISTRY_USERNAME_REGISTRY_ACME_ORG and REGISTRY_PASSWORD_REGISTRY_ACME_ORG,"
        " for registry.acme.org"
    ]


@pytest.mark.parametrize(
    ("repository", "image"),
    [
        ("https://github.com/Acme/cart", "ghcr.io/acme/cart"),
        ("git@github.com:acme/cart.git", "ghcr.io/acme/cart"),
        ("https://git.example/acme/cart", "registry.example/your-team/cart"),
        (None, "registry.example/your-team/cart"),
    ],
)
def test_the_image_goes_to_the_registry_beside_the_repository(
    repository: str | None, image: str, tmp_path: Path
) -> None:
    build = service_build(Survey("cart", repository=repository, dockerfiles=(".",)), tmp_path, None, None)
    assert build.image == image
    assert bool(build.todos) is ("example" in image)


def test_a_branch_with_signs_is_not_guessed_and_a_name_with_an_expression_is_refused(tmp_path: Path) -> None:
    assert service_build(Survey("x", branch="a*${{ b }}"), tmp_path, None, None).branch == "main"
    with pytest.raises(InputError, match="evaluated by GitHub"):
        service_workflow(
            ServiceBuild("cart", "ghcr.io/acme/cart", login_to("ghcr.io"), api="${{ secrets.X }}.yaml")
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linted") / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, text in WORKFLOWS.items():
        (folder / f"{name}.yml").write_text(text)
    return folder


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or pytest.fail(f"{name} is missing: run .ci/setup, which installs it")


def test_the_schema_of_workflows_is_kept(folder: Path) -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, folder.iterdir())], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_security_linter_at_its_strictest_finds_nothing(folder: Path) -> None:
    command = [tool("zizmor"), "--offline", "--persona", "pedantic", "--no-progress", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
