"""Which compose files a repository has, and which of them together are its stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Where people keep them, in the order of preference; the repository's root is first.
_FOLDERS = (".", "compose", "deploy", "deployment", "docker", "stack", "stacks", "infra", "ops")
# Compose's own order when a folder has several.
_USUAL = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_NAMED = re.compile(r"(?:docker-)?compose[._-](?P<variant>.+)\.ya?ml")
_ANY = re.compile(r"(?P<stem>.+)\.ya?ml")
# Files of these names change or complete a stack for one purpose; they are no part of it for everybody.
_VARIANTS = frozenset(
    {
        "override", "overrides", "local", "dev", "develop", "development", "debug", "test", "tests", "testing",
        "ci", "e2e", "stage", "staging", "prod", "production", "build", "release", "swarm", "monitoring", "tools",
    }
)  # fmt: skip
# Which variant to start from where there is nothing but variants.
_PREFERRED = ("prod", "production", "release", "stage", "staging")
_MOST = 40


@dataclass(frozen=True, slots=True)
class ComposeFiles:
    """`stack` are those that make the stack together; `variants` and `others` are for a person to look at."""

    stack: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def candidates(root: Path) -> tuple[str, ...]:
    """Paths of files that may be compose files, the likeliest folder first; links that lead out are left out."""
    found = []
    for folder in _FOLDERS:
        names = sorted(path.name for path in _files(root / folder))
        wanted = [name for name in names if folder not in (".", "docker", "infra", "ops") or _is_named(name)]
        found += [(PurePosixPath(folder) / name).as_posix() for name in wanted if _ANY.fullmatch(name)]
    inside = [path for path in found if (root / path).resolve().is_relative_to(root.resolve())]
    return tuple(inside[:_MOST])


def _files(folder: Path) -> Iterable[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:  # not there, or not to be read
        return []


def _is_named(name: str) -> bool:
    return name in _USUAL or _NAMED.fullmatch(name) is not None


def choose(paths: Sequence[str]) -> ComposeFiles:
    """Sort compose files (those that have services) into the stack, its variants, and the rest."""
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        by_folder.setdefault(str(PurePosixPath(path).parent), []).append(path)
    stack: list[str] = []
    for listed in by_folder.values():
        stack = stack or _stack_of(listed)
    stack = stack or _least_bad(paths)
    rest = [path for path in paths if path not in stack]
    variants = tuple(path for path in rest if variant_of(path))
    return ComposeFiles(tuple(stack), variants, tuple(path for path in rest if not variant_of(path)))


def _stack_of(paths: Sequence[str]) -> list[str]:
    """Of one folder: the file that Compose itself would take, or all that are no variants of another."""
    usual = [path for name in _USUAL for path in paths if PurePosixPath(path).name == name]
    return usual[:1] or [path for path in paths if not variant_of(path)]


def _least_bad(paths: Sequence[str]) -> list[str]:
    order = [path for wanted in _PREFERRED for path in paths if variant_of(path) == wanted]
    return [*order, *paths][:1]


def variant_of(path: str) -> str | None:
    """`dev` for `compose.dev.yaml` and for `stack.dev.yaml`; None for a file that stands for itself."""
    name = PurePosixPath(path).name
    if name in _USUAL:
        return None
    named = _NAMED.fullmatch(name) or _ANY.fullmatch(name)
    words = re.split(r"[._-]", next(iter(named.groups()))) if named else []
    found = [word.lower() for word in words if word.lower() in _VARIANTS]
    return found[0] if found else None
