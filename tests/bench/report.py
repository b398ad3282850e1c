"""The figures as tables that a person reads in a terminal and GitHub shows in a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.rounds import Measured, Spread

_OUTCOMES = {True: "reached", False: "**missed**", None: "no aim, for information"}


@dataclass(frozen=True, slots=True)
class Aim:
    """What was to be reached, and what was measured; `reached` is None for what only informs."""

    wanted: str
    measured: str
    reached: bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a heading; `note` says what a reader must know to understand them."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One thing done in two ways, by the names of their rows."""

    what: str
    own: str
    other: str


@dataclass(slots=True)
class Report:
    """All that one run of the benchmark found out."""

    facts: dict[str, str]
    tables: list[Table] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    raw: dict[str, object] = field(default_factory=dict)

    def text(self) -> str:
        """The whole report in Markdown, with columns aligned for the terminal as well."""
        facts = Table("The machine and the programs", ("what", "which"), list(self.facts.items()))
        return "\n\n".join(_shown(table) for table in [self._aims(), *self.tables, facts])

    def _aims(self) -> Table:
        rows = [(aim.wanted, aim.measured, _OUTCOMES[aim.reached]) for aim in self.aims]
        return Table("Aims", ("aim", "measured", ""), rows)


def say(text: str) -> None:
    """What is being measured now, for whoever waits."""
    print(f"bench: {text}", flush=True)


def comparison(
    title: str, measured: Measured, base: str, *, note: str = "", scaled: frozenset[str] = frozenset()
) -> Table:
    """Every row's time, and how often the time of `base` goes into it; the fastest first."""
    names = sorted(measured.times, key=lambda name: measured.spread(name).middle)
    rows = [
        (f"{name} †" if name in scaled else name, duration(measured.spread(name)),
         times(measured.ratio(name, base)), str(len(measured.times[name])))
        for name in names
    ]  # fmt: skip
    return Table(
        title, ("what", "median (lowest – highest)", f"× {base.split(',')[0]}", "rounds"), rows, note
    )


def paired(
    title: str, measured: Measured, pairs: Sequence[Pair], ways: tuple[str, str], *, note: str = ""
) -> Table:
    """Two ways side by side: the time of each, and within the rounds how often and by how much they differ."""
    rows = [
        (pair.what, duration(measured.spread(pair.own)), duration(measured.spread(pair.other)),
         times(measured.ratio(pair.own, pair.other)), seconds(measured.beyond(pair.own, pair.other)),
         str(len(measured.times[pair.own])))
        for pair in pairs
    ]  # fmt: skip
    return Table(title, ("median (lowest – highest)", *ways, "×", "difference", "rounds"), rows, note)


def duration(spread: Spread) -> str:
    """Seconds, or milliseconds where that reads better."""
    unit, factor, digits = ("ms", 1000, 0) if spread.middle < 1 else ("s", 1, 2)
    middle, lowest, highest = (
        f"{figure * factor:.{digits}f}" for figure in (spread.middle, spread.lowest, spread.highest)
    )
    return f"{middle} {unit} ({lowest} – {highest})"


def times(spread: Spread) -> str:
    """A ratio, and how far the rounds lie apart."""
    return f"{spread.middle:.2f} ({spread.lowest:.2f} – {spread.highest:.2f})"


def seconds(spread: Spread) -> str:
    """A difference, with its sign, and how far the rounds lie apart."""
    return f"{spread.middle:+.2f} s ({spread.lowest:+.2f} – {spread.highest:+.2f})"


def ratio_aim(wanted: str, measured: Measured, name: str, to: str, limit: float | None) -> Aim:
    """That one thing takes at most so many times as long as another; without a limit, how many it takes."""
    ratio = measured.ratio(name, to)
    return Aim(wanted, f"{times(ratio)} ×", None if limit is None else ratio.middle <= limit)


def sum_aim(wanted: str, measured: Measured, name: str, other: str, factor: float, more: float) -> Aim:
    """That one thing takes at most so many times as long as another, and so many seconds more."""
    ratio, difference = measured.ratio(name, other), measured.beyond(name, other)
    reached = measured.beyond(name, other, factor).middle <= more
    return Aim(wanted, f"{times(ratio)} ×, {seconds(difference)}", reached)


def _shown(table: Table) -> str:
    cells = [list(table.head), *(list(row) for row in table.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.head))]
    head, *rows = [_line(row, widths) for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    shown = "\n".join([f"### {table.title}", "", head, rule, *rows])
    return f"{shown}\n\n{table.note}" if table.note else shown


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
