"""The stack's compose files, and the variables that they want to be set."""

from __future__ import annotations

from collections.abc import Iterator

from lockflight.errors import InputError
from lockflight.locks.stack_files import read_stack
from lockflight.setup.checks.model import Checked, Surroundings, missing, note, ok


def files(surroundings: Surroundings) -> Iterator[Checked]:
    """Whether each named file is there, and whether they can be read together as Compose would."""
    manifest = surroundings.manifest
    if manifest is None or manifest.stack is None:
        return
    named = [*manifest.stack.files, *(manifest.stack.env_files or ())]
    absent = [file for file in named if not (surroundings.folder / file).is_file()]
    for file in absent:
        yield missing("stack", f"{file} does not exist", "write it, or correct 'stack' in the manifest")
    if absent:
        return
    try:
        project = read_stack(manifest, surroundings.folder, surroundings.environment)
    except InputError as error:
        for problem in error.problems:
            yield missing("stack", str(problem), problem.hint)
        return
    if project is None:
        return
    yield ok("stack", f"{', '.join(manifest.stack.files)}: services {', '.join(sorted(project.services))}")
    for warning in project.warnings:
        yield note("stack", str(warning), warning.hint or "set it in the stack's env file")
