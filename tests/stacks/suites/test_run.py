"""Suites run in order, all of them, and each says for itself whether it passed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lockflight.stacks.suites.model import Counts, all_passed
from lockflight.stacks.suites.run import check_suites
from lockflight.testing.stack_containers import Behaviour
from tests.stacks.suites.benches import Shop, suite

GREEN = '<testsuite><testcase name="a"/></testsuite>'
RED = '<testsuite><testcase name="a"><failure message="no"/></testcase></testsuite>'
TRUE = suite(command=["true"])
FALSE = suite(command=["false"])


def writes(path: str, text: str) -> list[str]:
    program = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.parent.mkdir(exist_ok=True); p.write_text(sys.argv[2])"
    return [sys.executable, "-c", program, path, text]


def test_suites_run_in_order_and_each_is_told_of(shop: Shop) -> None:
    shop.tester(Behaviour(exits_after=1))
    results = shop.run({"unit": TRUE, "smoke": suite(service="smoke")})
    assert [result.passed for result in results] == [True, True]
    assert shop.watched.events == [
        "unit started: host", "unit passed", "smoke started: service smoke", "smoke passed",
    ]  # fmt: skip


def test_a_suite_that_failed_keeps_no_other_from_running(shop: Shop) -> None:
    results = shop.run({"first": FALSE, "second": TRUE})
    assert [result.outcome for result in results] == ["failed", "passed"]
    assert not all_passed(results)


def test_who_wants_to_know_fast_is_told_what_was_left_out(shop: Shop) -> None:
    results = shop.run({"first": FALSE, "second": TRUE, "third": TRUE}, fail_fast=True)
    assert [result.outcome for result in results] == ["failed", "not-run", "not-run"]
    assert results[2].message == "was left out because 'first' failed"
    assert shop.watched.events == ["first started: host", "first failed", "second not-run", "third not-run"]


def test_no_suite_at_all_is_no_pass() -> None:
    assert not all_passed([])


def test_a_suite_on_this_machine_inherits_our_variables_and_finds_the_stack(shop: Shop) -> None:
    command = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    shop.run_one(command=command, env={"BASE_URL": "{url.web}", "SHOP": "{stack}"})
    found = json.loads(b"".join(shop.watched.shown))
    assert found["PATH"] == os.environ["PATH"]
    assert found["BASE_URL"] == found["LOCKFLIGHT_URL_WEB"] == "http://127.0.0.1:41000"
    assert found["SHOP_PASSWORD"] == "***"


def test_a_suite_runs_in_the_folder_that_the_manifest_names(shop: Shop) -> None:
    (shop.root / "tests").mkdir()
    shop.run_one(command=["pwd"], directory="tests")
    assert shop.watched.shown == [f"{shop.root}/tests\n".encode()]


def test_reports_are_summed_up_and_saved(shop: Shop) -> None:
    result = shop.run_one(command=writes("out/r.xml", GREEN), junit=["out/*.xml"])
    assert (result.outcome, result.tests) == ("passed", Counts(1, 0, 0, 0))
    assert [path.read_text() for path in result.reports] == [GREEN]
    assert result.reports == (shop.bench.folder / "smoke" / "reports" / "out" / "r.xml",)


def test_a_suite_whose_reports_say_otherwise_has_failed(shop: Shop) -> None:
    result = shop.run_one(command=writes("r.xml", RED), junit=["r.xml"])
    assert (result.outcome, result.exit_code, result.failed_total) == ("failed", 0, 1)
    assert result.message == "ended with exit code 0, but its reports say otherwise: 1 of 1 tests failed"


def test_a_suite_that_wrote_no_report_has_failed(shop: Shop) -> None:
    result = shop.run_one(command=writes("r.xml", GREEN), junit=["*.xml", "more/*.xml"])
    assert result.message == "ended with exit code 0, but it wrote no file that fits 'junit: more/*.xml'"


def test_a_report_of_an_earlier_run_does_not_count(shop: Shop) -> None:
    (shop.root / "r.xml").write_text(GREEN)
    result = shop.run_one(command=["true"], junit=["r.xml"])
    assert result.outcome == "failed"
    assert (
        "it wrote no file that fits 'junit: r.xml'; what lies there is older than this run" in result.message
    )
    assert (result.tests, result.reports) == (None, ())


def test_the_same_report_written_again_counts(shop: Shop) -> None:
    (shop.root / "r.xml").write_text(GREEN)
    assert shop.run_one(command=writes("r.xml", GREEN), junit=["r.xml"]).passed


def test_an_old_report_that_is_moved_into_place_counts_as_written(shop: Shop) -> None:
    (shop.root / "elsewhere").write_text(GREEN)
    os.utime(shop.root / "elsewhere", (0, 0))
    assert shop.run_one(command=["mv", "elsewhere", "r.xml"], junit=["r.xml"]).passed


def test_one_suite_does_not_live_on_the_report_of_another(shop: Shop) -> None:
    results = shop.run({
        "first": suite(command=writes("r.xml", GREEN), junit=["r.xml"]),
        "second": suite(command=["true"], junit=["r.xml"]),
    })  # fmt: skip
    assert [result.outcome for result in results] == ["passed", "failed"]


def test_a_report_in_the_folder_that_the_suite_runs_in_is_pointed_at(shop: Shop) -> None:
    (shop.root / "tests").mkdir()
    result = shop.run_one(command=writes("r.xml", GREEN), directory="tests", junit=["r.xml"])
    assert result.message.endswith("; there is one in tests/, but patterns start at the manifest's folder")


def test_a_report_that_is_broken_fails_the_suite(shop: Shop) -> None:
    result = shop.run_one(command=writes("r.xml", "<testsuite><testc"), junit=["r.xml"])
    assert result.message == (
        "ended with exit code 0, but its report r.xml is no complete XML: unclosed token at line 1, column 12"
    )


SKIPPED = '<testsuite><testcase name="a"><skipped/></testcase></testsuite>'


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("<testsuites/>", "its reports hold no test case"),
        (SKIPPED, "every test case in its reports was skipped"),
    ],
)
def test_a_suite_in_whose_reports_nothing_was_executed_fails(shop: Shop, report: str, said: str) -> None:
    result = shop.run_one(command=writes("r.xml", report), junit=["r.xml"])
    assert result.outcome == "failed"
    assert result.message == f"ended with exit code 0, but {said}, so nothing was tested"


def test_one_test_that_was_executed_is_enough(shop: Shop) -> None:
    report = SKIPPED.replace("</testsuite>", '<testcase name="b"/></testsuite>')
    assert shop.run_one(command=writes("r.xml", report), junit=["r.xml"]).passed


def test_a_suite_whose_report_only_states_an_error_fails(shop: Shop) -> None:
    result = shop.run_one(command=writes("r.xml", '<testsuite tests="1" errors="1"/>'), junit=["r.xml"])
    assert result.message == "ended with exit code 0, but its reports say otherwise: 1 of 1 tests failed"


def test_a_report_beyond_a_link_that_leaves_is_not_read(shop: Shop) -> None:
    outside = shop.root.parent / "outside.xml"
    result = shop.run_one(
        command=["sh", "-c", f"echo '{GREEN}' > {outside}; ln -s {outside} r.xml"], junit=["r.xml"]
    )
    assert (result.outcome, result.tests) == ("failed", None)


def test_saved_reports_of_an_earlier_run_are_taken_away(shop: Shop) -> None:
    shop.run_one(command=writes("old.xml", GREEN), junit=["*.xml"])
    shop.run_one(command=writes("new.xml", GREEN), junit=["*.xml"])
    kept = (shop.bench.folder / "smoke" / "reports").iterdir()
    assert [path.name for path in kept] == ["new.xml"]


def test_missing_reports_of_a_suite_that_failed_are_only_noted(shop: Shop) -> None:
    result = shop.run_one(command=["sh", "-c", "exit 2"], junit=["r.xml"])
    assert result.message == "ended with exit code 2"
    assert result.notes == ("it wrote no file that fits 'junit: r.xml'",)


def test_a_suite_that_crashed_says_by_which_signal(shop: Shop) -> None:
    result = shop.run_one(command=["sh", "-c", "kill -SEGV $$"])
    assert result.message == "ended with exit code 139, the mark of SIGSEGV"


def test_a_suite_that_cannot_be_started_has_not_run(shop: Shop) -> None:
    result = shop.run_one(command=["./gone"], junit=["r.xml"])
    assert (result.outcome, result.exit_code, result.notes) == ("not-run", None, ())
    assert result.message.startswith("could not be started: No such file or directory")


def test_a_placeholder_that_cannot_be_filled_keeps_the_suite_from_running(shop: Shop) -> None:
    result = shop.run_one(command=["true"], env={"A": "{url.web.81}"})
    assert result.outcome == "not-run"
    assert "'web' does not publish its port 81 to this machine" in result.message


def test_a_suite_that_hangs_has_timed_out(shop: Shop) -> None:
    shop.watched.act = lambda _data: shop.clock.advance(60)
    result = shop.run_one(command=["sh", "-c", "echo ready; exec sleep 600"], timeout="1m")
    assert (result.outcome, result.exit_code) == ("timed-out", None)
    assert result.message == "did not end within 1 min and was ended"


def test_a_suite_may_have_all_the_time_in_the_world(shop: Shop) -> None:
    assert shop.run_one(command=["true"], timeout="99999h").passed


def test_a_result_is_plain_data_for_a_program(shop: Shop) -> None:
    result = shop.run_one(command=writes("r.xml", RED), junit=["r.xml"])
    data = json.loads(json.dumps(result.as_data()))
    assert data["tests"] == {"tests": 1, "failures": 1, "errors": 0, "skipped": 0}
    assert data["failed_cases"] == [{"name": "a", "message": "no"}]
    assert "notes" not in data


def test_everything_that_is_wrong_is_told_before_anything_starts(tmp_path: Path) -> None:
    suites = {
        "a": suite(command=["no-such-program"], env={"URL": "{url.wbe}"}),
        "b": suite(service="gone", secrets=["NOT_SET"]),
        "c": suite(image="gone", mount={"gone": "/gone"}),
        "d": suite(command=["sh"]),
    }
    problems = check_suites(suites, tmp_path, {"PATH": os.environ["PATH"]}, services=["web"], images=["web"])
    assert [problem.place.path for problem in problems] == [
        "stack.suites.a.env.URL", "stack.suites.a.command", "stack.suites.b.service", "stack.suites.b.secrets",
        "stack.suites.c.image", "stack.suites.c.mount",
    ]  # fmt: skip


@pytest.mark.parametrize("pattern", ["", "a**", "[", "**/*.xml", "."])
def test_any_pattern_at_all_finds_files_or_nothing(shop: Shop, pattern: str) -> None:
    assert shop.run_one(command=["true"], junit=[pattern]).outcome == "failed"
