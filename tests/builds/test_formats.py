"""Every format is recognised by its content, and says exactly what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.builds.formats import FORMATS, Reading, readings_in
from lockflight.builds.formats.documents import documents_in
from lockflight.errors import InputError

SAMPLES = Path(__file__).parent / "samples"
COMMIT = "7ef65d6449fb9e0f573eee46308e04d66912638e"
DIGEST = "sha256:19ffeab6f8bc9293ac2c3fdf94ebe28396254c993aea0b5a542cfb02e0883fa3"
OTHER_DIGEST = "sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74"
CONFIG_DIGEST = "sha256:2937f66a9722f7f4a2df583de2f8cb97fc9196059a410e7f00072fc918930e66"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def read(text: str) -> list[Reading]:
    readings = readings_in(text, "build.json")
    assert readings is not None
    return readings


def read_one(data: Any) -> Reading:
    (reading,) = read(data if isinstance(data, str) else json.dumps(data))
    return reading


def refused(data: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(data if isinstance(data, str) else json.dumps(data, indent=2))
    return [str(problem) for problem in caught.value.problems]


def described(reading: Reading) -> dict[str, Any]:
    return reading.record.model_dump(exclude_none=True, exclude_defaults=True)


def test_json_may_be_indented_with_tabs() -> None:
    record = json.loads(sample("record.json"))
    assert read_one(json.dumps(record, indent="\t")).name == "cart"


def test_a_number_of_any_length_is_read() -> None:
    assert readings_in('{"a": ' + "1" * 5000 + "}", "build.json") is None


def test_every_format_has_a_sample_that_it_alone_recognises() -> None:
    recognised = set()
    for file in sorted(SAMPLES.iterdir()):
        (document,) = documents_in(file.read_text(), file.name)
        names = [known.name for known in FORMATS if known.recognises(document.data)]
        assert len(names) == 1, (file.name, names)
        recognised.update(names)
    assert recognised == {known.name for known in FORMATS}


def test_a_record_of_ours_is_read_whole() -> None:
    reading = read_one(sample("record.json"))
    assert described(reading) == {
        key: value for key, value in json.loads(sample("record.json")).items() if key != "lockflight_record"
    }
    assert reading.name == "cart"


def test_records_may_stand_in_a_list_or_one_after_the_other() -> None:
    record = json.loads(sample("record.json"))
    other = {**record, "service": "web"}
    as_list = read(json.dumps([record, other]))
    as_lines = read(f"{json.dumps(record)}\n{json.dumps(other)}\n")
    assert [reading.name for reading in as_list] == ["cart", "web"]
    assert as_lines == as_list


def test_a_record_of_a_later_version_is_refused_with_its_version() -> None:
    (problem,) = refused({"lockflight_record": 2, "anything": "new"})
    assert "build.json:2: lockflight_record: is a record of version 2" in problem


def test_every_problem_of_a_record_is_reported_with_its_line() -> None:
    problems = refused({"lockflight_record": 1, "comit": COMMIT, "digest": "sha256:12", "image": "Cart"})
    assert sorted(problem.split(": ")[:2] for problem in problems) == [
        ["build.json:3", "comit"],
        ["build.json:4", "digest"],
        ["build.json:5", "image"],
    ]


def test_problems_in_newline_delimited_records_point_at_their_line() -> None:
    record = sample("record.json")
    line = json.dumps(json.loads(record))
    broken = json.dumps({**json.loads(record), "commit": "abc"})
    (problem,) = refused(f"{line}\n{broken}\n")
    assert problem.startswith("build.json:2: commit: 'abc' does not fit; expected a full commit")


def test_buildx_metadata_of_an_index_gives_the_index() -> None:
    reading = read_one(sample("buildx_index.json"))
    assert described(reading) == {
        "commit": COMMIT,
        "repository": "https://github.com/acme/cart.git",
        "image": "ghcr.io/acme/cart",
        "tag": "main-7ef65d6",
        "digest": DIGEST,
        "media_type": "application/vnd.oci.image.index.v1+json",
        "built": "2026-11-20T17:12:09Z",
    }


def test_credentials_in_a_repository_url_are_not_kept() -> None:
    assert "hush" not in str(read_one(sample("buildx_index.json")).record)


def test_the_index_is_deployed_even_for_one_platform() -> None:
    """With attestations the digest is that of an index: the platform's manifest must not be derived."""
    data = json.loads(sample("buildx_index.json"))
    data["containerimage.descriptor"]["platform"] = {"os": "linux", "architecture": "amd64"}
    record = read_one(data).record
    assert (record.digest, record.platforms) == (DIGEST, {})


