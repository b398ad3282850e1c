"""Import direction: stages import leftwards, adapters are known to wiring alone, start-up stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ENGINE = Path(__file__).parent.parent / "engine"
PACKAGE = ENGINE / "lockflight"

# The line of DESIGN §3: each may import itself and what stands before it, never what comes after.
STAGES = ["builds", "locks", "stacks", "ledger", "promotions"]
# What every stage may use.
GROUND = {
    "", "errors", "names", "files", "yaml_source", "yaml_text", "models", "findings", "config", "logs",
    "progress", "concurrency", "durations", "values", "environments", "contradictions", "docker_hints", "places", "ports", "compose_files",
}  # fmt: skip
# Parts that stand beside the line, and all that they may use.
BESIDE = {
    # A port exchanges events that are models; no stage may be among what it knows.
    "ports": {"progress", "errors", "names", "models"},
    "compose_files": {"errors", "names", "files", "yaml_source"},
    "adapters": GROUND,
    "testing": {*GROUND, "builds", "locks"},
    "setup": {*GROUND, "builds", "locks", "stacks"},
    "wiring": {*GROUND, "builds", "locks", "stacks", "ledger", "setup", "adapters"},
    "cli": {*GROUND, "builds", "locks", "stacks", "ledger", "promotions", "setup", "wiring", "demo"},
    "demo": {*GROUND, "builds", "locks", "testing", "wiring"},
    "schemas": {*GROUND, "builds", "locks", "stacks"},
    "reference": {*GROUND, "builds", "locks", "stacks", "cli", "schemas"},
    "__main__": {"", "cli"},
}
HEAVY = {
    "pydantic",
    "docker",
    "python_on_whales",
    "jinja2",
    "urllib3",
    "rich",
    "ruamel",
    "sqlalchemy",
    "rfc8785",
}


def imports_of(path: Path) -> set[str]:
    """The modules of lockflight that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{path}: write imports out in full")
    return {name for name in found if name.split(".")[0] == "lockflight"}


def part_of(module: str) -> str:
    """The part of the package that a module belongs to; the empty text is the package itself."""
    words = module.split(".")
    is_part = len(words) > 1 and ((PACKAGE / words[1]).is_dir() or (PACKAGE / f"{words[1]}.py").exists())
    return words[1] if is_part else ""


def allowed(part: str) -> set[str]:
    if part in STAGES:
        return {*GROUND, *STAGES[: STAGES.index(part) + 1]}
    return {part, *BESIDE.get(part, GROUND)}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_left_of_it(path: Path) -> None:
    module = "lockflight." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    wrong = {name for name in imports_of(path) if part_of(name) not in allowed(part_of(module))}
    assert not wrong, f"{module} may not import {sorted(wrong)}"


def test_no_command_line_is_ever_given_to_a_shell() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                raise AssertionError(f"{path}:{node.value.lineno} uses a shell")


def loaded_by(*arguments: str) -> set[str]:
    """The top-level modules that a command has loaded when it ends."""
    code = (
        "import sys; sys.argv = ['lockflight', *sys.argv[1:]]\n"
        "from lockflight.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.stderr.write('\\nLOADED ' + ' '.join({name.split('.')[0] for name in sys.modules}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ENGINE, check=True
    )
    return set(run.stderr.split("LOADED ")[1].split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["verify", "--help"]])
def test_asking_for_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert not loaded_by(*arguments) & HEAVY


def test_proving_a_lock_offline_loads_nothing_heavy(tmp_path: Path) -> None:
    from lockflight.locks.file import render
    from tests.locks import builders

    (tmp_path / "lock.yaml").write_text(render(builders.lock()))
    assert not loaded_by("verify", "--offline", str(tmp_path / "lock.yaml")) & HEAVY
