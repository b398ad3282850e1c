"""Tables for people: aligned, never wider than the terminal, never broken by what stands in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockflight.cli.tables import code, markdown, markdown_table, plural, table

_cells = st.lists(st.lists(st.text(max_size=30), min_size=3, max_size=3), max_size=5)


def test_columns_are_aligned_and_lines_have_no_white_space_at_their_end() -> None:
    text = table(["NAME", "X"], [["cart", "1"], ["orders", ""]], width=None)
    assert text == "NAME    X\ncart    1\norders\n"


@given(_cells, st.integers(40, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[list[str]], width: int) -> None:
    assert all(len(line) <= width for line in table(["A", "B", "C"], rows, width=width).splitlines())


@given(_cells)
def test_every_row_is_one_line_whatever_stands_in_it(rows: list[list[str]]) -> None:
    text = table(["A", "B", "C"], rows, width=80)
    assert text.count("\n") == len(rows) + 1
    assert all(character.isprintable() or character == "\n" for character in text)


@given(_cells)
def test_no_cell_breaks_out_of_a_markdown_table(rows: list[list[str]]) -> None:
    for line in markdown_table(["A", "B", "C"], rows).splitlines():
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 4


def test_markdown_has_no_mentions_links_or_tags_of_its_own() -> None:
    shown = markdown("@ada see [x](http://y) <img src=z> #12 `code`")
    assert "@ada" not in shown
    for escaped in (r"\[x\]", r"\<img", r"\#12", r"\`code\`"):
        assert escaped in shown
    assert code("a`b|c") == "`a'b\\|c`"


def test_what_is_cut_of_a_path_is_its_beginning() -> None:
    text = table(["IMAGE", "B"], [["registry.example/acme/cart", "x" * 20]], width=40)
    assert "…ry.example/acme" not in text.splitlines()[0]
    assert "acme/cart" in text


def test_counts_are_told_with_their_word() -> None:
    assert [plural(n, "service") for n in (0, 1, 2)] == ["0 services", "1 service", "2 services"]


def test_a_version_does_not_break_out_of_a_table_in_markdown() -> None:
    shown = markdown_table(["A", "B"], [[code("cart"), "| [x](http://y) @team <img>"]])
    assert "`cart`" in shown
    assert not any(bad in shown for bad in (" [x]", "@team", " <img>"))
    assert shown.splitlines()[-1].replace("\\|", "").count("|") == 3


def test_the_last_column_goes_on_below_where_it_must_not_be_cut() -> None:
    reason = "docker cannot be reached: is the service running, and may this user talk to it?"
    text = table(["CHECK", "FOUND"], [["docker", reason], ["git", "2.39"]], width=40, wrap_last=True)
    assert all(len(line) <= 40 for line in text.splitlines())
    assert " ".join(text.split()) == f"CHECK FOUND docker {reason} git 2.39"
    assert text.splitlines()[2].startswith(" " * 8)
