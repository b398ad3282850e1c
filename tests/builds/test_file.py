"""A record's text is canonical and comes back as the same record."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lockflight.builds.file import record_text
from lockflight.builds.formats import readings_in
from lockflight.builds.model import ApiSpec, Record

SAMPLE = (Path(__file__).parent / "samples" / "record.json").read_text()

hexadecimal = st.text("0123456789abcdef", min_size=64, max_size=64)
digests = hexadecimal.map(lambda digits: f"sha256:{digits}")
lines = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"), min_size=1, max_size=30
)
records = st.builds(
    Record,
    service=st.none() | st.just("cart"),
    commit=st.none() | hexadecimal.map(lambda digits: digits[:40]),
    repository=st.none() | lines.filter(lambda text: "://" not in text),
    path=st.none() | lines,
    image=st.none() | st.sampled_from(["ghcr.io/acme/cart", "localhost:5000/cart"]),
    tag=st.none() | st.sampled_from(["latest", "main-7ef65d6"]),
    digest=st.none() | digests,
    media_type=st.none() | lines,
    platforms=st.dictionaries(st.sampled_from(["linux/amd64", "linux/arm/v7"]), digests),
    version=st.none() | lines,
    built=st.none() | st.datetimes(timezones=st.just(UTC)),
    api=st.none() | st.builds(ApiSpec, path=lines, digest=digests),
    run=st.none() | lines,
)


@given(records)
def test_a_record_s_text_reads_back_as_the_same_record(record: Record) -> None:
    text = record_text(record)
    (reading,) = readings_in(text, "record.json") or []
    assert reading.record == record
    assert record_text(reading.record) == text


def test_the_text_is_sorted_and_ends_with_a_newline() -> None:
    (reading,) = readings_in(SAMPLE, "record.json") or []
    assert record_text(reading.record) == "\n".join([*sorted_top_level(SAMPLE.splitlines()), ""])


def sorted_top_level(lines_of_sample: list[str]) -> list[str]:
    """The sample with its mark at its alphabetical place; the rest of it is in order already."""
    mark = lines_of_sample.pop(1)
    position = next(n for n, line in enumerate(lines_of_sample) if line.startswith('  "media_type"'))
    return [*lines_of_sample[:position], mark, *lines_of_sample[position:]]
