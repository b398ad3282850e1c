"""Does a suite of the stack pass against the environment's own addresses?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from lockflight.config import Suite
from lockflight.environments import SuiteCheck
from lockflight.errors import InputError, Problem
from lockflight.files import write_atomically
from lockflight.places import MANIFEST
from lockflight.ports.stack_engine import ComposeCall, StackEngine
from lockflight.promotions.gates.model import Question, Reply, no, unknown, yes
from lockflight.promotions.gates.placeholders import addresses_of, variables_of
from lockflight.stacks.addresses import Addresses
from lockflight.stacks.suites.bench import Bench, View
from lockflight.stacks.suites.host import check_host_suite
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.suites.placeholders import Values, filled
from lockflight.stacks.suites.run import run_suite


def ask(settings: SuiteCheck, question: Question) -> Reply:
    """Run as `stack test` would run it, with its output and reports kept in the same way."""
    wrong = problems(settings, question)
    if wrong:
        raise InputError(wrong)
    result = run_suite(settings.name, question.suites[settings.name], _bench(question), question.watcher)
    definition = question.definitions.get(settings.name)
    return _judged(result, definition)


def explain(settings: SuiteCheck) -> str:
    return f"the suite '{settings.name}' passes against the environment's urls"


def problems(settings: SuiteCheck, question: Question) -> list[Problem]:
    """Why the suite could never be run there; nothing is run yet."""
    suite = question.suites.get(settings.name)
    if suite is None:
        return [Problem(f"{MANIFEST} declares no suite '{settings.name}' under 'stack'")]
    if suite.runs_in_a_container:
        return [_in_a_container(settings.name, suite, question)]
    values = Values(addresses_of(question), question.lock.id, question.deployment.project)
    try:
        filled(settings.name, suite, values)
    except InputError as error:
        hint = f"name the address under environments.{question.environment}.urls"
        return [Problem(problem.message, problem.place, hint, problem.code) for problem in error.problems]
    return check_host_suite(settings.name, suite, question.root, question.variables)


def _in_a_container(name: str, suite: Suite, question: Question) -> Problem:
    kind = "service" if suite.service is not None else "image"
    return Problem(
        f"the suite '{name}' is a container beside the stack ('{kind}'), and {question.environment} is no stack "
        "on this machine: there is no network to put it in",
        hint="give the suite a 'command' that runs on this machine and takes {url.SERVICE}, or check with 'http'",
    )


def _bench(question: Question) -> Bench:
    folder = question.artifacts or question.root / ".lockflight" / "artifacts" / question.environment
    view = View(addresses_of(question), {**variables_of(question), **_addresses_file(question, folder)})
    return Bench(
        root=question.root,
        folder=folder,
        environment=question.variables,
        lock_id=question.lock.id,
        stack=question.deployment.project,
        from_this_machine=view,
        from_the_network=View(Addresses({}), {}),
        # A command on this machine asks no engine.
        engine=cast(StackEngine, None),
        call=ComposeCall(()),
        clock=question.clock,
    )


def _addresses_file(question: Question, folder: Path) -> dict[str, str]:
    """Where everything is, in the form in which a stack says it in its `addresses.json`."""
    services = {
        name: {"image": question.images.get(name), "ports": ports}
        for name, ports in addresses_of(question).as_data().items()
    }
    document = {
        "stack": question.deployment.project,
        "lock": question.lock.id,
        "services": services,
        "inside": {},
    }
    path = folder / "addresses.json"
    write_atomically(path, json.dumps(document, indent=2) + "\n")
    return {"LOCKFLIGHT_ADDRESSES": str(path)}


def _judged(result: SuiteResult, definition: str | None) -> Reply:
    details = {**result.as_data(), "definition": definition}
    tests = f": {result.tests.tests} tests" if result.tests else ""
    if result.passed:
        return yes(f"the suite passed{tests}", **details)
    said = f"the suite {result.message}"
    return unknown(said, **details) if result.outcome == "not-run" else no(said, **details)