def test_buildx_metadata_of_a_manifest_gives_its_platform() -> None:
    record = read_one(sample("buildx_manifest.json")).record
    assert record.platforms == {"linux/amd64": DIGEST}
    assert (record.commit, record.repository) == (COMMIT, "https://github.com/acme/cart.git")


def test_a_config_digest_is_never_taken_for_the_image() -> None:
    data = json.loads(sample("buildx_manifest.json"))
    del data["containerimage.digest"], data["containerimage.descriptor"]
    (problem,) = refused(data)
    assert "it was built without push, so no registry has it" in problem


def test_the_image_store_of_docker_answers_with_an_image_id_which_no_registry_has() -> None:
    (problem,) = refused(sample("buildx_without_push.json"))
    assert "it was built without push, so no registry has it" in problem


def test_a_repository_that_the_dockerfile_adds_is_not_the_source() -> None:
    data = json.loads(sample("buildx_index.json"))
    del data["buildx.build.provenance/linux/amd64"]["metadata"]
    assert read_one(data).record.commit is None


@pytest.mark.parametrize(
    "provenance",
    [
        {"runDetails": {"metadata": {"buildkit_metadata": {"vcs": {"revision": COMMIT}}}}},
        {"invocation": {"parameters": {"args": {"vcs:revision": COMMIT}}}},
        {"invocation": {"parameters": {"root": {"request": {"args": {"vcs:revision": COMMIT}}}}}},
        {"invocation": {"parameters": {"args": {"label:org.opencontainers.image.revision": COMMIT}}}},
        {"buildDefinition": {"externalParameters": {"configSource": {"digest": {"sha1": COMMIT}}}}},
    ],
)
def test_the_commit_is_found_wherever_provenance_has_it(provenance: dict[str, Any]) -> None:
    assert (
        read_one({"containerimage.digest": DIGEST, "buildx.build.provenance": provenance}).record.commit
        == COMMIT
    )


def test_platforms_that_were_built_from_different_commits_are_refused() -> None:
    def provenance(commit: str) -> dict[str, Any]:
        return {"invocation": {"configSource": {"digest": {"sha1": commit}}}}

    (problem,) = refused(
        {
            "containerimage.digest": DIGEST,
            "buildx.build.provenance/linux/amd64": provenance("a" * 40),
            "buildx.build.provenance/linux/arm64": provenance("b" * 40),
        }
    )
    assert "a" * 40 in problem
    assert "b" * 40 in problem


def test_a_dirty_tree_is_refused() -> None:
    provenance = {"invocation": {"parameters": {"args": {"vcs:revision": f"{COMMIT}-dirty"}}}}
    (problem,) = refused({"containerimage.digest": DIGEST, "buildx.build.provenance": provenance})
    assert "uncommitted changes" in problem


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "yesterday", "2026-11-20T17:12:03", []])
def test_a_malformed_time_is_refused(time: Any) -> None:
    data = json.loads(sample("buildx_manifest.json"))
    data["containerimage.descriptor"]["annotations"]["org.opencontainers.image.created"] = time
    (problem,) = refused(data)
    assert "containerimage.descriptor.annotations.org.opencontainers.image.created: " in problem


def test_digest_and_descriptor_that_differ_are_refused_with_both() -> None:
    data = json.loads(sample("buildx_manifest.json"))
    data["containerimage.descriptor"]["digest"] = OTHER_DIGEST
    (problem,) = refused(data)
    assert DIGEST in problem
    assert OTHER_DIGEST in problem


@pytest.mark.parametrize("digest", ["sha256:abc", DIGEST[:-1], DIGEST.upper(), "latest", 7])
def test_a_malformed_digest_is_refused_at_its_line(digest: Any) -> None:
    (problem,) = refused({"image.name": "ghcr.io/acme/cart:1", "containerimage.digest": digest})
    assert problem.startswith("build.json:3: containerimage.digest: ")


@pytest.mark.parametrize(
    "name", ["ghcr.io/Acme/cart", "https://ghcr.io/acme/cart", "ghcr.io/acme/cart:", "a b"]
)
def test_a_malformed_reference_is_refused_at_its_line(name: str) -> None:
    (problem,) = refused({"image.name": name, "containerimage.digest": DIGEST})
    assert problem.startswith("build.json:2: image.name: ")


