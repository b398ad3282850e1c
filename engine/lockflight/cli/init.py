"""Write a manifest, lockflight.yaml, from what is found in this folder: submodules, compose files, Dockerfiles.

With --ci github it writes workflows: in the repository of the manifest the one that makes and proves the lock
of every pull request, with --service in a service's own repository the one that builds, pushes and records it.
Nothing that exists is overwritten without --force."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.errors import EXIT_DONE, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockflight.setup.files import PlannedFile
    from lockflight.setup.proposal import Proposal
    from lockflight.setup.survey import Survey

EXAMPLES = """examples:
  lockflight init                                  look around, and write lockflight.yaml
  lockflight init --registry ghcr.io/acme          the images are there
  lockflight init --dry-run                        only show what would be written
  lockflight init --ci github                      also .github/workflows/lockflight-lock.yml
  lockflight init --ci github --service            in a service's repository: the workflow that records its builds
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--registry", metavar="REGISTRY/FOLDER", help="where the images are, such as ghcr.io/acme"
    )
    parser.add_argument(
        "--project", metavar="NAME", help="the name of the whole; by default that of the compose project"
    )
    parser.add_argument("--ci", choices=["github"], help="write workflows for this CI")
    parser.add_argument(
        "--service", metavar="NAME", nargs="?", const="", default=None,
        help="with --ci, in a service's own repository: the workflow that records its builds;"
        " NAME is the service's name in the manifest, by default that of the repository",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written; write nothing")


def run(context: Context, options: argparse.Namespace) -> int:
    _refuse_nonsense(options)
    survey = _survey(context)
    if options.service is not None:
        texts, todos = _service_workflow(context, options, survey)
    elif options.ci:
        texts, todos = _lock_workflow(context, options, survey)
    else:
        texts, todos = _manifest(context, options, survey)
    return _write(context, options, texts, todos)


def _refuse_nonsense(options: argparse.Namespace) -> None:
    import re

    from lockflight import names
    from lockflight.setup.questions import registry_problem

    if options.service is not None and not options.ci:
        raise InputError("--service goes with --ci", hint="lockflight init --ci github --service")
    if options.service and not re.fullmatch(names.SERVICE, options.service):
        raise InputError(f"--service: '{options.service}' is no service name: letters, digits, '_', '.', '-'")
    if options.project is not None and not re.fullmatch(names.PROJECT, options.project):
        raise InputError(
            f"--project: '{options.project}' is no project name: lower-case letters, digits, '_', '-'"
        )
    problem = registry_problem(options.registry) if options.registry else None
    if problem:
        raise InputError(f"--registry: {problem}")


def _survey(context: Context) -> Survey:
    from lockflight.setup.survey import survey
    from lockflight.wiring import connect_git

    return survey(context.folder, connect_git(context.folder), context.environment)


def _manifest(
    context: Context, options: argparse.Namespace, survey: Survey
) -> tuple[list[tuple[str, str]], list[str]]:
    from lockflight.cli.failures import print_problem
    from lockflight.config import MANIFEST
    from lockflight.setup.manifest_text import render

    if (context.folder / MANIFEST).exists() and not (options.force or options.dry_run):
        raise InputError(
            f"{MANIFEST} exists already, and is not overwritten",
            hint="--force overwrites it; --dry-run shows what would be written",
        )
    proposal = _proposal(context, options, survey)
    for problem in proposal.warnings if not context.quiet else ():
        print_problem(problem, level="note")
    return [(MANIFEST, render(proposal))], [todo.text for todo in proposal.todos]


def _proposal(context: Context, options: argparse.Namespace, survey: Survey) -> Proposal:
    from lockflight.setup.proposal import Answers, propose
    from lockflight.setup.questions import answered

    registry = options.registry.rstrip("/") if options.registry else None
    answers = Answers(registry=registry, project=options.project)
    proposal = propose(survey, answers)
    if _person_is_here(context) and not proposal.is_example:
        proposal = propose(survey, answered(proposal, answers, _ask, context.say))
    return proposal


def _person_is_here(context: Context) -> bool:
    asked_to_be_silent = context.in_ci or context.as_json or context.quiet
    return sys.stdin.isatty() and sys.stderr.isatty() and not asked_to_be_silent


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def _service_workflow(
    context: Context, options: argparse.Namespace, survey: Survey
) -> tuple[list[tuple[str, str]], list[str]]:
    from lockflight.setup.workflows import SERVICE_WORKFLOW, service_build, service_workflow

    build = service_build(survey, context.folder, options.service or None, options.registry)
    return [(SERVICE_WORKFLOW, service_workflow(build))], build.todos


def _lock_workflow(
    context: Context, options: argparse.Namespace, survey: Survey
) -> tuple[list[tuple[str, str]], list[str]]:
    """The workflow of the repository of the manifest, which is written as well where there is none."""
    from lockflight.config import MANIFEST, Manifest, read_manifest
    from lockflight.models import validate
    from lockflight.setup.workflows import LOCK_WORKFLOW, lock_workflow
    from lockflight.yaml_source import parse_document

    texts: list[tuple[str, str]] = []
    todos: list[str] = []
    path = context.folder / MANIFEST
    if path.exists():
        manifest = read_manifest(path)
    else:
        texts, todos = _manifest(context, options, survey)
        manifest = validate(Manifest, parse_document(texts[0][1], MANIFEST))
    text, more = lock_workflow(manifest)
    return [*texts, (LOCK_WORKFLOW, text)], [*todos, *more]


def _write(
    context: Context, options: argparse.Namespace, texts: Sequence[tuple[str, str]], todos: Sequence[str]
) -> int:
    from lockflight.setup.files import plan, refuse_overwriting, write

    files = plan(context.folder, texts)
    if options.dry_run:
        return _show(context, files, todos)
    if not options.force:
        refuse_overwriting(files)
    write(context.folder, files)
    if context.as_json:
        context.json(_as_data(files, todos))
    for file in files:
        context.say(f"{file.path}: {'is so already' if file.action == 'keep' else 'written'}")
    _say_what_is_left(context, todos)
    return EXIT_DONE


def _show(context: Context, files: Sequence[PlannedFile], todos: Sequence[str]) -> int:
    if context.as_json:
        context.json(_as_data(files, todos))
        return EXIT_DONE
    for file in files:
        context.say(f"{file.path}: would {file.action} it")
        context.document(file.text)
    _say_what_is_left(context, todos)
    return EXIT_DONE


def _as_data(files: Sequence[PlannedFile], todos: Sequence[str]) -> dict[str, object]:
    return {
        "files": [{"path": file.path, "action": str(file.action), "text": file.text} for file in files],
        "todo": list(todos),
    }


def _say_what_is_left(context: Context, todos: Sequence[str]) -> None:
    for todo in todos:
        context.say(f"  fill in {todo}")
    context.say(
        "next: 'lockflight doctor' says what else is missing"
        + (" here" if not todos else ", once that is done")
    )
