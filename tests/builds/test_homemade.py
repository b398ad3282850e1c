"""Locks of a home-made generator: everything that is wrong with them is said, service by service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.builds.formats import readings_in
from lockflight.builds.formats.homemade import HomemadeService, read_homemade
from lockflight.errors import InputError
from lockflight.yaml_source import Document, parse_document

COMMIT = "7ef65d6449fb9e0f573eee46308e04d66912638e"
DIGEST = "sha256:19ffeab6f8bc9293ac2c3fdf94ebe28396254c993aea0b5a542cfb02e0883fa3"
SAMPLE = (Path(__file__).parent / "samples" / "homemade.yaml").read_text()


def service(**fields: Any) -> HomemadeService:
    """A service with a good commit and image, but for what the test says."""
    image = {"repository": "ghcr.io/acme/cart", "tag": COMMIT, "digest": DIGEST, **fields.pop("image", {})}
    raw = {"git_sha": COMMIT, "submodule_path": "services/cart", "image": image, **fields}
    data = {"metadata": {}, "services": {"cart": raw}}
    (found,) = read_homemade(Document(data, "lock.json")).services
    return found


def codes(found: HomemadeService) -> list[str]:
    return [finding.code for finding in found.findings]


def test_a_good_service_has_no_findings() -> None:
    found = service()
    assert codes(found) == []
    assert (found.commit, found.image, found.tag, found.digest, found.path) == (
        COMMIT,
        "ghcr.io/acme/cart",
        COMMIT,
        DIGEST,
        "services/cart",
    )


@pytest.mark.parametrize(
    ("sha", "code"),
    [
        (None, "no-commit"),
        ("", "no-commit"),
        ("unknown", "no-commit"),
        ("7ef65d6", "short-commit"),
        (7065654, "short-commit"),
        ("v1.2.3", "malformed-commit"),
        (COMMIT.upper(), "malformed-commit"),
        (COMMIT + "0", "malformed-commit"),
        (["7ef65d6"], "malformed-commit"),
        (1.5, "malformed-commit"),
    ],
)
def test_a_commit_that_is_none_is_named_and_left_out(sha: Any, code: str) -> None:
    found = service(git_sha=sha)
    assert codes(found) == [code]
    assert found.commit is None


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (None, (None, [])),
        ("", (None, [])),
        (DIGEST.removeprefix("sha256:"), (DIGEST, ["bare-digest"])),
        ("sha256:19ffeab6", (None, ["malformed-digest"])),
        ("latest", (None, ["malformed-digest"])),
        (12, (None, ["malformed-digest"])),
    ],
)
def test_a_digest_is_completed_missing_or_named(digest: Any, expected: tuple[Any, Any]) -> None:
    found = service(image={"digest": digest})
    assert (found.digest, codes(found)) == expected


@pytest.mark.parametrize("tag", ["latest", "main", "main-native-8888888", "1.4.2"])
def test_a_tag_that_does_not_hold_the_commit_is_named_with_both(tag: str) -> None:
    (finding,) = service(image={"tag": tag}).findings
    assert (finding.code, finding.found) == ("tag-not-of-commit", tag)
    assert "7ef65d6" in (finding.expected or "")


@pytest.mark.parametrize("tag", [COMMIT, COMMIT[:7], f"main-native-{COMMIT[:7]}", f"sha-{COMMIT[:12]}", None])
def test_a_tag_with_the_leading_digits_of_the_commit_is_fine(tag: str | None) -> None:
    assert codes(service(image={"tag": tag})) == []


def test_a_repository_with_a_tag_in_it_is_named_and_split() -> None:
    found = service(image={"repository": f"ghcr.io/acme/cart:{COMMIT}", "tag": ""})
    assert codes(found) == ["malformed-image"]
    assert (found.image, found.tag) == ("ghcr.io/acme/cart", COMMIT)


@pytest.mark.parametrize("repository", ["https://ghcr.io/acme/cart", "ghcr.io/Acme/cart", "", None, 5])
def test_a_malformed_repository_is_named(repository: Any) -> None:
    found = service(image={"repository": repository})
    assert codes(found) == ["malformed-image"]
    assert found.image is None


@pytest.mark.parametrize("image", [None, {}])
def test_a_service_without_an_image_is_only_configuration(image: Any) -> None:
    data = {"metadata": {}, "services": {"settings": {"git_sha": COMMIT, "image": image}}}
    (found,) = read_homemade(Document(data, "lock.json")).services
    assert (found.commit, found.image, codes(found)) == (COMMIT, None, [])


def test_an_image_may_be_one_text() -> None:
    data = {"metadata": {}, "services": {"cart": {"git_sha": COMMIT, "image": f"ghcr.io/acme/cart:{COMMIT}"}}}
    (found,) = read_homemade(Document(data, "lock.json")).services
    assert (found.image, found.tag, codes(found)) == ("ghcr.io/acme/cart", COMMIT, [])


def test_all_findings_of_all_services_are_there_and_keep_their_place() -> None:
    document = parse_document(SAMPLE.replace("digest: sha256:19ffeab6", "digest: sha256:1"), "lock.yaml")
    lock = read_homemade(document)
    found = [
        (one.name, finding.code, document.place(path).line)
        for one in lock.services
        for finding, path in zip(one.findings, one.paths, strict=True)
    ]
    assert found == [("cart", "malformed-digest", 11), ("web", "short-commit", 13)]


def test_as_records_what_is_short_or_missing_is_left_out() -> None:
    readings = readings_in(SAMPLE, "lock.yaml") or []
    assert [
        (one.name, one.record.service, one.record.commit, one.record.tag, one.record.digest)
        for one in readings
    ] == [
        ("cart", "cart", COMMIT, "main-native-7ef65d6", DIGEST),
        ("web", "web", None, "latest", None),
        ("settings", "settings", "1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e", None, None),
    ]


def test_as_records_malformed_values_are_refused_together_with_their_lines() -> None:
    text = SAMPLE.replace("ghcr.io/acme/web", "ghcr.io/acme/Web").replace(COMMIT, "0xyz")
    with pytest.raises(InputError) as caught:
        readings_in(text, "lock.yaml")
    assert [str(problem).split(": ")[:2] for problem in caught.value.problems] == [
        ["lock.yaml:6", "services.cart.git_sha"],
        ["lock.yaml:16", "services.web.image.repository"],
    ]


def test_a_lock_without_metadata_is_still_one() -> None:
    assert readings_in(SAMPLE[SAMPLE.index("services:") :], "lock.yaml") is not None


@pytest.mark.parametrize("services", ["{}", "{cart: 5, web: null}"])
def test_a_lock_in_which_no_service_says_anything_is_still_one(services: str) -> None:
    assert readings_in(f"metadata: {{}}\nservices: {services}", "lock.yaml") is not None


def test_a_compose_file_and_a_lock_of_ours_are_none() -> None:
    assert readings_in("services: {cart: {image: 'ghcr.io/acme/cart'}}", "compose.yaml") is None
    assert readings_in("version: 1\nid: abc\nservices: {cart: {commit: abc}}", "current.yaml") is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(values, values, values, values, values)
def test_no_value_ever_crashes_the_reading(
    sha: Any, image: Any, repository: Any, tag: Any, digest: Any
) -> None:
    whole = {"repository": repository, "tag": tag, "digest": digest}
    for chosen in (image, whole):
        data = {"metadata": {}, "services": {"cart": {"git_sha": sha, "image": chosen}, "web": image}}
        for one in read_homemade(Document(data, "lock.json")).services:
            assert len(one.findings) == len(one.paths)
