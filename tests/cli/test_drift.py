"""`lockflight drift` as a person or a schedule runs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lockflight.errors import EXIT_INPUT, EXIT_OUTSIDE, EXIT_REFUSED, OutsideError
from lockflight.promotions.order import Order
from lockflight.promotions.promotion import promote
from lockflight.testing.stack_containers import Behaviour
from tests.cli.test_status import Scene, scene
from tests.ledger.builders import event
from tests.locks.builders import digest
from tests.promotions.stages import write_manifest

STRANGE = f"ghcr.io/acme/cart@{digest('from nowhere')}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    return scene(tmp_path, monkeypatch, capsys)


def swap(here: Scene, service: str, reference: str) -> None:
    """What somebody does who edits a service by hand, and keeps the labels."""
    container = next(one for one in here.stage.target.there["shop-staging"] if one.service == service)
    container.image = reference


def codes(here: Scene) -> list[tuple[str, str]]:
    environment = here.answers("drift", "staging", code=EXIT_REFUSED)["environments"][0]
    return [(one["subject"], one["code"]) for one in environment["findings"]]


def test_what_was_promoted_and_left_alone_does_not_drift(here: Scene) -> None:
    lock = here.promoted()
    said = here.says("drift")
    assert f"staging: as lock {lock.id[:12]} says (2 of 2 services ready)" in said
    assert "production: no lock was promoted here yet" in said
    assert here.answers("drift")["drift"] is False


def test_an_unexpected_digest_is_traced_to_the_lock_that_has_it(here: Scene) -> None:
    one = here.promoted("1")
    here.promoted("2")
    here.ledger.write(event("released", 1, None, lock=one.id, tag="v1.0.0"))
    swap(here, "cart", f"ghcr.io/acme/cart@{digest('cart-1')}")

    said = here.says("drift", "staging", code=EXIT_REFUSED)

    assert f"runs another image than the lock says: it is in lock {one.id[:12]} (v1.0.0)" in said
    assert digest("cart-2") in said
    assert codes(here) == [("cart", "other-digest")]


def test_a_digest_that_no_lock_has_is_said_to_be_so(here: Scene) -> None:
    here.promoted()
    swap(here, "cart", STRANGE)
    assert "no archived lock has that digest" in here.says("drift", "staging", code=EXIT_REFUSED)


def test_a_missing_and_an_extra_service_are_drift(here: Scene) -> None:
    here.promoted()
    here.stage.target.there["shop-staging"].pop()
    here.stage.target.put("shop-staging", "debug", STRANGE)
    assert codes(here) == [("debug", "extra"), ("orders", "missing")]


def test_a_service_that_was_there_before_and_is_left_alone_is_a_note(here: Scene) -> None:
    here.stage.target.put("shop-staging", "legacy", STRANGE)
    here.promoted()
    assert "(extra)" in here.says("drift", "staging")


def test_a_service_started_by_hand_is_drift(here: Scene) -> None:
    here.promoted()
    reference = f"ghcr.io/acme/cart@{digest('cart-1')}"
    there = here.stage.target.there["shop-staging"]
    here.stage.target.there["shop-staging"] = [one for one in there if one.service != "cart"]
    here.stage.target.put("shop-staging", "cart", reference)
    here.stage.clock.advance(60)
    assert codes(here) == [("cart", "by-hand")]


def test_what_is_unhealthy_is_drift(here: Scene) -> None:
    here.promoted()
    there = here.stage.target.there["shop-staging"]
    next(one for one in there if one.service == "cart").behaviour = Behaviour(exits_after=1, exit_code=3)
    said = here.says("drift", "staging", code=EXIT_REFUSED)
    assert "is not well: exited 3" in said
    assert "1 of 2 services ready" in said


def test_the_last_success_counts_and_not_the_files_that_lie_here(here: Scene) -> None:
    here.promoted()
    stack = here.root / "stack.yaml"
    stack.write_text(stack.read_text().replace("depends_on", "scale: 3, depends_on"))
    here.current(here.lock())

    assert here.answers("drift", "staging")["environments"][0]["findings"] == []


def test_the_environments_own_files_explain_a_difference_that_is_wanted(here: Scene) -> None:
    own = here.root / "own.yaml"
    own.write_text("services: {cart: {scale: 1}}\n")
    write_manifest(here.root, "staging: {target: {compose: {}}, files: [stack.yaml, own.yaml]}")
    here.promoted()
    own.write_text("services: {cart: {scale: 2}}\n")

    assert codes(here) == [("cart", "scaled"), ("staging", "files-changed")]


def test_an_unfinished_promotion_is_told_with_what_it_left(here: Scene) -> None:
    here.promoted()
    here.ledger.write(event("started", 2, None, lock="b" * 64))
    assert "promotion 2, of lock bbbbbbbbbbbb, is unfinished" in here.says("drift", "staging")


def test_a_promotion_at_work_is_told(here: Scene) -> None:
    here.promoted()
    here.stage.target.take_lease("staging", "ada", None, 60, 7)
    assert "promotion 8 is at work right now" in here.says("drift", "staging")


def test_a_target_that_cannot_be_reached_is_another_exit_code(here: Scene) -> None:
    here.promoted()
    here.stage.target.fails = OutsideError("no engine answers")
    said = here.says("drift", code=EXIT_OUTSIDE)
    assert "error: no engine answers" in said
    assert "staging: could not be asked" in said
    assert here.answers("drift", code=EXIT_OUTSIDE)["environments"][0]["drift"] is None


def test_looking_needs_no_secrets(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "services: {cart: {environment: {TOKEN: '${TOKEN:?must be set}'}}}\n"
    (here.root / "own.yaml").write_text(own)
    settings = "{target: {compose: {}}, files: [stack.yaml, own.yaml], secrets: [TOKEN]}"
    write_manifest(here.root, f"staging: {settings}")
    order = Order("staging", here.lock(), "ada@here")
    promote(replace(here.stage.world, variables={"TOKEN": "s3cret"}), order)
    monkeypatch.delenv("TOKEN", raising=False)
    here.stage.clock.advance(60)

    assert "2 of 2 services ready" in here.says("drift")


def test_an_unknown_environment_is_asked_about(here: Scene) -> None:
    assert "did you mean 'production'?" in here.says("drift", "prodution", code=EXIT_INPUT)


def test_a_job_has_annotations_and_a_summary(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here.root / "summary.md"))
    here.promoted()
    swap(here, "cart", STRANGE)

    assert "::error title=other-digest::staging/cart" in here.says("drift", code=EXIT_REFUSED)
    summary = (here.root / "summary.md").read_text()
    assert "### Drift" in summary
    assert "| `staging` | `cart` | `other-digest` |" in summary


def test_looking_changes_nothing(here: Scene) -> None:
    here.promoted()
    swap(here, "cart", STRANGE)
    before, events = list(here.stage.touched()), here.stage.kinds()
    here.says("drift", code=EXIT_REFUSED)
    assert (here.stage.touched(), here.stage.kinds()) == (before, events)
