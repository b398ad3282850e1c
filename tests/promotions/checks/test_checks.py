"""The checks after a deployment, asked of real servers and with real suites."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from lockflight.config import Suite
from lockflight.environments import Check, CheckSettings
from lockflight.promotions.checks import KINDS
from lockflight.promotions.checks.ask import ask_in_order, checks_of, explained, problems_of
from lockflight.promotions.gates.ask import Asked, named, verdict_of
from lockflight.promotions.gates.model import Answer, Question
from lockflight.stacks.suites.model import SuiteResult
from tests.locks import builders
from tests.promotions.gates.questions import LOCK, environment, page, question, site

REPORT = "<testsuite><testcase name='a'/><testcase name='b'>{}</testcase></testsuite>"
Make = Callable[..., Question]


@pytest.fixture
def about(tmp_path: Path) -> Make:
    """A question about an environment with a gateway, and with these suites in the manifest."""

    def make(
        suites: dict[str, dict[str, Any]] | None = None, url: str = "https://shop.example", **more: Any
    ) -> Question:
        return question(
            root=tmp_path,
            settings=environment(urls={"gateway": url}),
            variables={"PATH": os.environ["PATH"]},
            suites={name: Suite.model_validate(settings) for name, settings in (suites or {}).items()},
            definitions={name: builders.digest(name) for name in suites or {}},
            **more,
        )

    return make


def checks(*listed: Any) -> tuple[Asked, ...]:
    adapter: TypeAdapter[CheckSettings] = TypeAdapter(Check)
    return named([adapter.validate_python(one) for one in listed])


def python(program: str, **more: Any) -> dict[str, Any]:
    return {"command": [sys.executable, "-c", program], **more}


def suite_answer(question: Question) -> Answer:
    (answer,) = ask_in_order(checks({"suite": "smoke"}), question)
    return answer


def test_every_kind_of_the_manifest_is_there() -> None:
    assert set(KINDS) == set(CheckSettings.model_fields)


def test_all_are_asked_in_order_and_one_that_says_no_keeps_no_other_from_it(about: Make) -> None:
    with site(health=page(b"", 503), ready=page()) as shop:
        asked = checks(
            {"http": {"url": "{url.gateway}/health", "tries": 1}},
            {"tcp": {"host": "{host.gateway}", "port": shop.port}},
            {"command": {"command": ["true"]}},
            {"http": {"url": "{url.gateway}/ready"}},
        )
        answers = ask_in_order(asked, about(url=shop.url))
    assert [(answer.gate, answer.verdict) for answer in answers] == [
        ("http", "no"),
        ("tcp", "yes"),
        ("command", "yes"),
        ("http-2", "yes"),
    ]
    failure = verdict_of(answers, LOCK.id).error("check")
    assert failure is not None
    assert failure.exit_code == 1
    assert str(failure).startswith("the check 'http' says no: ")


def test_a_suite_that_passes_against_the_environment_says_yes(about: Make, tmp_path: Path) -> None:
    program = (
        "import os, urllib.request\n"
        "assert urllib.request.urlopen(os.environ['BASE_URL'] + '/health').read() == b'fine'\n"
        "assert os.environ['BASE_URL'] == os.environ['LOCKFLIGHT_URL_GATEWAY']\n"
        f"open({str(tmp_path / 'report.xml')!r}, 'w').write({REPORT.format('')!r})"
    )
    suite = python(program, env={"BASE_URL": "{url.gateway}"}, junit=["report.xml"])
    with site(health=page()) as shop:
        answer = suite_answer(about({"smoke": suite}, url=f"{shop.url}/"))
    assert (answer.gate, answer.verdict, answer.reason) == ("suite-smoke", "yes", "the suite passed: 2 tests")
    assert answer.details["tests"] == {"tests": 2, "failures": 0, "errors": 0, "skipped": 0}
    assert answer.details["definition"] == builders.digest("smoke")


def test_a_suite_that_fails_says_no_with_its_failed_tests(about: Make, tmp_path: Path) -> None:
    report = REPORT.format("<failure message='out of stock'/>")
    program = f"open({str(tmp_path / 'report.xml')!r}, 'w').write({report!r}); raise SystemExit(1)"
    answer = suite_answer(about({"smoke": python(program, junit=["report.xml"])}))
    assert answer.verdict == "no"
    assert answer.reason == "the suite ended with exit code 1: 1 of 2 tests failed"
    assert [case["name"] for case in answer.details["failed_cases"]] == ["b"]


def test_what_a_suite_prints_is_kept_and_shown(about: Make, tmp_path: Path) -> None:
    shown: list[bytes] = []

    class Watching:
        def started(self, name: str, where: str) -> None:
            shown.append(f"{name} on {where}".encode())

        def output(self, data: bytes) -> None:
            shown.append(data.strip())

        def ended(self, result: SuiteResult) -> None:
            shown.append(result.outcome.encode())

    kept = tmp_path / "kept"
    answer = suite_answer(about({"smoke": python("print('looking')")}, artifacts=kept, watcher=Watching()))
    assert answer.verdict == "yes"
    assert (kept / "smoke" / "output.log").read_text() == "looking\n"
    assert shown == [b"smoke on host", b"looking", b"passed"]


def test_a_suite_is_told_what_it_would_be_told_of_a_stack(about: Make, tmp_path: Path) -> None:
    program = (
        "import json, os\n"
        "print(json.dumps([os.environ[name] for name in ('LOCKFLIGHT_LOCK', 'LOCKFLIGHT_STACK', 'OWN')]))\n"
        "print(json.dumps(json.load(open(os.environ['LOCKFLIGHT_ADDRESSES']))))"
    )
    suite = python(program, env={"OWN": "{host.gateway} {port.gateway} {stack} {lock.id}"})
    kept = tmp_path / "kept"
    assert suite_answer(about({"smoke": suite}, artifacts=kept)).verdict == "yes"
    told, addresses = map(json.loads, (kept / "smoke" / "output.log").read_text().splitlines())
    assert told == [LOCK.id, "shop", f"shop.example 443 shop {LOCK.id}"]
    assert addresses["services"]["gateway"]["ports"][0]["url"] == "https://shop.example"


def test_a_suite_whose_interpreter_is_not_there_gives_no_answer(about: Make, tmp_path: Path) -> None:
    script = tmp_path / "smoke"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    answer = suite_answer(about({"smoke": {"command": ["./smoke"]}}))
    assert answer.verdict == "unknown"
    assert answer.reason.startswith("the suite could not be started: No such file or directory")


@pytest.mark.parametrize("where", [{"service": "tester"}, {"image": "tester"}])
def test_a_suite_that_is_a_container_is_refused_with_the_reason(about: Make, where: dict[str, str]) -> None:
    asked = checks({"suite": "smoke"})
    (problem,) = problems_of(asked, about({"smoke": where}))
    assert problem.message == (
        f"the suite 'smoke' is a container beside the stack ('{next(iter(where))}'), and production is no stack "
        "on this machine: there is no network to put it in"
    )
    answer = suite_answer(about({"smoke": where}))
    assert (answer.verdict, answer.reason) == ("unknown", problem.message)


@pytest.mark.parametrize(
    ("suites", "said"),
    [
        ({}, "lockflight.yaml declares no suite 'smoke' under 'stack'"),
        ({"smoke": {"command": ["true"], "env": {"URL": "{url.cart}"}}}, "no service 'cart'"),
        ({"smoke": {"command": ["true"], "directory": "nowhere"}}, "'nowhere' does not exist"),
        ({"smoke": {"command": ["no-such-program"]}}, "is not installed"),
    ],
)
def test_a_suite_that_could_never_run_is_known_before_the_deployment(
    about: Make, suites: dict[str, dict[str, Any]], said: str
) -> None:
    (problem,) = problems_of(checks({"suite": "smoke"}), about(suites))
    assert said in problem.message


def test_problems_of_all_checks_are_named_together(about: Make) -> None:
    asked = checks(
        {"http": {"url": "{url.cart}/health"}},
        {"tcp": {"host": "{host.cart}", "port": 80}},
        {"command": {"command": ["true"], "directory": "nowhere"}},
        {"suite": "smoke"},
        {"http": {"url": "{url.gateway}/health"}},
    )
    assert len(problems_of(asked, about())) == 4


def test_the_checks_of_an_environment_explain_themselves() -> None:
    settings = environment(
        checks=[{"suite": "smoke"}, {"http": {"url": "{url.gateway}/health"}}, {"suite": "smoke"}]
    )
    assert [(one.name, explained(one)) for one in checks_of(settings)] == [
        ("suite-smoke", "the suite 'smoke' passes against the environment's urls"),
        ("http", "{url.gateway}/health answers 200 within 10 s"),
        ("suite-smoke-2", "the suite 'smoke' passes against the environment's urls"),
    ]
