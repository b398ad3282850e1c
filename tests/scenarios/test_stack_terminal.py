"""The stack at a terminal, and what must never be seen anywhere: secrets."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack_scene import APP, PASSES, StackScene, stack_scene

SECRET = "hunter2-must-not-be-seen-9c41"
LONG = "a-service-with-a-name-that-is-much-too-long-for-a-line-of-eighty-columns-by-far"


@pytest.fixture
def scene(tmp_path: Path, busybox_image: str) -> Iterator[StackScene]:
    with stack_scene(tmp_path, busybox_image) as made:
        yield made


# --- a terminal


def at_a_terminal(scene: StackScene, *arguments: str, rows: int, columns: int) -> str:
    """Everything that lockflight sends to a terminal of this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    sent = b""
    with scene.start(
        *arguments, stdin=theirs, stdout=theirs, stderr=theirs, own={"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        try:
            while piece := os.read(ours, 65536):
                sent += piece
        except OSError:  # how Linux says that nobody is at the other end any more
            pass
        process.communicate(timeout=60)
    os.close(ours)
    return sent.decode()


class Screen:
    """What a terminal shows in the end: of its commands those that the live table uses."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[str] = [""]
        self.longest = 0
        self._row = self._column = 0

    def feed(self, text: str) -> Screen:
        for command, count, letter, plain in re.findall(r"(\x1b\[([0-9;?]*)([A-Za-z]))|([^\x1b])", text):
            if command:
                self._act(letter, count)
            else:
                self._put(plain)
        return self

    def _act(self, letter: str, count: str) -> None:
        match letter, count:
            case "A", number:
                self._row = max(0, self._row - int(number or 1))
            case "K", "2":
                self.lines[self._row] = ""
            case "K", "" | "0":
                self.lines[self._row] = self.lines[self._row][: self._column]
            case "J", "" | "0":
                self.lines[self._row] = self.lines[self._row][: self._column]
                del self.lines[self._row + 1 :]
            case "m", _:
                pass
            case _:
                raise AssertionError(f"a terminal command that nobody expects: {letter!r} {count!r}")

    def _put(self, letter: str) -> None:
        if letter == "\r":
            self._column = 0
        elif letter == "\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")
        else:
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + letter + line[self._column + 1 :]
            self._column += 1
            self.longest = max(self.longest, self._column)


def test_the_live_table_is_redrawn_in_place_and_fits_the_terminal(scene: StackScene) -> None:
    names = [LONG, *(f"service-{number}" for number in range(6))]
    scene.write(
        "x-app: &app {image: IMAGE, init: true, command: [sleep, '3600'],"
        " healthcheck: {test: [CMD, 'true'], interval: 1s}}\nservices:\n"
        + "".join(f"  {name}: *app\n" for name in names),
        services=names,
    )
    sent = at_a_terminal(scene, "stack", "up", rows=24, columns=80)
    screen = Screen(80).feed(sent)
    shown = "\n".join(screen.lines)
    assert sent.count("\x1b[8A") > 1, "drawn again, over the eight lines before"
    assert "7 of 7 services ready" in shown
    assert [name for name in names[1:] if shown.count(f"{name} ") != 1] == [], "each once, not once a drawing"
    table = [line for line in screen.lines if "healthy" in line or LONG[:30] in line]
    assert max(map(len, table)) < 80


def test_what_does_not_fit_a_small_terminal_gives_way(scene: StackScene) -> None:
    names = [f"service-{number}" for number in range(9)]
    scene.write(
        "x-app: &app {image: IMAGE, init: true, command: [sleep, '3600']}\nservices:\n"
        + "".join(f"  {name}: *app\n" for name in names),
        services=names,
    )
    sent = at_a_terminal(scene, "stack", "up", rows=8, columns=24)
    up = [int(count) for count in re.findall(r"\x1b\[([0-9]+)A", sent)]
    assert up, "it is drawn again"
    assert max(up) < 8, "never over more lines than there are"
    drawn = re.findall(r"\r\x1b\[2K([^\r\n]*)", sent)
    assert {len(re.sub(r"\x1b\[[0-9;]*m", "", line)) > 23 for line in drawn} == {False}


@pytest.mark.parametrize("name", ["CI", "GITHUB_ACTIONS"])
def test_a_ci_with_a_terminal_gets_plain_lines(scene: StackScene, name: str) -> None:
    scene.write()
    scene.environment[name] = "true"
    sent = at_a_terminal(scene, "stack", "up", rows=24, columns=80)
    assert "\x1b[" not in re.sub(r"\x1b\[[0-9;]*m", "", sent)
    assert "app: running" in sent


# --- secrets


class CommandLines(threading.Thread):
    """Looks at what every process on this machine was started with, again and again, for one word."""

    def __init__(self, word: str) -> None:
        super().__init__(daemon=True)
        self.found: set[str] = set()
        self.looked = 0
        self._word = word.encode()
        self._stop_looking = threading.Event()

    def run(self) -> None:
        while not self._stop_looking.is_set():
            self.looked += 1
            for process in Path("/proc").iterdir():
                # Some end while we look, and not everything there is a process.
                with contextlib.suppress(OSError):
                    arguments = (process / "cmdline").read_bytes()
                    if self._word in arguments:
                        self.found.add(arguments.replace(b"\0", b" ").decode(errors="replace"))
            self._stop_looking.wait(0.01)

    def __enter__(self) -> CommandLines:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_looking.set()
        self.join()


WITH_A_SECRET = """
services:
  app:
    image: IMAGE
    init: true
    environment: {SECRET_TOKEN: '${SECRET_TOKEN}'}
    command: [sh, -c, 'echo I have $$SECRET_TOKEN; exec sleep 3600']
  e2e:
    image: IMAGE
    profiles: [test]
    command: [sh, -c, 'echo $$SECRET_TOKEN; test -n "$$SECRET_TOKEN"']
"""


def test_a_secret_of_the_environment_is_in_no_file_no_output_and_no_list_of_processes(
    scene: StackScene,
) -> None:
    scene.write(
        WITH_A_SECRET,
        services=("app", "e2e"),
        stack="""
            suites:
              inside: {service: e2e, secrets: [SECRET_TOKEN]}
              here: {command: [sh, -c, 'echo $SECRET_TOKEN; exit 1']}
        """,
    )
    with CommandLines(SECRET) as processes:
        process = scene.start("-v", "stack", "test", "--log", "log.json", own={"SECRET_TOKEN": SECRET})
        failed = scene.finish(process, 1)
    assert processes.looked > 10
    assert processes.found == set()
    assert SECRET not in failed.out + failed.err
    assert "***" in scene.file(".lockflight/artifacts/*/inside/output.log").read_text(), (
        "it was there to be seen"
    )
    assert "I have" in scene.file(".lockflight/artifacts/*/logs/*app*.log").read_text()
    files = [file for file in scene.root.rglob("*") if file.is_file()]
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []


def test_a_secret_is_in_no_message_of_composes_and_of_a_service_that_failed(scene: StackScene) -> None:
    secret = {"SECRET_TOKEN": SECRET}
    scene.write(
        """
        services:
          app:
            image: IMAGE
            environment: {SECRET_TOKEN: '${SECRET_TOKEN}'}
            command: [sh, -c, 'echo $$SECRET_TOKEN; sleep 1']
            healthcheck: {test: [CMD-SHELL, 'echo $$SECRET_TOKEN; exit 1'], interval: 100ms, retries: 1}
        """
    )
    failed = scene.run("--json", "stack", "test", code=1, own=secret)
    assert failed.out.count("***") >= 2, "in its log and in its probe"
    assert "***" in failed.err
    assert SECRET not in failed.out + failed.err
    scene.write(APP.replace("}}", ", ports: ['${SECRET_TOKEN:-80}']}}"), stack=PASSES)
    refused = scene.run("--json", "stack", "test", code=2, own=secret)
    assert "***" in refused.out
    assert "***" in refused.err
    assert SECRET not in refused.out + refused.err
