"""A start that Compose gave up: the stack's own fault, or the world's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.errors import OutsideError
from lockflight.stacks.naming import KEPT
from lockflight.stacks.trouble import shortened
from lockflight.testing.stack_engine import Behaviour
from tests.stacks.stages import Stage, stage

# As Docker 20.10 and Compose 2.26 say it.
RUNC = (
    "failed to create shim task: OCI runtime create failed: runc create failed:"
    " unable to start container process: exec: "
)
NOT_FOUND = f'{RUNC}"nosuchprogram": executable file not found in $PATH: unknown'
NOT_EXECUTABLE = f'{RUNC}"/bin": permission denied: unknown'
NO_DEVICE = (
    'error gathering device information while adding custom device "/dev/nosuch": no such file or directory'
)
CONNECTIVITY = "driver failed programming external connectivity on endpoint x-1 (800529da16bd): "
ALLOCATED = f"{CONNECTIVITY}Bind for 127.0.0.1:18080 failed: port is already allocated"
IN_USE = (
    f"{CONNECTIVITY}Error starting userland proxy: listen tcp4 127.0.0.1:38457: bind: address already in use"
)


@pytest.fixture(autouse=True)
def _a_machine_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("machine")))


@pytest.fixture
def shop(tmp_path: Path) -> Stage:
    return stage(tmp_path)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NOT_FOUND, 'exec: "nosuchprogram": executable file not found in $PATH'),
        (NOT_EXECUTABLE, 'exec: "/bin": permission denied'),
        (NO_DEVICE, NO_DEVICE),
    ],
)
def test_a_service_that_the_engine_cannot_start_is_the_stacks_own_fault(
    shop: Stage, error: str, said: str
) -> None:
    shop.behaves("orders", Behaviour(refuses=error))

    outcome = shop.test()

    assert outcome.running.started.reason == f"orders could not be started: {said}"
    (trouble,) = outcome.troubles
    assert (trouble.service, trouble.what) == ("orders", f"could not be started, {said}")
    assert outcome.evidence is not None
    assert not outcome.evidence.passed
    assert outcome.log_files
    assert shop.left() == []


@pytest.mark.parametrize("error", [ALLOCATED, IN_USE])
def test_a_port_that_is_taken_is_the_worlds_failure_with_a_hint(shop: Stage, error: str) -> None:
    shop.behaves("cart", Behaviour(refuses=error))
    with pytest.raises(OutsideError, match="could not start the stack") as failure:
        shop.test(fixed_ports=True)
    (problem,) = failure.value.problems
    assert problem.hint is not None
    assert "docker ps" in problem.hint
    assert "--fixed-ports" in problem.hint


def test_a_stack_that_is_alone_is_told_how_it_gets_free_ports(tmp_path: Path) -> None:
    shop = stage(tmp_path, stack='alone: true\nsuites: {smoke: {command: ["true"]}}')
    shop.behaves("cart", Behaviour(refuses=ALLOCATED))
    with pytest.raises(OutsideError) as failure:
        shop.test()
    assert "alone: true" in str(failure.value.problems[0].hint)


def test_a_disk_that_is_full_is_no_services_fault(shop: Stage) -> None:
    shop.behaves("cart", Behaviour(refuses="mkdir /var/lib/docker/x: no space left on device"))
    with pytest.raises(OutsideError, match="no space left"):
        shop.test(purpose=KEPT)


def test_what_the_engine_says_at_length_is_cut() -> None:
    assert len(shortened("x" * 5000)) == 300