@pytest.mark.parametrize(
    ("tags", "chosen"),
    [
        (["latest", COMMIT, "sha-7ef65d6"], COMMIT),
        (["latest", "sha-7ef65d6", "1.4.2"], "sha-7ef65d6"),
        (["1.4.2", "main-7ef65d6"], "main-7ef65d6"),
        (["1.4.2", "main-7ef65d6", f"main-{COMMIT}"], f"main-{COMMIT}"),
        (["1.4.2", "9999999"], "1.4.2"),
        (["latest", "1.4.2"], "1.4.2"),
        (["deadbeef", "1.4.2"], "deadbeef"),
    ],
)
def test_of_several_tags_the_one_with_the_commit_is_kept(tags: list[str], chosen: str) -> None:
    data = json.loads(sample("buildx_index.json"))
    data["image.name"] = ",".join(f"ghcr.io/acme/cart:{tag}" for tag in tags)
    assert read_one(data).record.tag == chosen


def test_a_full_commit_as_tag_is_kept_but_not_believed() -> None:
    data = {"containerimage.digest": DIGEST, "image.name": f"ghcr.io/acme/cart:v1,ghcr.io/acme/cart:{COMMIT}"}
    record = read_one(data).record
    assert (record.tag, record.commit) == (COMMIT, None)


def test_bake_has_one_build_for_each_target_and_warnings_are_no_target() -> None:
    readings = read(sample("bake.json"))
    assert [(reading.target, reading.record.digest, reading.pushed) for reading in readings] == [
        ("cart", DIGEST, True),
        ("lint", None, False),
        ("web", OTHER_DIGEST, True),
    ]


def test_bake_without_any_push_is_refused_for_each_target() -> None:
    data = {"cart": {"buildx.build.ref": "a/b/c"}, "web": {"buildx.build.ref": "a/b/d"}}
    assert [problem.split(": ")[:2] for problem in refused(data)] == [
        ["build.json:2", "cart"],
        ["build.json:5", "web"],
    ]


def test_problems_of_all_targets_are_reported_together() -> None:
    data = {name: {"containerimage.digest": "sha256:1"} for name in ("cart", "web")}
    assert len(refused(data)) == 2


@pytest.mark.parametrize("as_text", [True, False])
def test_build_push_outputs_are_read_with_metadata_as_text_or_mapping(as_text: bool) -> None:
    data = json.loads(sample("build_push.json"))
    if not as_text:
        data["metadata"] = json.loads(data["metadata"])
    record = read_one(data).record
    assert (record.image, record.tag, record.digest) == ("ghcr.io/acme/cart", "main", DIGEST)


def test_a_whole_workflow_step_is_read_through_its_outputs() -> None:
    step = {"outputs": json.loads(sample("build_push.json")), "outcome": "success", "conclusion": "success"}
    assert read_one(step).record.digest == DIGEST


def test_bake_action_outputs_are_a_bake_file_in_a_text() -> None:
    assert len(read(json.dumps({"metadata": sample("bake.json")}))) == 3


def test_build_push_outputs_without_digest_were_not_pushed() -> None:
    (problem,) = refused({"imageid": CONFIG_DIGEST, "digest": "", "metadata": ""})
    assert "it was built without push" in problem


def test_build_push_outputs_with_the_digest_of_the_configuration_were_not_pushed() -> None:
    metadata = json.loads(sample("buildx_without_push.json"))
    (problem,) = refused({"imageid": CONFIG_DIGEST, "digest": CONFIG_DIGEST, "metadata": metadata})
    assert "it was built without push" in problem


def test_build_push_outputs_must_agree_with_their_metadata() -> None:
    (problem,) = refused({**json.loads(sample("build_push.json")), "digest": OTHER_DIGEST})
    assert problem.startswith("build.json:3: digest: ")
    assert DIGEST in problem


def test_metadata_action_gives_labels_and_the_tag_of_the_commit() -> None:
    assert described(read_one(sample("metadata_action.json"))) == {
        "commit": COMMIT,
        "repository": "https://github.com/acme/cart",
        "image": "ghcr.io/acme/cart",
        "tag": "sha-7ef65d6",
        "version": "1.4.2",
        "built": "2026-11-20T17:10:58Z",
    }


def test_all_outputs_of_metadata_action_are_read_through_their_json() -> None:
    outputs = {"json": sample("metadata_action.json"), "labels": "a=b\nc=d", "tags": "x\ny"}
    assert read_one(outputs).record.version == "1.4.2"


def test_a_shortened_commit_is_left_out_and_never_padded() -> None:
    data = json.loads(sample("metadata_action.json"))
    data["labels"]["org.opencontainers.image.revision"] = "7ef65d6"
    assert read_one(data).record.commit is None


@pytest.mark.parametrize("revision", ["release-7", f"{COMMIT}0", COMMIT.upper()])
def test_a_revision_that_is_no_commit_is_refused(revision: str) -> None:
    data = json.loads(sample("metadata_action.json"))
    data["labels"]["org.opencontainers.image.revision"] = revision
    (problem,) = refused(data)
    assert f"labels.org.opencontainers.image.revision: '{revision}' does not fit" in problem


