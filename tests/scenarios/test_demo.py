"""The demo, as a newcomer runs it: everything in it is real, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path


def test_the_demo_flies_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "lockflight", "demo"], capture_output=True, text=True, env=environment, timeout=600
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in (
        "written",
        "the id does not match the content",
        "tag-moved",
        "commit-changed",
        "image-missing",
        "1 changed",
        "FAILED  an order costs price times quantity: 4350 != 5250",
        "production: on lock",
        "the whole bundle is back on lock",
        "the gate 'follows' says no",
        "[withdrawn]",
    ):
        assert shown in done.stdout
    # The lock file of stacks that need the engine to themselves is shared by all runs on a machine, and stays.
    assert {path.name for path in tmp_path.iterdir()} <= {"lockflight-alone.lock"}
    assert running_with(str(tmp_path)) == []
    # Stacks of the demo are named by its locks, images by its registry; others may run demos of their own just now.
    (registry,) = set(re.findall(r"a registry of its own at (\S+)", done.stdout))
    stacks = set(re.findall(r"^  (shop-\w+-\w+): ", done.stdout, re.MULTILINE))
    assert len(stacks) == 2, "the green case and the red one"
    assert [name for name in in_the_engine() if name.startswith((f"{registry}/", *stacks))] == []


def in_the_engine() -> list[str]:
    """The names of all containers, networks, volumes and images."""
    listings = {
        "container": "{{.Names}}",
        "network": "{{.Name}}",
        "volume": "{{.Name}}",
        "image": "{{.Repository}}",
    }
    names = []
    for kind, shown in listings.items():
        more = ["--all"] if kind == "container" else []
        command = ["docker", kind, "ls", *more, "--format", shown]
        names += subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return names


def running_with(word: str) -> list[str]:
    """The command lines of all processes that have a word in them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if word in line]


def test_the_demo_insists_on_what_it_shows(tmp_path: Path) -> None:
    """A demo that went on after a command ended otherwise than it says would fake its main step."""
    from lockflight.demo.stage import Stage
    from lockflight.errors import OutsideError

    stage = Stage(tmp_path, quiet=True)
    assert "hello" in stage.run("echo", "hello")
    try:
        stage.run("false")
    except OutsideError as error:
        assert "ended with 1" in str(error)
    else:
        raise AssertionError("the demo went on")
