"""`lockflight record`: the commit that is recorded is the commit that was built, or there is no record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockflight.builds.make import Made, RecordRequest, make_record
from lockflight.errors import InputError, LockflightError, Refused
from lockflight.ports.registry import OCI_INDEX, Registry, RegistryUnavailable
from lockflight.testing.clock import FakeClock
from lockflight.testing.git import FakeGit
from lockflight.testing.registry import FakeRegistry

SAMPLES = Path(__file__).parent / "samples"
COMMIT = "7ef65d6449fb9e0f573eee46308e04d66912638e"
HEAD, MERGE, OTHER = "a" * 40, "b" * 40, "d" * 40
DIGEST = "sha256:19ffeab6f8bc9293ac2c3fdf94ebe28396254c993aea0b5a542cfb02e0883fa3"
OTHER_DIGEST = "sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
IMAGE = RecordRequest(service="cart", image=f"ghcr.io/acme/cart:1@{DIGEST}")


@dataclass
class Repository:
    """A checkout in which a record is made."""

    root: Path
    git: FakeGit = field(
        default_factory=lambda: FakeGit(commit=COMMIT, repository="https://git.example/acme/cart")
    )
    environment: dict[str, str] = field(default_factory=dict)

    def record(
        self, request: RecordRequest = IMAGE, *, registry: Registry | None = None, **changes: Any
    ) -> Made:
        return make_record(
            replace(request, **changes),
            git=self.git,
            clock=FakeClock(NOON),
            environment=self.environment,
            root=self.root,
            registry=registry,
        )

    def refusal(self, request: RecordRequest = IMAGE, **changes: Any) -> LockflightError:
        with pytest.raises((InputError, Refused)) as caught:
            self.record(request, **changes)
        return caught.value

    def in_pull_request(self, head: str = HEAD, merge: str = MERGE) -> None:
        event = self.root / "event.json"
        event.write_text(json.dumps({"pull_request": {"head": {"sha": head}}}))
        self.environment = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": merge,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "acme/cart",
            "GITHUB_RUN_ID": "4711",
        }

    def write(self, name: str, data: Any) -> str:
        (self.root / name).write_text(data if isinstance(data, str) else json.dumps(data))
        return name


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_on_a_person_s_machine_the_commit_is_the_one_checked_out(repository: Repository) -> None:
    record = repository.record().record
    assert record.commit == COMMIT
    assert (record.service, record.image, record.tag, record.digest) == (
        "cart",
        "ghcr.io/acme/cart",
        "1",
        DIGEST,
    )
    assert (record.repository, record.built) == ("https://git.example/acme/cart", NOON)


def test_in_a_pull_request_the_head_is_recorded_and_not_the_merge(repository: Repository) -> None:
    repository.in_pull_request()
    repository.git.commit = MERGE
    record = repository.record().record
    assert record.commit == HEAD
    assert record.repository == "https://github.com/acme/cart"
    assert record.run == "https://github.com/acme/cart/actions/runs/4711"


def test_in_a_pull_request_the_head_may_be_checked_out(repository: Repository) -> None:
    repository.in_pull_request()
    repository.git.commit = HEAD
    assert repository.record().record.commit == HEAD


def test_another_commit_in_the_checkout_is_refused_with_both(repository: Repository) -> None:
    repository.in_pull_request()
    repository.git.commit = OTHER
    refusal = repository.refusal()
    assert isinstance(refusal, Refused)
    assert HEAD in str(refusal)
    assert OTHER in str(refusal)


def test_an_explicit_commit_beats_everything(repository: Repository) -> None:
    repository.in_pull_request()
    repository.git.commit = OTHER
    assert repository.record(commit=COMMIT).record.commit == COMMIT


@pytest.mark.parametrize("commit", ["7ef65d6", "HEAD", COMMIT.upper()])
def test_a_commit_that_is_not_whole_is_refused(repository: Repository, commit: str) -> None:
    assert "is no full commit" in str(repository.refusal(commit=commit))


def test_without_a_repository_and_a_ci_there_is_no_record(repository: Repository) -> None:
    repository.git.commit = None
    assert "there is no commit here" in str(repository.refusal())


def test_a_job_without_a_checkout_believes_its_ci(repository: Repository) -> None:
    repository.in_pull_request()
    repository.git.commit = None
    assert repository.record().record.commit == HEAD


def test_uncommitted_changes_are_refused(repository: Repository) -> None:
    repository.git.dirty.add(".")
    refusal = repository.refusal()
    assert isinstance(refusal, Refused)
    assert "uncommitted changes" in str(refusal)


def test_changes_outside_the_service_s_folder_do_not_matter(repository: Repository) -> None:
    repository.git.dirty.add(".")
    assert repository.record(path="services/cart").record.path == "services/cart"


def test_files_that_a_ci_wrote_into_its_checkout_do_not_matter(repository: Repository) -> None:
    repository.in_pull_request()
    repository.git.commit = HEAD
    repository.git.dirty.add(".")
    assert repository.record().record.commit == HEAD


@pytest.mark.parametrize(
    "url", ["https://gitlab-ci-token:hush@git.example/acme/cart", "https://hush@git.example/acme/cart"]
)
def test_credentials_in_urls_are_not_recorded(repository: Repository, url: str) -> None:
    repository.git.repository = url
    assert repository.record().record.repository == "https://git.example/acme/cart"
    repository.environment = {"JENKINS_URL": "x", "GIT_COMMIT": COMMIT, "GIT_URL": url, "BUILD_URL": url}
    assert "hush" not in str(repository.record().record)


def test_build_metadata_gives_image_digest_and_time(repository: Repository) -> None:
    file = repository.write("metadata.json", (SAMPLES / "buildx_index.json").read_text())
    record = repository.record(RecordRequest(service="cart", metadata=(file,))).record
    assert (record.image, record.tag, record.digest) == ("ghcr.io/acme/cart", "main-7ef65d6", DIGEST)
    assert record.built == datetime(2026, 11, 20, 17, 12, 9, tzinfo=UTC)
    assert record.media_type == "application/vnd.oci.image.index.v1+json"


def test_metadata_of_another_commit_is_refused_with_both(repository: Repository) -> None:
    repository.git.commit = OTHER
    file = repository.write("metadata.json", (SAMPLES / "buildx_index.json").read_text())
    refusal = repository.refusal(RecordRequest(metadata=(file,)))
    assert isinstance(refusal, Refused)
    assert COMMIT in str(refusal)
    assert OTHER in str(refusal)


def test_an_image_built_from_the_merge_commit_is_noted(repository: Repository) -> None:
    repository.in_pull_request(merge=COMMIT)
    repository.git.commit = COMMIT
    file = repository.write("metadata.json", (SAMPLES / "buildx_index.json").read_text())
    made = repository.record(RecordRequest(metadata=(file,)))
    assert made.record.commit == HEAD
    assert [(note.code, note.note) for note in made.notes] == [("built-from-merge", True)]


def test_labels_and_build_metadata_are_put_together(repository: Repository) -> None:
    repository.write("meta.json", (SAMPLES / "metadata_action.json").read_text())
    repository.write("build.json", (SAMPLES / "build_push.json").read_text())
    record = repository.record(RecordRequest(service="cart", metadata=("meta.json", "build.json"))).record
    assert (record.version, record.digest, record.tag) == ("1.4.2", DIGEST, "main")


def test_metadata_files_that_disagree_are_refused(repository: Repository) -> None:
    for name, digest in (("one.json", DIGEST), ("two.json", OTHER_DIGEST)):
        repository.write(name, {"image.name": "ghcr.io/acme/cart:main", "containerimage.digest": digest})
    refusal = repository.refusal(RecordRequest(metadata=("one.json", "two.json")))
    assert isinstance(refusal, Refused)
    assert [problem.code for problem in refusal.problems] == ["records-disagree"]


@pytest.mark.parametrize(
    ("changes", "digest"), [({"service": "web"}, OTHER_DIGEST), ({"target": "cart"}, DIGEST)]
)
def test_a_target_of_a_bake_file_is_chosen_by_name(
    repository: Repository, changes: dict[str, Any], digest: str
) -> None:
    file = repository.write("bake.json", (SAMPLES / "bake.json").read_text())
    assert repository.record(RecordRequest(metadata=(file,)), **changes).record.digest == digest


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({}, "there are several builds in the metadata; it has cart, lint, web", "choose one with --target"),
        ({"target": "carts"}, "there is no target 'carts' in the metadata", "did you mean 'cart'?"),
    ],
)
def test_a_bake_file_of_which_no_target_is_meant_is_refused(
    repository: Repository, changes: dict[str, Any], message: str, hint: str
) -> None:
    file = repository.write("bake.json", (SAMPLES / "bake.json").read_text())
    (problem,) = repository.refusal(RecordRequest(metadata=(file,)), **changes).problems
    assert message in problem.message
    assert problem.hint == hint


def test_a_target_that_was_not_pushed_is_refused(repository: Repository) -> None:
    file = repository.write("bake.json", (SAMPLES / "bake.json").read_text())
    assert "built without push" in str(repository.refusal(RecordRequest(metadata=(file,), target="lint")))


def test_what_is_given_beats_what_was_found(repository: Repository) -> None:
    file = repository.write("metadata.json", (SAMPLES / "buildx_manifest.json").read_text())
    record = repository.record(
        RecordRequest(metadata=(file,), tag="v2", digest=OTHER_DIGEST, version="2.0.0")
    ).record
    assert (record.tag, record.digest, record.version) == ("v2", OTHER_DIGEST, "2.0.0")
    assert (record.platforms, record.media_type) == ({}, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"image": "https://ghcr.io/acme/cart"},
            "--image: 'https://ghcr.io/acme/cart' is not an image reference",
        ),
        ({"digest": "sha256:12"}, "digest"),
        ({"tag": "a b"}, "tag"),
        ({"service": "a/b"}, "service"),
    ],
)
def test_malformed_options_are_refused(repository: Repository, changes: dict[str, Any], message: str) -> None:
    refusal = repository.refusal(**changes)
    assert isinstance(refusal, InputError)
    assert message in str(refusal)


def test_without_any_image_there_is_no_record(repository: Repository) -> None:
    assert "no image is known for this build" in str(repository.refusal(RecordRequest(service="cart")))


def test_an_api_description_is_recorded_by_the_digest_of_its_bytes(repository: Repository) -> None:
    repository.write("openapi.yaml", "openapi: 3.1.0\r\n")
    api = repository.record(api="openapi.yaml").record.api
    assert api is not None
    assert api.path == "openapi.yaml"
    assert api.digest == f"sha256:{hashlib.sha256(b'openapi: 3.1.0' + bytes([13, 10])).hexdigest()}"


def test_the_path_of_an_api_description_starts_at_the_service_s_root(repository: Repository) -> None:
    (repository.root / "services" / "cart").mkdir(parents=True)
    repository.write("services/cart/openapi.yaml", "openapi: 3.1.0")
    for given in ("services/cart/openapi.yaml", "./services/web/../cart/openapi.yaml"):
        (repository.root / "services" / "web").mkdir(exist_ok=True)
        api = repository.record(api=given, path="services/cart").record.api
        assert api is not None
        assert api.path == "openapi.yaml"


def test_the_registry_tells_platforms_and_media_type(repository: Repository) -> None:
    registry = FakeRegistry()
    digest = registry.add_image("ghcr.io/acme/cart", "1", platforms=["linux/amd64", "linux/arm64"])
    made = repository.record(RecordRequest(image="ghcr.io/acme/cart:1"), registry=registry)
    assert made.record.digest == digest
    assert list(made.record.platforms) == ["linux/amd64", "linux/arm64"]
    assert made.record.media_type == OCI_INDEX
    assert made.notes == ()


def test_an_image_that_the_registry_does_not_have_is_noted(repository: Repository) -> None:
    made = repository.record(registry=FakeRegistry())
    assert [(note.code, note.note) for note in made.notes] == [("image-missing", True)]
    assert made.record.digest == DIGEST


def test_a_registry_that_is_down_is_noted_and_hinders_nothing(repository: Repository) -> None:
    registry = FakeRegistry()
    registry.failures["ghcr.io"] = RegistryUnavailable("ghcr.io gives no answer")
    made = repository.record(registry=registry)
    assert [(note.code, note.note) for note in made.notes] == [("registry-unreachable", True)]
    assert made.record.digest == DIGEST


@pytest.mark.parametrize(
    ("path", "message"), [("missing.yaml", "cannot be read"), ("../x.yaml", "leaves the repository")]
)
def test_an_api_description_must_be_there_and_inside(repository: Repository, path: str, message: str) -> None:
    assert message in str(repository.refusal(api=path))


REVISION = "org.opencontainers.image.revision"
TAGGED = RecordRequest(image="ghcr.io/acme/cart:1")


def test_an_image_whose_label_names_another_commit_is_not_recorded(repository: Repository) -> None:
    registry = FakeRegistry()
    registry.add_image("ghcr.io/acme/cart", "1", labels={REVISION: OTHER})
    with pytest.raises(Refused) as caught:
        repository.record(TAGGED, registry=registry)
    (problem,) = caught.value.problems
    assert problem.code == "revision-mismatch"
    assert OTHER in problem.message
    assert COMMIT in problem.message
    assert problem.hint


@pytest.mark.parametrize("revision", [COMMIT, COMMIT[:12], "main", ""])
def test_a_label_that_contradicts_nothing_hinders_no_record(repository: Repository, revision: str) -> None:
    registry = FakeRegistry()
    registry.add_image("ghcr.io/acme/cart", "1", labels={REVISION: revision})
    made = repository.record(TAGGED, registry=registry)
    assert (made.record.commit, made.notes) == (COMMIT, ())


def test_a_label_that_names_the_merge_commit_is_noted(repository: Repository) -> None:
    repository.in_pull_request()
    repository.git.commit = MERGE
    registry = FakeRegistry()
    registry.add_image("ghcr.io/acme/cart", "1", labels={REVISION: MERGE})
    made = repository.record(TAGGED, registry=registry)
    assert made.record.commit == HEAD
    assert [(note.code, note.found, note.note) for note in made.notes] == [("built-from-merge", MERGE, True)]


def test_metadata_without_an_image_name_is_named(repository: Repository) -> None:
    metadata = repository.write("build.json", {"containerimage.digest": DIGEST})
    (problem,) = repository.refusal(RecordRequest(metadata=(metadata,))).problems
    assert problem.message == "build.json names no image (Docker's own builder writes none)"
    assert problem.hint == "add --image REGISTRY/PATH:TAG"


def test_a_ci_whose_commit_is_none_is_refused_with_the_variable(repository: Repository) -> None:
    repository.environment = {"BUILDKITE": "true", "BUILDKITE_COMMIT": "v1.2"}
    assert "BUILDKITE_COMMIT of Buildkite says 'v1.2'" in str(repository.refusal())
    assert repository.record(commit=COMMIT).record.commit == COMMIT