def test_annotations_complete_the_labels_of_metadata_action() -> None:
    data = json.loads(sample("metadata_action.json"))
    del data["labels"]["org.opencontainers.image.version"]
    data["annotations"] = ["manifest:org.opencontainers.image.version=2.0.0"]
    assert read_one(data).record.version == "2.0.0"


def test_skaffold_gives_name_tag_and_digest_of_each_build() -> None:
    readings = read(sample("skaffold.json"))
    assert [(reading.target, reading.record.image, reading.record.tag) for reading in readings] == [
        ("cart", "ghcr.io/acme/cart", "v1.4.2"),
        (None, "ghcr.io/acme/web", "v3"),
    ]
    assert [reading.record.digest for reading in readings] == [DIGEST, OTHER_DIGEST]


def test_skaffold_without_push_names_no_digest_and_is_refused() -> None:
    (problem,) = refused({"builds": [{"imageName": "cart", "tag": "cart:v1.4.2"}]})
    assert "it was built without push" in problem


def test_an_images_lock_gives_digest_tag_and_the_commit_that_kbld_knows() -> None:
    cart, nginx = read(sample("images_lock.yml"))
    assert (cart.target, cart.record.digest, cart.record.commit) == ("cart", DIGEST, COMMIT)
    assert (nginx.record.image, nginx.record.tag) == ("docker.io/library/nginx", "1.14.2")


def test_an_image_that_kbld_built_from_a_dirty_tree_is_refused() -> None:
    (problem,) = refused(sample("images_lock.yml").replace("dirty: false", "dirty: true"))
    assert "uncommitted changes" in problem


def test_an_images_lock_without_a_digest_is_refused() -> None:
    (problem,) = refused(sample("images_lock.yml").replace(f"cart@{DIGEST}", "cart:main"))
    assert (
        problem
        == "build.json:11: images[0].image: names no digest; an ImagesLock names every image by digest"
    )


def test_an_entry_of_a_list_in_no_known_format_is_refused_when_others_are_known() -> None:
    (problem,) = refused([json.loads(sample("record.json")), {"surprise": 1}])
    assert "[1]: is in none of the known formats" in problem


def test_other_documents_are_in_no_known_format() -> None:
    for text in ("{}", "[]", "hello", "", "services: {a: {image: postgres}}", '{"digest": 1}', "null"):
        assert readings_in(text, "build.json") is None, text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"image.name": "a", "image.name": "b"}', "the key 'image.name' stands there twice"),
        ('{"image.name": ', "is not valid JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("a: [1", "is not valid YAML"),
        ("a: 1\n---\nb: 2", "holds several documents"),
    ],
)
def test_broken_texts_are_refused(text: str, message: str) -> None:
    (problem,) = refused(text)
    assert message in problem


KEYS = [
    "lockflight_record",
    "containerimage.digest",
    "containerimage.descriptor",
    "image.name",
    "digest",
    "metadata",
    "containerimage.config.digest",
    "buildx.build.provenance",
    "imageid",
    "outputs",
    "outcome",
    "tags",
    "labels",
    "json",
    "annotations",
    "builds",
    "imageName",
    "tag",
    "kind",
    "apiVersion",
    "images",
    "image",
    "services",
    "git_sha",
    "repository",
    "platform",
    "invocation",
    "configSource",
    "uri",
    "sha1",
    "parameters",
    "args",
    "vcs",
    "revision",
    "api",
    "path",
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(DIGEST),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_no_document_ever_crashes_the_detection(data: Any) -> None:
    try:
        readings_in(json.dumps(data), "build.json")
    except InputError as error:
        assert all(problem.place.file == "build.json" for problem in error.problems)


@given(st.sampled_from(sorted(SAMPLES.iterdir())), st.data())
def test_no_damaged_sample_ever_crashes_the_reading(file: Path, data: st.DataObject) -> None:
    text = file.read_text()
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 20)) :]
    try:
        readings_in(damaged, "build.json")
    except InputError as error:
        assert all(problem.place.file == "build.json" for problem in error.problems)


def test_the_platforms_of_a_record_are_named_as_the_registry_s() -> None:
    text = json.dumps(
        {
            "lockflight_record": 1,
            "commit": "7ef65d6449fb9e0f573eee46308e04d66912638e",
            "image": "ghcr.io/acme/cart",
            "digest": f"sha256:{'1' * 64}",
            "platforms": {"linux/arm64/v8": f"sha256:{'2' * 64}"},
        }
    )
    readings = readings_in(text, "cart.json")
    assert readings is not None
    assert list(readings[0].record.platforms) == ["linux/arm64"]
