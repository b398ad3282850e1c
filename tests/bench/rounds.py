"""Measuring side by side: every contender once in each round, and ratios only within a round.

On a machine that does other things as well, times drift from minute to minute; what two contenders need
within the same seconds can be compared all the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

# What one turn of a contender measured, in seconds, by the name of the row that it belongs to.
Times = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that is measured. `rounds` is less than the others' where one turn takes very long."""

    name: str
    turn: Callable[[], Times]
    rounds: int = sys.maxsize


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several figures, and how far they lie apart."""

    middle: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        return cls(median(figures), min(figures), max(figures))


@dataclass(slots=True)
class Measured:
    """Every time of every row, by the number of its round."""

    times: dict[str, dict[int, float]] = field(default_factory=dict)

    def add(self, round_number: int, times: Times) -> None:
        for name, seconds in times.items():
            self.times.setdefault(name, {})[round_number] = seconds

    def spread(self, name: str) -> Spread:
        return Spread.of(list(self.times[name].values()))

    def ratio(self, name: str, to: str) -> Spread:
        """How often the time of `to` goes into that of `name`, round by round."""
        own, other = self.times[name], self.times[to]
        return Spread.of([own[number] / other[number] for number in own.keys() & other.keys()])

    def beyond(self, name: str, other: str, factor: float = 1) -> Spread:
        """How many seconds `name` takes more than so many times as long as `other`, round by round."""
        own, others = self.times[name], self.times[other]
        return Spread.of([own[number] - factor * others[number] for number in own.keys() & others.keys()])

    def fastest(self, among: Sequence[str]) -> str:
        return min(among, key=lambda name: self.spread(name).middle)


def measure(contenders: Sequence[Contender], rounds: int) -> Measured:
    """Let every contender have its turn in every round; who begins changes from round to round.

    The first turn of those that are in every round is not counted: it finds nothing in the machine's caches.
    """
    measured = Measured()
    for contender in contenders:
        if contender.rounds >= rounds:
            contender.turn()
    for number in range(rounds):
        taking_part = [contender for contender in contenders if number < contender.rounds]
        first = number % len(taking_part)
        for contender in taking_part[first:] + taking_part[:first]:
            measured.add(number, contender.turn())
    return measured
