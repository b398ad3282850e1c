"""The lock's file: one text for one lock, and nothing but a whole, unedited lock is read."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockflight.errors import InputError
from lockflight.locks.file import lock_of, plain, read_lock, render, says_the_same, write_lock
from lockflight.locks.identity import deployed, lock_id
from lockflight.locks.model import LockedImage, LockedService, Source
from lockflight.locks.quick import proven_id, service_count
from lockflight.yaml_source import parse_document

from . import builders


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        lock_of(parse_document(text, "lock.yaml"))
    return str(caught.value)


def test_a_lock_is_written_and_read_back_the_same(tmp_path: Path) -> None:
    lock = builders.lock()
    assert write_lock(lock, tmp_path / "lock.yaml")
    assert read_lock(tmp_path / "lock.yaml") == lock


def test_the_same_lock_gives_the_same_bytes_whatever_the_order_it_was_made_in() -> None:
    forwards = builders.lock(services={n: builders.service(n) for n in ("cart", "orders", "web")})
    backwards = builders.lock(services={n: builders.service(n) for n in ("web", "orders", "cart")})
    assert render(forwards) == render(backwards)


def test_the_text_is_plain_sorted_and_without_anchors() -> None:
    text = render(builders.lock())
    assert "\r" not in text
    assert "&" not in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert text.index("\n  cart:") < text.index("\n  orders:")


def test_an_unchanged_lock_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "lock.yaml"
    write_lock(builders.lock(), path)
    before = path.stat().st_mtime_ns
    assert not write_lock(builders.lock(), path)
    assert path.stat().st_mtime_ns == before


def test_the_id_is_the_sha256_of_what_is_deployed_in_its_canonical_json_form() -> None:
    lock = builders.lock()
    form = json.dumps(deployed(plain(lock)), sort_keys=True, separators=(",", ":"))
    assert lock.id == hashlib.sha256(form.encode()).hexdigest()


def test_the_id_does_not_depend_on_what_only_informs() -> None:
    one = builders.lock()
    other = builders.lock(
        generator="lockflight 9",
        services={
            name: service.model_copy(update={"version": "9", "origin": "tag", "tag": "x", "repository": None})
            for name, service in one.services.items()
        },
    )
    assert one.id == other.id


def test_a_service_that_is_only_configuration_has_a_commit_and_nothing_more() -> None:
    lock = builders.lock(services={"settings": LockedService(commit=builders.commit("settings"))})
    assert lock_of(parse_document(render(lock), "f")) == lock


_COVERED = ("version:", "project:", "commit:", "image:", "digest:", "linux/", "compose/stack.yaml:", "id:")


def _covered_positions(text: str) -> list[int]:
    """Every byte of a line whose field the id covers, values and keys alike."""
    positions: list[int] = []
    offset, inside = 0, ""
    for line in text.splitlines(keepends=True):
        if not line.startswith(" "):
            inside = line.split(":")[0]
        is_covered = line.strip().startswith(_COVERED) and inside != "source"
        if is_covered:
            positions += range(offset, offset + len(line))
        offset += len(line)
    return positions


LOCK_TEXT = render(builders.lock())
POSITIONS = _covered_positions(LOCK_TEXT)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(POSITIONS), st.integers(0, 255))
def test_every_single_byte_change_in_a_field_that_the_id_covers_is_refused(position: int, byte: int) -> None:
    body = bytearray(LOCK_TEXT.encode())
    if body[position] == byte:
        return
    body[position] = byte
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return  # refused before it is text; tests of files show that
    try:
        lock = lock_of(parse_document(text, "lock.yaml"))
    except InputError:
        assert proven_id(text) is None
    else:
        # White space that means nothing may change; what is deployed may not.
        assert deployed(plain(lock)) == deployed(plain(builders.lock()))


def test_an_edited_digest_is_refused_with_the_reason() -> None:
    edited = LOCK_TEXT.replace(builders.digest("cart"), builders.digest("other"), 1)
    assert "the id does not match the content" in refusal(edited)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1\n", "version: 2\n", "is a lock of version 2; this lockflight reads version 1"),
        ("version: 1\n", "", "says no version"),
        ("version: 1\n", "version: '1'\n", "version"),
        ("    commit: ", "    comit: ", "services.cart.comit: is an unknown field"),
        ("generator:", "extra: 1\ngenerator:", "lock.yaml:10: extra: is an unknown field"),
        ("sha256:", "sha256:0", "does not fit; expected a digest"),
        ("pull_request: 57", "pull_request: many", "source.pull_request: must be a whole number"),
        ("  cart:\n", "  orders:\n", "stands there twice"),
        ("image: ghcr.io/acme/cart", "image: ghcr.io/Acme/cart", "its path must be in lower case"),
    ],
)
def test_what_is_no_lock_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    assert old in LOCK_TEXT
    assert said in refusal(LOCK_TEXT.replace(old, new, 1))


def test_all_problems_are_reported_together_with_hints() -> None:
    text = LOCK_TEXT.replace("    commit: ", "    comit: ").replace("project: shop", "project: Shop")
    with pytest.raises(InputError) as caught:
        lock_of(parse_document(text, "lock.yaml"))
    problems = caught.value.problems
    assert len(problems) == 5
    assert [p.hint for p in problems if p.message == "is an unknown field"] == ["did you mean 'commit'?"] * 2


def test_an_image_without_a_digest_is_refused() -> None:
    text = "\n".join(
        line for line in LOCK_TEXT.splitlines() if "digest: " + builders.digest("cart") not in line
    )
    assert "has 'image' but no 'digest'; nothing is deployed by tag" in refusal(text)


def test_the_lock_of_a_home_made_generator_is_sent_to_import() -> None:
    with pytest.raises(InputError) as caught:
        lock_of(parse_document("metadata: {}\nservices: {}\n", "lock.yaml"))
    assert "lockflight import" in str(caught.value.problems[0].hint)


# The quick proof against the full reader.

_line = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]),
    min_size=1,
    max_size=20,
)
_time = st.datetimes(min_value=datetime(2000, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
_service = st.builds(
    LockedService,
    commit=st.from_regex(r"\A[0-9a-f]{40}\Z"),
    repository=st.none() | _line,
    path=st.none() | _line,
    version=st.none() | _line,
    origin=st.none() | _line,
) | st.builds(
    lambda name, **changes: builders.service(name, **changes),
    st.sampled_from(["cart", "orders"]),
    tag=st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}\Z"),
    version=st.none() | _line,
    built=st.none() | _time,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.from_regex(r"\A[a-zA-Z0-9][a-zA-Z0-9._-]{0,12}\Z"), _service, min_size=1, max_size=3),
    st.dictionaries(_line, st.just(builders.digest("x")), max_size=2),
)
def test_the_quick_proof_and_the_full_reader_agree_on_every_lock(
    services: dict[str, LockedService], config: dict[str, str]
) -> None:
    lock = builders.lock(services=services, config=config)
    text = render(lock)
    assert lock_of(parse_document(text, "f")) == lock
    assert proven_id(text) in (lock.id, None)
    if text.isascii() and "\\" not in text:
        assert proven_id(text) == lock.id
        assert service_count(text) == len(services)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(LOCK_TEXT) - 1), st.sampled_from("\n :\"'#-0aZ\t*&{}[]~@"))
def test_the_quick_proof_never_accepts_what_the_full_reader_refuses(position: int, character: str) -> None:
    text = LOCK_TEXT[:position] + character + LOCK_TEXT[position + 1 :]
    proven = proven_id(text)
    if proven is not None:
        assert lock_of(parse_document(text, "f")).id == proven


def test_the_quick_proof_speaks_of_an_untouched_lock() -> None:
    assert proven_id(LOCK_TEXT) == lock_id(plain(builders.lock()))


@pytest.mark.parametrize(
    "changes", [{"version": "9"}, {"origin": "tag"}, {"tag": "v1"}, {"built": None}, {"media_type": None},
                {"repository": None}, {"path": None}],
)  # fmt: skip
def test_a_lock_that_informs_otherwise_does_not_say_the_same(changes: dict[str, object]) -> None:
    one = builders.lock()
    other = builders.lock(services={**one.services, "cart": builders.service("cart", **changes)})
    assert one.id == other.id
    assert not says_the_same(one, other)


def test_when_where_and_by_what_a_lock_was_made_makes_no_other_lock() -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    other = builders.lock(created=later, source=Source(ref="other"), generator="lockflight 9")
    assert says_the_same(builders.lock(), other)
    assert not says_the_same(builders.lock(), builders.lock(source=Source(parent="a" * 64)))


def _with_a_quoted_image() -> str:
    image = LockedImage(image="127.0.0.1:5000/shop/postgres", tag="16", digest=builders.digest("pg"))
    return render(builders.lock(images={"db": image}))


def test_no_line_end_that_becomes_a_comment_hides_the_next_field(tmp_path: Path) -> None:
    text, path = _with_a_quoted_image(), tmp_path / "lock.yaml"
    for position in (n for n, character in enumerate(text) if character == "\n"):
        path.write_text(f"{text[:position]}#{text[position + 1 :]}")
        if position == len(text) - 1:
            continue
        with pytest.raises(InputError):
            read_lock(path)


def test_a_comment_behind_a_value_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "lock.yaml"
    path.write_text(_with_a_quoted_image().replace('postgres"\n', 'postgres"#'))
    with pytest.raises(InputError) as caught:
        read_lock(path)
    assert "has a comment behind a value" in str(caught.value)
    assert (
        caught.value.problems[0].place.line
        == path.read_text()[: path.read_text().index('"#')].count("\n") + 1
    )


def test_comments_of_their_own_line_and_signs_within_a_value_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lock.yaml"
    lock = builders.lock(
        services={"cart": builders.service("cart", origin="record a.json#cart", version=" #1 # x")}
    )
    path.write_text("# ours\n" + render(lock).replace("generator:", "  # made by\ngenerator:"))
    assert read_lock(path) == lock
