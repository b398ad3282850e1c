"""What holds of every history that promotions, rollbacks and persons can write, cut off anywhere.

A small model plays promotions as they are carried out and keeps by itself what the environment is on; what is
derived from the events must agree with it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

from hypothesis import given
from hypothesis import strategies as st

from lockflight.adapters.ledger_files import event_path, event_text, read_event
from lockflight.errors import Refused
from lockflight.ledger.candidates import candidates, last_good
from lockflight.ledger.history import promotions
from lockflight.ledger.metrics import metrics
from lockflight.ledger.status import standing
from lockflight.ports.ledger_event import Event, in_order, next_number
from lockflight.testing.ledger import FakeLedger
from tests.ledger.builders import START, at, event, lock

Ending = Literal["succeeded", "failed", "rolled-back", "cut", "refused"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)
WORDS = "abcdef"


@dataclass
class Played:
    """What was written, and what the environment is on by the model's own account."""

    events: list[Event] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)
    endings: list[Ending] = field(default_factory=list)
    # What was left running by a promotion that did not settle.
    left: str | None = None

    @property
    def current(self) -> str | None:
        return self.stays[-1] if self.stays else None

    @property
    def running(self) -> str | None:
        return self.left or self.current

    def promote(self, word: str, ending: Ending, *, is_rollback: bool = False) -> None:
        number, before, left = next_number(self.events), self.current, self.running
        previous = {"previous": lock(before)} if before else {}
        self.endings.append(ending)
        if ending == "refused":
            refused = {"soak": {"outcome": "not-yet", "says": "4 h of 24 h"}}
            self.events.append(event("gated", number, word, gates=refused))
            return
        self.events.append(event("started", number, word, rollback=is_rollback, **previous))
        self.left = word
        if ending == "cut":
            return
        if ending == "succeeded":
            self._succeed(number, word, left if is_rollback else None)
            return
        self.events.append(event("failed", number, word))
        if ending == "rolled-back":
            again = event("rolled-back", number, before, previous=lock(word))
            self.events.append(again)
            self.left = None
            if before:
                self.stays.append(before)

    def _succeed(self, number: int, word: str, left: str | None) -> None:
        self.events.append(event("succeeded", number, word))
        self.stays.append(word)
        self.left = None
        self.withdrawn.discard(word)
        if left and left != word:
            self.events.append(event("withdrawn", number, left))
            self.withdrawn.add(left)

    def mark(self, word: str) -> None:
        self.events.append(event("marked", next_number(self.events), word))
        self.bad.add(word)

    def roll_back(self, ending: Ending) -> None:
        try:
            goal = last_good(standing("staging", self.events))
        except Refused:
            return
        word = next(word for word in WORDS if lock(word) == goal.lock)
        self.promote(word, ending, is_rollback=True)


@st.composite
def histories(draw: st.DrawFn) -> Played:
    played = Played()
    endings = st.sampled_from(ENDINGS)
    for _ in range(draw(st.integers(0, 12))):
        step = draw(st.sampled_from(["promote", "promote", "rollback", "mark"]))
        if step == "promote":
            played.promote(draw(st.sampled_from(WORDS)), draw(endings))
        elif step == "rollback":
            played.roll_back(draw(endings))
        else:
            played.mark(draw(st.sampled_from(WORDS)))
    return played


def locks(words: Iterable[str]) -> set[str]:
    return {lock(word) for word in words}


@given(histories())
def test_status_agrees_with_what_was_played(played: Played) -> None:
    now = standing("staging", played.events)
    # An environment that went back to nothing before its first success is on no lock of ours.
    settled = [stay.lock for stay in now.stays if stay.lock is not None]
    assert settled == [lock(word) for word in played.stays]
    assert set(now.withdrawn) == locks(played.withdrawn)
    assert set(now.bad) == locks(played.bad)


@given(histories())
def test_every_promotion_is_told_once_with_its_end(played: Played) -> None:
    told = promotions(played.events)
    outcomes = ["unfinished" if ending == "cut" else ending for ending in played.endings]
    assert [one.outcome for one in told] == outcomes
    assert len({one.number for one in told}) == len(told)
    assert all((one.seconds is None) == (one.outcome == "unfinished") for one in told)


@given(histories())
def test_a_rollback_goes_only_where_checks_passed_and_nobody_objects(played: Played) -> None:
    now = standing("staging", played.events)
    found = [one.lock for one in candidates(now)]
    assert len(found) == len(set(found))
    assert now.running == (lock(played.running) if played.running else None)
    assert set(found) == locks(played.stays) - {now.running}
    good = [one.lock for one in candidates(now) if not one.objection]
    assert set(good) == set(found) - locks(played.bad) - locks(played.withdrawn)
    assert now.previous_good == (good[0] if good else None)


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(played: Played, chance: random.Random) -> None:
    shuffled = list(played.events)
    chance.shuffle(shuffled)
    assert standing("staging", shuffled) == standing("staging", played.events)


@given(histories(), st.integers(0, 40))
def test_a_history_that_is_cut_off_anywhere_is_still_told(played: Played, length: int) -> None:
    told = in_order(played.events)[:length]
    now = standing("staging", told)
    ends = {one.number for one in told if one.kind in ("succeeded", "failed", "rolled-back")}
    started = {one.number for one in told if one.kind == "started"}
    assert {one.number for one in now.promotions if one.outcome == "unfinished"} == started - ends
    # What was settled before the cut does not depend on what came later.
    assert now.stays == standing("staging", played.events).stays[: len(now.stays)]


@given(histories())
def test_writing_everything_again_writes_nothing(played: Played) -> None:
    ledger = FakeLedger()
    first = [ledger.write(one) for one in played.events]
    assert all(first)
    assert not any(ledger.write(one) for one in reversed(played.events))
    assert Counter(one.name for one in ledger.events("staging")) == Counter(one.name for one in played.events)
    assert all(read_event(event_path(one), event_text(one).encode()) == one for one in played.events)


@given(histories())
def test_the_numbers_of_delivery_stay_within_reason(played: Played) -> None:
    made = {lock(word): START for word in WORDS}
    found = metrics(promotions(played.events), made, START, at(1000))
    assert found.deployments <= found.changes
    assert found.failures <= found.changes
    assert (found.failure_rate is None) == (found.changes == 0)
    assert found.failure_rate is None or 0 <= found.failure_rate <= 1
    assert all(
        length is None or length >= timedelta(0) for length in (found.lead_time, found.time_to_restore)
    )
    split = [
        metrics(promotions(played.events), made, at(0), at(5)),
        metrics(promotions(played.events), made, at(5), at(1000)),
    ]
    assert sum(part.changes for part in split) == found.changes
