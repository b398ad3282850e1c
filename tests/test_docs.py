"""The documentation: generated pages are fresh, every command is explained, links lead somewhere."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lockflight.cli.app import COMMANDS, command_parser
from lockflight.locks import convert
from lockflight.reference import PAGES

ROOT = Path(__file__).parent.parent
PROSE = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_the_one_that_the_code_gives(name: str) -> None:
    stale = "stale: run 'make docs' and commit the result"
    assert (ROOT / "docs" / "reference" / name).read_text() == PAGES[name](), stale


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_and_explains_every_option(name: str) -> None:
    parser = command_parser(name)
    assert parser.epilog
    assert f"lockflight {name}" in parser.epilog
    assert parser.description
    assert len(parser.description) > 40
    for action in parser._actions:
        assert action.help, f"{name} {action.option_strings or action.dest} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_guide(name: str) -> None:
    guide = "".join(path.read_text() for path in (ROOT / "docs" / "guide").glob("*.md"))
    assert f"lockflight {name}" in guide


def shown_commands(path: Path) -> list[tuple[str, list[str]]]:
    """Every `lockflight …` line in a code block, with its words."""
    blocks = re.findall(r"```(?:sh|console|text|yaml|shell)?\n(.*?)```", path.read_text(), re.DOTALL)
    lines = [line.strip().lstrip("$ ") for block in blocks for line in block.splitlines()]
    return [(line, line.split()) for line in lines if line.startswith("lockflight ")]


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_line_that_is_shown_exists_with_its_options(path: Path) -> None:
    for line, words in shown_commands(path):
        named = [word for word in words[1:] if not word.startswith("-")]
        pairs = [" ".join(pair) for pair in itertools.pairwise(named)]
        command = next((word for word in (*pairs, *named) if word in COMMANDS), None)
        if command is None:
            assert named == [] or words[1].startswith("-"), f"{path.name}: {line}"
            continue
        known = {option for action in command_parser(command)._actions for option in action.option_strings}
        given = {word.split("=")[0] for word in words if word.startswith("--")}
        assert given <= known | {"--version"}, f"{path.name}: {line}"


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_to_a_file(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_readme_shows_the_two_commands_on_its_first_screen() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])
    assert "make demo" in first_screen
    assert "make test" in first_screen


def test_make_alone_lists_what_can_be_done() -> None:
    listed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "check", "bench", "docs", "schemas"):
        assert re.search(rf"\b{target}\b", listed)


def test_python_dash_m_is_the_same_command() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "lockflight", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("lockflight ")


def test_every_export_is_described_by_its_own_words() -> None:
    exports = PAGES["formats.md"]().split("## Exports")[1]
    described = dict(re.findall(r"^- \*\*(.+?)\*\*: (.+)$", exports, re.MULTILINE))
    assert described.keys() == convert.FORMATS.keys()
    assert len(set(described.values())) == len(described)
    assert described["cyclonedx"].startswith("A CycloneDX 1.6 bill of materials")


@pytest.mark.parametrize("name", ["lock.md", "records.md"])
def test_every_field_of_a_lock_and_a_record_is_explained(name: str) -> None:
    assert not re.findall(r"^\| `.+?` \|  \|", PAGES[name](), re.MULTILINE)
