"""YAML as people write it, and as people should not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.errors import InputError
from lockflight.yaml_source import Tagged, parse_document, parse_json, read_document
from lockflight.yaml_text import mapping_lines, scalar


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_document(text, "file.yaml")
    return str(caught.value)


def test_every_value_knows_its_line() -> None:
    document = parse_document("a: 1\nb:\n  - x\n  - c: 2\n", "file.yaml")
    assert document.data == {"a": 1, "b": ["x", {"c": 2}]}
    assert str(document.place(("b", 1, "c"))) == "file.yaml:4: b[1].c"
    assert str(document.place(("b", 1, "missing"))) == "file.yaml:4: b[1].missing"


def test_plain_scalars_mean_what_they_mean_in_yaml_1_2() -> None:
    data = parse_document("[yes, on, 0o17, 1.5, ~, null, true, 12:30, 2026-11-21, '1', !!str 1]", "f").data
    assert data == ["yes", "on", 15, 1.5, None, None, True, "12:30", "2026-11-21", "1", "1"]


def test_anchors_and_merge_keys_are_followed() -> None:
    data = parse_document("base: &base {a: 1, b: 2}\nnew:\n  <<: *base\n  b: 3\n", "f").data
    assert data["new"] == {"a": 1, "b": 3}


def test_tags_of_compose_are_kept() -> None:
    data = parse_document("a: !reset null\nb: !override [1]\n", "f").data
    assert data == {"a": Tagged("!reset", None), "b": Tagged("!override", [1])}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "file.yaml:2: a: the key 'a' stands there twice"),
        ("a:\n\tb: 1\n", "file.yaml:2: is not valid YAML: a tab is used for indentation"),
        ("a: [1\n", "is not valid YAML"),
        ("a: *b\n", "the alias *b has no anchor before it"),
        ("a: &a [*a]\n", "stands inside its own anchor"),
        ("a: 1\n---\nb: 2\n", "holds several documents"),
        ("{a: 1}: 2\n", "a key must be a word"),
        ("a: !!int x\n", "is no int"),
        ("a: !!python/object/apply:os.system [x]\n", "a"),
        ("[" * 100_000, "bounds"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, said: str) -> None:
    if "python" in text:
        # A tag that asks for an object is only ever a word: nothing is made of it.
        assert parse_document(text, "f").data == {"a": ["x"]}
    else:
        assert said in refused(text)


def test_a_ten_level_alias_bomb_is_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "alias bomb" in refused("\n".join(levels))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"a: \0b\n", "NUL byte"),
        (b"\xef\xbb\xbfa: 1\n", "byte order mark"),
        (b"\xff\xfea\0:\0", "UTF-16"),
        (b"a: 1\nb: \xff\n", "file.yaml:2: is not valid UTF-8: byte 0xff"),
    ],
)
def test_a_file_that_is_no_plain_utf8_is_refused(tmp_path: Path, body: bytes, said: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(body)
    with pytest.raises(InputError, match=said):
        read_document(path, called="file.yaml")


def test_a_file_of_fifty_megabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as stream:
        stream.truncate(50_000_000)
    with pytest.raises(InputError, match=r"is too large: 50\.0 MB"):
        read_document(path)


def test_a_folder_and_a_missing_file_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        read_document(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_document(tmp_path / "none.yaml")


def test_json_with_a_key_that_stands_twice_is_refused() -> None:
    assert parse_json('{"a": [1]}', "f") == {"a": [1]}
    with pytest.raises(InputError, match="'a' stands there twice"):
        parse_json('{"a": 1, "a": 2}', "f")
    with pytest.raises(InputError, match="f:2: is not valid JSON"):
        parse_json('{\n"a": }', "f")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_document(text, "f")
    except InputError as error:
        assert str(error).startswith("f")


_data = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.integers(-(10**6), 10**6)
    | st.booleans(),
    lambda inner: st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12), inner, max_size=4
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), _data, max_size=5))
def test_what_is_written_is_read_back_the_same(data: dict[str, object]) -> None:
    text = "\n".join(mapping_lines(data)) + "\n"
    assert (parse_document(text, "f").data or {}) == data


@pytest.mark.parametrize(
    "text",
    ["1", "1.10", "1e5", "0x1f", "yes", "No", "null", "~", "", "1_000", "12:30", "2026-11-21", "0" * 40,
     "1234e" + "5" * 35, "- a", "a: b", "a #b", "*a", "&a", "!a", "'a", "=", "<<", "y", ".5", ".inf", "@a", "16-alpine"],
)  # fmt: skip
def test_whatever_some_parser_takes_for_something_else_is_quoted(text: str) -> None:
    assert scalar(text).startswith('"')


@pytest.mark.parametrize("text", ["ghcr.io/acme/cart", "latest", "v1.2", "1.4.2", "7ef65d6449fb9e0f573eee46308e04d66912638e",
                                  "https://github.com/acme/cart", "sha256:" + "1" * 64, "record ci/cart.json"])  # fmt: skip
def test_common_values_stand_without_quotes(text: str) -> None:
    assert scalar(text) == text
