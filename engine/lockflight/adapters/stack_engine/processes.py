"""How Compose is run: with a deadline, bounded in memory, and so that nothing of it outlives lockflight."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lockflight.errors import InputError, OutsideError

MOST_COMPLAINT = 64 * 1024
# A project of five hundred services comes to about two megabytes.
MOST_OUTPUT = 64 * 1024 * 1024
_SECONDS_TO_END = 5.0
_SECONDS_TO_DRAIN = 2.0
_PIECE = 64 * 1024


class Tail:
    """The end of what comes out of a pipe; the pipe is read to its end, so that nobody waits at a full one."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._most = most
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._guard = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="lockflight-output", daemon=True)
        self._reader.start()

    def so_far(self) -> bytes:
        with self._guard:
            return b"".join(self._pieces)[-self._most :]

    def whole(self) -> bytes:
        """What came until the pipe was closed; a process that escaped may hold it open for longer than we wait."""
        self._reader.join(_SECONDS_TO_DRAIN)
        return self.so_far()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._stream:
            while piece := os.read(self._stream.fileno(), _PIECE):
                self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        with self._guard:
            self._pieces.append(piece)
            self._size += len(piece)
            while self._size - len(self._pieces[0]) >= self._most:
                self._size -= len(self._pieces.popleft())


class Child:
    """A program that runs, in a session of its own: Ctrl-C of the terminal does not reach it, `stop` does."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a child is heard and spoken to through pipes")
        self._process = process
        self._output = Tail(process.stdout, MOST_OUTPUT)
        self._complaint = Tail(process.stderr, MOST_COMPLAINT)
        # From a thread, because a child that reads nothing would keep us waiting at a full pipe.
        threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True).start()

    def ended(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            children.forget(self)
        return code

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None when it still runs after that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.ended()

    def output(self) -> bytes:
        return self._output.whole()

    def complaint(self) -> str:
        """The end of its stderr; all of it once it has ended."""
        ended = self._process.poll() is not None
        return (self._complaint.whole() if ended else self._complaint.so_far()).decode(errors="replace")

    def stop(self) -> None:
        """End it and all that it started: asked first, and then at once."""
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
            self.wait(_SECONDS_TO_END)
        # What it started may live on without it, in the same group.
        self.signal(signal.SIGKILL)
        self.wait(_SECONDS_TO_END)
        children.forget(self)

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


@dataclass
class _Children:
    """The programs that run right now."""

    running: set[Child] = field(default_factory=set)
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes) -> Child:
        with self.lock:
            if self.stopped:
                raise OutsideError("docker is not asked any more: lockflight was told to stop")
            process = subprocess.Popen(
                [*_tied_to_us(environment), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
            child = Child(process, stdin)
            self.running.add(child)
            return child

    def forget(self, child: Child) -> None:
        with self.lock:
            self.running.discard(child)

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            left = tuple(self.running)
        for child in left:
            child.signal(signal.SIGTERM)
        for child in left:
            child.stop()


children = _Children()
# The kernel ends a child when the *thread* that started it ends, so one thread that lives as long as the
# process starts them all. Made when the first is started.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lockflight-children")


def stop_children() -> None:
    """End every program that still runs, and start none any more: lockflight itself is about to end."""
    children.stop()


def spawn(arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes = b"") -> Child:
    """Start a program; it is ended with us, even by a kill -9 where the system can do that."""
    try:
        starting = _starter.submit(children.start, arguments, environment, stdin)
        try:
            return starting.result()
        except KeyboardInterrupt:
            # Nobody will ever hold it in hands, so nobody else would stop it.
            starting.add_done_callback(lambda started: started.result().stop())
            raise
    except FileNotFoundError as error:
        raise OutsideError(f"{arguments[0]} is not installed") from error
    except ValueError as error:  # a NUL byte in an argument
        raise InputError(f"docker cannot be asked about this: {error}") from error
    except OSError as error:  # an argument that is too long, no more processes
        raise OutsideError(f"docker cannot be started: {error.strerror or error}") from error
    except RuntimeError as error:  # the interpreter is on its way out
        raise OutsideError("docker is not asked any more: lockflight ends") from error


def _tied_to_us(environment: Mapping[str, str]) -> list[str]:
    """What stands in front of a command so that the kernel ends it when we are gone."""
    program = shutil.which("setpriv", path=environment.get("PATH")) if sys.platform == "linux" else None
    # Busybox has a setpriv as well, which does not know the option.
    if program is None or Path(program).resolve().name == "busybox":
        return []
    return [program, "--pdeathsig", "TERM"]


def _feed(stream: IO[bytes], text: bytes) -> None:
    # A child that ends before it has read everything is told by its exit code.
    with contextlib.suppress(OSError, ValueError), stream:
        stream.write(text)
