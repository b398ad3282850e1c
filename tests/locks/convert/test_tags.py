"""Which tags speak of a commit, and of which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.locks.convert.incoming.tags import TagSays, tag_says

COMMIT = "7ef65d6449fb9e0f573eee46308e04d66912638e"


@pytest.mark.parametrize("tag", [COMMIT, COMMIT[:7], f"main-native-{COMMIT[:7]}", f"v1.2-3-g{COMMIT[:9]}"])
def test_a_tag_with_the_commit_or_its_first_digits_holds_it(tag: str) -> None:
    assert tag_says(tag, COMMIT) is TagSays.THE_COMMIT


@pytest.mark.parametrize("tag", ["0" * 40, "main-0ba1c2d", "v1.2-3-g0ba1c2d", "sha-9f8e7d6c"])
def test_a_tag_with_digits_of_another_commit_contradicts(tag: str) -> None:
    assert tag_says(tag, COMMIT) is TagSays.ANOTHER


@pytest.mark.parametrize(
    "tag", ["latest", "1.4.2", "main-20261121", "build-1234567", "defaced", "pr-57", "release.2026.11.21"]
)
def test_versions_dates_numbers_and_words_speak_of_no_commit(tag: str) -> None:
    assert tag_says(tag, COMMIT) is TagSays.NOTHING


@given(
    st.text("0123456789abcdef", min_size=40, max_size=40),
    st.integers(7, 40),
    st.sampled_from(["", "main-", "v1_"]),
)
def test_any_abbreviation_of_a_commit_is_found_in_its_tag(commit: str, length: int, prefix: str) -> None:
    assert tag_says(prefix + commit[:length], commit) is TagSays.THE_COMMIT


@given(st.text("0123456789abcdef", min_size=40, max_size=40))
def test_another_whole_commit_always_contradicts(other: str) -> None:
    assert tag_says(other, COMMIT) is (TagSays.THE_COMMIT if other == COMMIT else TagSays.ANOTHER)
