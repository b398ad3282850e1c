"""When a service counts as ready."""

from __future__ import annotations

from typing import Any

import pytest

from lockflight.ports.stack_engine import Container
from lockflight.stacks.readiness import SETTLING_SECONDS, ServiceState, Watch

LATER = SETTLING_SECONDS + 0.1


def container(state: str, **changes: Any) -> Container:
    values: dict[str, Any] = {"id": "1", "name": "shop-cart-1", "service": "cart", "state": state}
    return Container(**{**values, **changes})


def seen(*containers: Container, after: float = LATER, **service: Any) -> ServiceState:
    """The service's state, where the containers were there for some time."""
    watch = Watch.of({"services": {"cart": service}}, ["cart"])
    watch.look(containers, 0.0)
    (state,) = watch.look(containers, after)
    return state


@pytest.mark.parametrize(
    ("there", "word", "ready", "failed"),
    [
        (container("running", health="healthy"), "healthy", True, False),
        (container("running", health="starting"), "starting", False, False),
        (container("running", health="unhealthy"), "unhealthy", False, True),
        (container("running"), "running", True, False),
        (container("exited", exit_code=0), "done", True, False),
        (container("exited", exit_code=1), "exited 1", False, True),
        (container("exited", exit_code=None), "exited", False, True),
        (container("dead", exit_code=137), "exited 137", False, True),
        (container("created"), "waiting", False, False),
        (container("restarting", exit_code=3), "restarting, exited 3", False, False),
        (container("paused"), "paused", False, False),
    ],
)
def test_the_state_of_one_container(there: Container, word: str, ready: bool, failed: bool) -> None:
    state = seen(there)
    assert (state.word, state.ready, state.failed) == (word, ready, failed)


def test_a_container_without_health_check_must_have_run_for_a_while() -> None:
    """One that exits at once has been running for a moment as well."""
    assert not seen(container("running"), after=0.1).ready
    assert seen(container("running"), after=LATER).ready


def test_a_container_that_was_started_again_must_settle_again() -> None:
    watch = Watch.of({"services": {"cart": {}}}, ["cart"])
    watch.look([container("running")], 0.0)
    watch.look([container("restarting", exit_code=1)], 1.0)
    (state,) = watch.look([container("running")], 1.1)
    assert not state.ready


def test_a_service_without_container_waits() -> None:
    assert seen().word == "waiting"


def test_all_replicas_must_be_ready() -> None:
    first, second = container("running", health="healthy"), container("running", id="2", health="starting")
    assert not seen(first, deploy={"replicas": 2}).ready
    assert not seen(first, second, deploy={"replicas": 2}).ready
    assert seen(first, container("running", id="2", health="healthy"), scale=2).ready


def test_one_bad_replica_speaks_for_the_service() -> None:
    state = seen(container("running", health="healthy"), container("exited", id="2", exit_code=1), scale=2)
    assert (state.word, state.failed) == ("exited 1", True)


def test_a_service_of_which_none_is_wanted_is_ready() -> None:
    assert seen(deploy={"replicas": 0}).ready


def test_containers_of_suites_and_of_other_services_do_not_count() -> None:
    assert seen(container("exited", exit_code=1, one_off=True)).word == "waiting"
    assert seen(container("exited", exit_code=1, service="orders")).word == "waiting"
