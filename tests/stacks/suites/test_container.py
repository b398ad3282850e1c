"""A suite in a container sees the stack's network, is bounded in time, and its container is always removed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from lockflight.errors import OutsideError
from lockflight.ports.stack_engine import LOCK, STACK
from lockflight.stacks.suites.container import check_container_suite
from lockflight.stacks.suites.model import Counts
from lockflight.testing.stack_containers import Behaviour
from tests.stacks.suites.benches import LOCK_ID, SHOP, TESTER, Shop, suite

GREEN = b'<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'
RED = b'<testsuite><testcase classname="cart" name="total"><failure message="3 is not 4"/></testcase></testsuite>'


def test_a_service_of_the_stack_that_ends_well_has_passed(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=7, prints=("one", "two")))
    result = shop.run_one(service="smoke")
    assert (result.outcome, result.where, result.exit_code, result.seconds) == (
        "passed",
        "service smoke",
        0,
        7,
    )
    assert shop.watched.shown == [b"one\n", b"two\n"]
    assert result.output_file is not None
    assert result.output_file.read_bytes() == b"one\ntwo\n"
    assert shop.suite_containers() == []


def test_an_image_of_the_lock_runs_by_digest(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=1, exit_code=4))
    result = shop.run_one(image="tester", command=["pytest", "-q"])
    assert (result.outcome, result.where, result.exit_code) == ("failed", f"image {TESTER}", 4)
    assert result.message == "ended with exit code 4"
    (container,) = shop.engine.suites
    assert container.command == ("pytest", "-q")
    assert container.labels == {STACK: SHOP, LOCK: LOCK_ID}


def test_in_the_network_services_have_their_own_names(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=1))
    shop.run_one(image="tester", env={"BASE_URL": "{url.web}/"}, secrets=["SHOP_PASSWORD"])
    (container,) = shop.engine.suites
    assert container.environment == {
        "LOCKFLIGHT_URL_WEB": "http://web:80",
        "BASE_URL": "http://web:80/",
        "SHOP_PASSWORD": "open-sesame",
    }


def test_on_the_machines_own_network_services_are_at_its_ports(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=1))
    shop.run_one(image="tester", network="host", env={"BASE_URL": "{url.web}"})
    (container,) = shop.engine.suites
    assert container.environment["BASE_URL"] == "http://127.0.0.1:41000"


@pytest.mark.parametrize("network", ["host", "stack"])
def test_a_container_is_told_of_no_file_of_this_machine(shop: Shop, network: str) -> None:
    told = {**shop.bench.from_this_machine.variables, "LOCKFLIGHT_ADDRESSES": "/here/addresses.json"}
    shop.bench = replace(shop.bench, from_this_machine=replace(shop.bench.from_this_machine, variables=told))
    shop.tester(Behaviour(exits_after=1))
    shop.run_one(image="tester", network=network)
    (container,) = shop.engine.suites
    assert "LOCKFLIGHT_ADDRESSES" not in container.environment
    assert "LOCKFLIGHT_URL_WEB" in container.environment
    assert shop.bench.variables("smoke", suite(command=["true"]))["LOCKFLIGHT_ADDRESSES"]


def test_a_container_that_hangs_is_killed_when_its_time_is_over(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=math.inf, files={"/out/r.xml": RED}))
    result = shop.run_one(service="smoke", timeout="1m30s", junit=["/out/*.xml"])
    assert (result.outcome, result.exit_code) == ("timed-out", None)
    assert result.message == "did not end within 1 min 30 s and was ended: 1 of 1 tests failed"
    assert shop.clock.monotonic() == 90
    assert shop.suite_containers() == []


def test_reports_are_taken_out_of_the_container(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=1, files={"/out/a.xml": GREEN, "/out/b.xml": RED, "/out/c.txt": b""}))
    result = shop.run_one(service="smoke", junit=["/out/*.xml", "/out/a.*"])
    assert result.tests == Counts(3, 1, 0, 0)
    assert [case.name for case in result.failed_cases] == ["cart.total"]
    kept = shop.bench.folder / "smoke" / "reports" / "out"
    assert result.reports == (kept / "a.xml", kept / "b.xml")
    assert (kept / "b.xml").read_bytes() == RED


def test_a_container_without_the_report_that_was_named_has_failed(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=1))
    result = shop.run_one(service="smoke", junit=["/out/*.xml"])
    assert result.outcome == "failed"
    assert (
        result.message
        == "ended with exit code 0, but it wrote no file that fits 'junit: /out/*.xml' in its container"
    )


def test_a_container_that_ran_out_of_memory_says_so(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=1, out_of_memory=True))
    result = shop.run_one(service="smoke")
    assert (result.outcome, result.exit_code) == ("failed", 137)
    assert result.message == "was ended by the engine because it ran out of memory"


def test_secrets_are_neither_shown_nor_kept(shop: Shop) -> None:
    report = b'<testsuite><testcase name="a"><failure message="open-sesame!"/></testcase></testsuite>'
    shop.tester(Behaviour(exits_after=1, prints=("it is open-sesame",), files={"/r.xml": report}))
    result = shop.run_one(service="smoke", secrets=["SHOP_PASSWORD"], junit=["/r.xml"])
    assert shop.watched.shown == [b"it is ***\n"]
    assert [case.message for case in result.failed_cases] == ["***!"]
    for path in shop.bench.folder.rglob("*.*"):
        assert b"open-sesame" not in path.read_bytes()


def test_a_container_that_cannot_be_started_is_told(shop: Shop) -> None:
    result = shop.run_one(service="smoke")  # its image is not on the engine
    assert (result.outcome, result.exit_code) == ("not-run", None)
    assert result.message == f"could not be started: the Docker engine refused: No such image: {TESTER}"


def test_a_service_that_compose_does_not_know_is_told(shop: Shop) -> None:
    assert shop.run_one(service="smok").message == "could not be started: no such service: smok"


def test_an_engine_that_was_stopped_is_no_fault_of_the_suite(shop: Shop) -> None:
    shop.engine.fails = OutsideError("the Docker engine does not answer")
    with pytest.raises(OutsideError, match="does not answer"):
        shop.run_one(service="smoke")


def test_after_an_interruption_no_container_is_left(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.tester(Behaviour(prints=("one",)))

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shop.clock, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        shop.run_one(service="smoke")
    assert shop.suite_containers() == []


def test_whoever_listens_and_fails_is_heard(shop: Shop) -> None:
    def fail(_data: bytes) -> None:
        raise BrokenPipeError

    shop.watched.act = fail
    shop.tester(Behaviour(exits_after=1, prints=("one",)))
    with pytest.raises(BrokenPipeError):
        shop.run_one(service="smoke")
    assert shop.suite_containers() == []


def check(root: Path, **settings: object) -> list[str]:
    found = check_container_suite(
        "smoke",
        suite(**settings),
        root,
        {"SET": "x", "EMPTY": ""},
        services=["web", "tests"],
        images=["tester"],
    )
    return [f"{problem} | {problem.hint}" for problem in found]


def test_what_is_right_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    assert check(tmp_path, service="tests", secrets=["SET"]) == []
    assert check(tmp_path, image="tester", mount={"tests": "/tests"}) == []


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        (
            {"service": "test"},
            "smoke.service: the compose files have no service 'test'",
            "did you mean 'tests'?",
        ),
        ({"image": "zzz"}, "smoke.image: the lock has no image 'zzz'", "the lock's images are: tester"),
        (
            {"service": "tests", "secrets": ["GONE"]},
            "smoke.secrets: the secret 'GONE' is not set",
            "set it where",
        ),
        (
            {"service": "tests", "secrets": ["EMPTY"]},
            "smoke.secrets: the secret 'EMPTY' is not set",
            "set it where",
        ),
        (
            {"image": "tester", "mount": {"no": "/no"}},
            "smoke.mount: 'no' does not exist",
            "make an empty folder",
        ),
        ({"image": "tester", "mount": {"out": "/no"}}, "smoke.mount: 'out' leaves the repository", "None"),
    ],
)
def test_what_is_missing_is_told_before_anything_starts(
    tmp_path: Path, settings: dict[str, object], message: str, hint: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (found,) = check(root, **settings)
    assert message in found
    assert hint in found.partition(" | ")[2]
