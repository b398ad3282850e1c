"""What a promotion would do, and why."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockflight.ports.target import Running, Wanted
from lockflight.promotions.plan import Plan, in_order, plan

LOCK = "ab" * 32


def reference(name: str, version: int = 1) -> str:
    return f"ghcr.io/acme/{name}@sha256:{version:064x}"


def wanted(name: str, version: int = 1, **changes: Any) -> Wanted:
    values: dict[str, Any] = {"service": name, "reference": reference(name, version), "fingerprint": "same"}
    return Wanted(**{**values, **changes})


def running(name: str, version: int = 1, **changes: Any) -> Running:
    values: dict[str, Any] = {
        "service": name,
        "references": (reference(name, version),),
        "shown": f"ghcr.io/acme/{name}:v{version}",
        "fingerprint": "same",
    }
    return Running(**{**values, **changes})


def planned(*sides: Wanted | Running, **options: Any) -> Plan:
    one = [side for side in sides if isinstance(side, Wanted)]
    other = [side for side in sides if isinstance(side, Running)]
    return plan("staging", LOCK, one, other, **options)


def test_a_first_deployment_creates_everything_in_dependency_order() -> None:
    result = planned(
        wanted("web", needs=("cart",)),
        wanted("cart", needs=("migrate", "store")),
        wanted("migrate", one_shot=True, needs=("store",)),
        wanted("store"),
    )
    assert str(result) == (
        "staging <- lock abababababab\n"
        "  create store: does not run yet\n"
        "  run migrate: has not run yet\n"
        "  create cart: does not run yet\n"
        "  create web: does not run yet\n"
    )


def test_what_already_runs_is_not_touched() -> None:
    result = planned(wanted("cart"), running("cart"))
    assert result.changes_nothing
    assert str(result) == "staging <- lock abababababab\n  untouched: cart\n  nothing to do\n"


def test_another_digest_is_a_cause() -> None:
    (operation,) = planned(wanted("cart", 2), running("cart", 1)).operations
    assert str(operation) == "update cart: image cart@000000000000 -> cart@000000000000"
    assert (operation.before, operation.after) == (reference("cart", 1), reference("cart", 2))


def test_another_name_for_the_same_digest_is_none() -> None:
    same = running("cart", references=("mirror.example/cart@sha256:" + f"{1:064x}",))
    assert planned(wanted("cart"), same).changes_nothing


def test_changed_configuration_is_a_cause() -> None:
    (operation,) = planned(wanted("cart"), running("cart", fingerprint="other")).operations
    assert str(operation) == "update cart: its configuration changed"


def test_replicas_alone_are_scaled_and_together_with_more_updated() -> None:
    (scale,) = planned(wanted("cart", replicas=3), running("cart", replicas=1)).operations
    assert str(scale) == "scale cart: replicas 1 -> 3"
    (update,) = planned(wanted("cart", 2, replicas=3), running("cart", replicas=1)).operations
    assert update.kind == "update"
    assert len(update.causes) == 2


def test_what_was_deployed_by_hand_is_adopted() -> None:
    by_hand = running("cart", references=(), by_hand=True, fingerprint=None)
    result = planned(wanted("cart"), by_hand)
    assert (
        str(result.operations[0]) == "update cart: image cart:v1 -> cart@000000000000; was deployed by hand"
    )
    assert result.adopted == (by_hand,)


def test_a_service_that_is_not_well_is_deployed_again() -> None:
    (operation,) = planned(wanted("cart"), running("cart", failed=True, state="unhealthy")).operations
    assert str(operation) == "update cart: is not well: unhealthy"


def test_a_migration_that_ran_is_not_run_again_and_one_that_failed_is() -> None:
    done = running("migrate", one_shot=True, state="done", replicas=0)
    assert planned(wanted("migrate", one_shot=True), done).changes_nothing
    (operation,) = planned(
        wanted("migrate", one_shot=True), running("migrate", failed=True, state="exited 1")
    ).operations
    assert str(operation) == "run migrate: ended badly before: exited 1"


def test_what_is_not_in_the_lock_is_left_alone_or_removed_last() -> None:
    sides = (wanted("cart"), running("old"))
    assert planned(*sides).left_alone == ("old",)
    assert [str(one) for one in planned(*sides, unknown="remove").operations] == [
        "create cart: does not run yet",
        "remove old: is not in the lock",
    ]


NAMES = st.sampled_from([f"s{number}" for number in range(8)])


@st.composite
def services(draw: st.DrawFn) -> list[Wanted]:
    names = draw(st.lists(NAMES, unique=True))
    return [
        wanted(
            name,
            draw(st.integers(1, 3)),
            needs=tuple(draw(st.lists(NAMES, max_size=3))),
            one_shot=draw(st.booleans()),
        )
        for name in names
    ]


def as_running(one: Wanted) -> Running:
    return Running(
        one.service, (one.reference,), one.reference, fingerprint=one.fingerprint, one_shot=one.one_shot
    )


@given(services(), services())
def test_carried_out_a_plan_leaves_nothing_to_do(before: list[Wanted], after: list[Wanted]) -> None:
    first = plan("e", LOCK, after, [as_running(one) for one in before], unknown="remove")
    assert {operation.service for operation in first.operations} | set(first.untouched) >= {
        one.service for one in after
    }
    assert plan("e", LOCK, after, [as_running(one) for one in after], unknown="remove").changes_nothing


@given(services())
def test_every_service_stands_in_the_order_once(some: list[Wanted]) -> None:
    ordered = in_order(some)
    assert sorted(one.service for one in ordered) == sorted(one.service for one in some)


@given(st.permutations([wanted(f"s{n}", needs=(f"s{n - 1}",) if n else ()) for n in range(6)]))
def test_what_is_needed_comes_first_however_it_was_given(some: list[Wanted]) -> None:
    assert [one.service for one in in_order(some)] == [f"s{n}" for n in range(6)]


def test_a_chain_of_five_hundred_services_is_planned() -> None:
    chain = [wanted(f"s{n}", needs=(f"s{n + 1}",)) for n in range(500)]
    assert [operation.service for operation in planned(*chain).operations] == [
        f"s{n}" for n in reversed(range(500))
    ]
