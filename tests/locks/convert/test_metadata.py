"""The metadata of home-made locks: what is understood, and that nothing in it can do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.locks.convert.incoming.metadata import read
from tests.locks.builders import commit


@pytest.mark.parametrize(
    ("said", "created"),
    [
        ("2026-11-21T08:00:00Z", "2026-11-21T08:00:00+00:00"),
        ("2026-11-21T09:00:00.123456+01:00", "2026-11-21T08:00:00.123456+00:00"),
        ("2026-11-21 08:00:00", "2026-11-21T08:00:00+00:00"),
        (1795248000, "2026-11-21T08:00:00+00:00"),
    ],
)
def test_times_are_read_in_the_forms_that_generators_write(said: Any, created: str) -> None:
    found = read({"generated_at": said}).created

    assert found is not None
    assert found.isoformat() == created


def test_a_time_without_a_zone_is_taken_as_utc_with_a_note() -> None:
    assert [finding.code for finding in read({"timestamp": "2026-11-21T08:00:00"}).findings] == [
        "metadata-no-zone"
    ]


@pytest.mark.parametrize("said", ["yesterday", "0001-01-01T00:00:00Z", -1e300, 10**30, True, ["x"]])
def test_a_time_that_is_none_is_left_out_with_a_note(said: Any) -> None:
    found = read({"created": said})

    assert found.created is None
    assert [finding.code for finding in found.findings] == ["malformed-metadata"]
    assert all(finding.note for finding in found.findings)


def test_a_source_of_its_own_is_looked_into() -> None:
    source = read(
        {"source": {"repository": "acme/shop", "sha": commit("shop"), "pr": "#57", "run_id": 12}}
    ).source

    assert (source.repository, source.commit, source.pull_request, source.run) == (
        "acme/shop",
        commit("shop"),
        57,
        "12",
    )


def test_a_shortened_commit_is_left_out() -> None:
    found = read({"git_sha": "7ef65d6"})

    assert found.source.commit is None
    assert [finding.code for finding in found.findings] == ["malformed-metadata"]


def test_credentials_in_a_repository_never_reach_a_lock() -> None:
    assert (
        read({"repository": "https://x:s3cret@git.example/shop"}).source.repository
        == "https://git.example/shop"
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)
keys = st.sampled_from(["created", "project", "repository", "ref", "commit", "pr", "run", "source"])


@given(st.dictionaries(keys, anything | st.dictionaries(keys, anything)))
def test_no_metadata_makes_it_fail(data: dict[str, Any]) -> None:
    assert all(finding.note for finding in read(data).findings)
