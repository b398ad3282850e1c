"""The suites of the stack: is what they run on this machine there."""

from __future__ import annotations

from collections.abc import Iterator

from lockflight.setup.checks.model import Checked, Surroundings, missing, note, ok
from lockflight.stacks.suites.host import check_host_suite


def suites(surroundings: Surroundings) -> Iterator[Checked]:
    """Programs and folders of commands, and secrets that containers are to be given."""
    manifest = surroundings.manifest
    if manifest is None or manifest.stack is None:
        return
    for name, suite in manifest.stack.suites.items():
        unset = [secret for secret in suite.secrets if not surroundings.environment.get(secret)]
        if unset:
            advice = "set it where 'lockflight stack test' runs"
            yield note("suite", f"{name}: not set here: {', '.join(unset)}", advice)
        if suite.runs_in_a_container:
            continue
        problems = check_host_suite(name, suite, surroundings.folder, surroundings.environment)
        for problem in problems:
            yield missing("suite", f"{name}: {problem.message}", problem.hint)
        if not problems:
            yield ok("suite", f"{name}: {(suite.command or ['?'])[0]}")
