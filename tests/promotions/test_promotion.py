"""One promotion after the other, with everything outside in memory."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from lockflight.errors import LeftMixed, LockflightError, NotYet, OutsideError, Refused
from lockflight.locks.model import Lock
from lockflight.promotions.promotion import standing_of
from lockflight.testing.stack_containers import Behaviour
from tests.locks import builders
from tests.promotions.stages import COMPOSE, Stage, stage, write_manifest

CRASHES = Behaviour(healthy_after=math.inf, exits_after=1, exit_code=3, prints=("no config",))
NO = 'checks: [{command: {command: ["false"]}}]'
FOLLOWING = """
  staging: {target: {compose: {}}}
  production: {target: {compose: {}}, follows: staging}
"""


def images(lock: Lock) -> dict[str, str]:
    """What is to run, by service."""
    return {name: f"ghcr.io/acme/{name}@{lock.services[name].digest}" for name in ("cart", "orders")}


def test_a_lock_comes_to_an_environment_whole_and_in_order(small: Stage) -> None:
    lock = small.lock()

    outcome = small.promote(lock)

    assert outcome.outcome == "succeeded"
    assert small.runs() == images(lock)
    assert small.touched() == ["create cart", "create orders"]


def test_what_happened_is_in_the_ledger_before_and_after(small: Stage) -> None:
    small.promote(small.lock())
    assert small.kinds() == ["1 gated", "1 started", "1 deployed", "1 succeeded"]
    assert small.ledger.archived() == (small.lock().id,)


@pytest.fixture
def small(tmp_path: Path) -> Stage:
    return stage(tmp_path)


def test_a_promotion_of_the_lock_that_already_runs_touches_nothing(small: Stage) -> None:
    lock = small.lock()
    small.promote(lock)
    before = (small.touched(), small.kinds())

    outcome = small.promote(lock)

    assert outcome.outcome == "already"
    assert (small.touched(), small.kinds()) == before


def test_only_what_differs_is_changed(small: Stage) -> None:
    first = small.lock("1")
    small.promote(first)
    second = small.lock("2")
    mixed = replace_orders(first, second)
    small.target.applied.clear()

    small.promote(mixed)

    assert small.touched() == ["update orders"]


def replace_orders(first: Lock, second: Lock) -> Lock:
    from lockflight.locks.file import seal
    from lockflight.locks.model import LockContent

    data = first.model_dump(exclude={"id"})
    data["services"]["orders"] = second.services["orders"].model_dump()
    return seal(LockContent.model_validate(data))


def test_a_gate_that_says_no_leaves_everything_as_it_was(tmp_path: Path) -> None:
    shop = stage(
        tmp_path, 'staging: {target: {compose: {}}, gates: [{command: {command: ["false"]}}]}\n', COMPOSE
    )
    with pytest.raises(Refused, match="the gate 'command' says no"):
        shop.promote(shop.lock())
    assert shop.touched() == []
    assert shop.kinds() == ["1 gated"]
    assert shop.target.holder("staging") is None


def test_all_gates_are_asked_not_only_the_first_that_fails(tmp_path: Path) -> None:
    gates = "gates: [{command: {command: ['false']}}, {command: {command: ['true']}}]"
    shop = stage(tmp_path, f"staging: {{target: {{compose: {{}}}}, {gates}}}\n")
    with pytest.raises(Refused):
        shop.promote(shop.lock())
    assert {"command no", "command-2 yes"} <= set(shop.watched.told)


def test_a_lock_must_have_passed_where_the_environment_follows(tmp_path: Path) -> None:
    shop = stage(tmp_path, FOLLOWING)
    lock = shop.lock()
    with pytest.raises(Refused, match="follows"):
        shop.promote(lock, "production")
    shop.promote(lock)
    assert shop.promote(lock, "production").outcome == "succeeded"


def test_an_image_that_is_missing_is_noticed_before_anything_changes(small: Stage) -> None:
    lock = small.lock()
    small.target.images.clear()
    with pytest.raises(Refused, match="manifest unknown"):
        small.promote(lock)
    assert small.touched() == []
    assert small.kinds() == []


def test_a_service_that_fails_takes_the_whole_bundle_back(small: Stage) -> None:
    good = small.lock("1")
    small.promote(good)
    bad = small.lock("2", orders=CRASHES)

    outcome = small.promote(bad)

    assert (outcome.outcome, outcome.back_to) == ("rolled-back", good.id)
    assert "orders exited 3" in outcome.reason
    assert small.runs() == images(good)
    assert small.kinds()[4:] == ["2 gated", "2 started", "2 failed", "2 rolled-back"]
    assert standing_of(small.world, "staging").current == good.id


def test_a_check_that_says_no_takes_the_whole_bundle_back(small: Stage) -> None:
    good = small.lock("1")
    small.promote(good)
    write_manifest(small.root, f"staging: {{target: {{compose: {{}}}}, {NO}}}\n")

    outcome = small.promote(small.lock("2"))

    assert outcome.outcome == "rolled-back"
    assert "the check 'command' says no" in outcome.reason
    assert small.runs()["orders"] == images(good)["orders"]


def test_an_environment_may_keep_what_failed(small: Stage) -> None:
    small.promote(small.lock("1"))
    write_manifest(small.root, f"staging: {{target: {{compose: {{}}}}, on_failure: keep, {NO}}}\n")
    bad = small.lock("2")
    assert small.promote(bad).outcome == "failed"
    assert small.runs()["orders"] == images(bad)["orders"]


def test_a_first_deployment_that_fails_has_nowhere_to_go_back_to(small: Stage) -> None:
    outcome = small.promote(small.lock(orders=CRASHES))
    assert outcome.outcome == "failed"
    assert small.kinds() == ["1 gated", "1 started", "1 failed"]


def test_when_going_back_fails_too_a_person_is_called(small: Stage) -> None:
    good = small.lock("1")
    small.promote(good)
    bad = small.lock("2", cart=CRASHES)
    small.target.images[f"ghcr.io/acme/cart@{good.services['cart'].digest}"] = CRASHES
    with pytest.raises(LeftMixed, match="is left mixed"):
        small.promote(bad)
    (failed,) = [event for event in small.ledger.events("staging") if event.kind == "failed"]
    assert failed.mixed
    assert LeftMixed.exit_code == 5


def test_somebody_else_s_lease_is_not_yet_or_waited_for(small: Stage) -> None:
    small.target.take_lease("staging", "grace@there", None, 30, 0)
    with pytest.raises(NotYet, match="grace@there"):
        small.promote(small.lock())
    assert small.promote(small.lock(), wait=60).outcome == "succeeded"
    assert "waiting for grace@there" in small.watched.told


def test_the_lease_is_let_go_after_success_and_after_failure(small: Stage) -> None:
    small.promote(small.lock())
    assert small.target.holder("staging") is None
    small.promote(small.lock("2", orders=CRASHES))
    assert small.target.holder("staging") is None


def test_who_lost_the_lease_changes_nothing_more(small: Stage) -> None:
    lock = small.lock()
    original = small.target.pull

    def and_lose_it(*arguments: object) -> None:
        original(*arguments)  # type: ignore[arg-type]
        held = small.target.leases["staging"]
        small.target.leases["staging"] = replace(held, number=held.number + 1, owner="grace@there")

    small.target.pull = and_lose_it  # type: ignore[method-assign, assignment]
    with pytest.raises(OutsideError, match="the lease was lost"):
        small.promote(lock)
    assert small.touched() == []


def test_configuration_that_is_not_the_lock_s_is_refused(small: Stage) -> None:
    lock = small.lock()
    (small.root / "stack.yaml").write_text(COMPOSE + "# changed\n")
    with pytest.raises(Refused, match="is not what the lock has"):
        small.promote(lock)
    assert small.kinds() == []


def test_a_rollback_withdraws_what_was_left_and_a_rerun_does_not_bring_it_back(small: Stage) -> None:
    good, newer = small.lock("1"), small.lock("2")
    small.promote(good)
    small.promote(newer)

    outcome = small.roll_back(good)

    assert outcome.outcome == "succeeded"
    assert small.runs()["orders"] == images(good)["orders"]
    assert small.kinds()[-1] == "3 withdrawn"
    with pytest.raises(Refused, match="withdrawn by ada"):
        small.promote(newer)
    assert small.promote(newer, again=True).outcome == "succeeded"


def test_going_back_uses_the_configuration_that_was_archived(small: Stage) -> None:
    good = small.lock("1")
    small.promote(good)
    (small.root / "stack.yaml").write_text(COMPOSE.replace("cart:dev", "cart:next"))
    bad = small.lock("2", orders=CRASHES)

    outcome = small.promote(bad)

    assert outcome.outcome == "rolled-back"
    released = small.root / ".lockflight" / "releases" / good.id / "stack.yaml"
    assert released.read_text() == COMPOSE


def test_a_deployment_by_hand_is_adopted_and_what_ran_before_is_written_down(small: Stage) -> None:
    by_hand = small.target.add("ghcr.io/acme/cart@" + builders.digest("by hand"))
    small.target.put("shop-staging", "cart", by_hand)
    small.promote(small.lock())
    (started,) = [event for event in small.ledger.events("staging") if event.kind == "started"]
    assert started.ran_before["cart"].digest == builders.digest("by hand")


def test_a_promotion_that_was_cut_off_is_finished_by_the_same_command(small: Stage) -> None:
    """Cut off after every single step: the same command again ends on the whole lock, and nothing is done twice."""
    lock = small.lock()
    for cut in range(1, 12):
        again = stage_again(small)
        calls = 0

        def cut_off(*_: object, at: int = cut) -> None:
            nonlocal calls
            calls += 1
            if calls == at:
                raise PowerCutError

        interrupt_everything(again, cut_off)
        finished = True
        try:
            again.promote(lock)
        except PowerCutError:
            finished = False
        restore_everything(again)
        # The dead owner's lease runs out.
        again.clock.advance(120)
        if not finished:
            assert again.promote(lock).outcome in ("succeeded", "already")
        assert again.runs() == {
            name: image for name, image in images(lock).items() if name in ("cart", "orders")
        }
        assert standing_of(again.world, "staging").current == lock.id
        assert len(again.target.there["shop-staging"]) == 2
        applied = again.touched()
        assert applied.count("create cart") + applied.count("update cart") <= 2


class PowerCutError(BaseException):
    """Nothing is tidied up: the process is gone."""


def stage_again(small: Stage) -> Stage:
    made = stage(small.root)
    made.target.images.update(small.target.images)
    return made


METHODS = ("take_lease", "observe", "pull", "apply", "report")


def interrupt_everything(made: Stage, cut: object) -> None:
    for name in METHODS:
        original = getattr(made.target, name)

        def wrapped(*arguments: object, _original: object = original) -> object:
            answer = _original(*arguments)  # type: ignore[operator]
            cut()  # type: ignore[operator]
            return answer

        setattr(made.target, name, wrapped)
    original_write = made.ledger.write_all

    def written(batch: object) -> bool:
        answer = original_write(batch)  # type: ignore[arg-type]
        cut()  # type: ignore[operator]
        return answer

    made.ledger.write_all = written  # type: ignore[method-assign]


def restore_everything(made: Stage) -> None:
    for name in METHODS:
        made.target.__dict__.pop(name, None)
    made.ledger.__dict__.pop("write_all", None)


def test_an_order_for_a_bad_lock_is_refused_everywhere(tmp_path: Path) -> None:
    from lockflight.ports.ledger_event import Event

    shop = stage(tmp_path, FOLLOWING)
    lock = shop.lock()
    shop.ledger.write(
        Event(environment="staging", number=1, kind="marked", time=shop.clock.now(), lock=lock.id, person="ada",
              reason="loses orders")
    )  # fmt: skip
    for environment in ("staging", "production"):
        with pytest.raises(LockflightError, match="loses orders"):
            shop.promote(lock, environment)
