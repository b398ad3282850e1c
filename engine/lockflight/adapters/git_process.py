"""How git is run: with an environment in which no file of a repository makes it start a program, and so that
nothing of it lives on when lockflight ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockflight import names
from lockflight.errors import InputError, OutsideError
from lockflight.logs import log

LOCAL_SECONDS = 60
REMOTE_SECONDS = 120
_SECONDS_TO_END = 2
# Transports that run commands (`ext::…`) must not be reachable from a URL in a file.
_PROTOCOLS = ("file", "git", "http", "https", "ssh")
# Variables that a hook or another git set would point at the wrong repository, or change what a path means.
_MISLEADING = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_COMMON_DIR",
     "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_CONFIG",
     "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"}
)  # fmt: skip
# A repository's configuration may name programs; reading it must start none of them. Given last, these win.
_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "gpg.program": "false",
    "gpg.openpgp.program": "false",
    "gpg.ssh.program": "false",
    "gpg.x509.program": "false",
    "log.showSignature": "false",
    # A folder of a checkout that looks like a bare repository is somebody's files, and no repository.
    "safe.bareRepository": "explicit",
    # What git does in the background would outlive lockflight.
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.prune": "false",
    "fetch.pruneTags": "false",
    "fetch.recurseSubmodules": "false",
}


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    output: bytes
    complaint: str

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace").strip()

    @property
    def entries(self) -> list[str]:
        """What was printed, split at its NUL characters; paths keep bytes that are no UTF-8."""
        return [part for part in self.output.decode(errors="surrogateescape").split("\0") if part]


@dataclass
class _Children:
    """The git processes that run right now."""

    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, arguments: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self.lock:
            if self.stopped:
                raise OutsideError("git is not asked any more: lockflight was told to stop")
            # A session of its own: its helpers end with it, and ssh finds no terminal to wait at.
            child = subprocess.Popen(
                ["git", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
            self.running.add(child)
            return child

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        with self.lock:
            self.running.discard(child)

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            left = tuple(self.running)
        for child in left:
            _signal(child, signal.SIGTERM)
        for child in left:
            _end(child)


_children = _Children()


def stop_children() -> None:
    """End every git that still runs, and start none any more: lockflight itself is about to end."""
    _children.stop()


def run(
    arguments: Sequence[str],
    *,
    stdin: bytes = b"",
    seconds: int = LOCAL_SECONDS,
    environment: Mapping[str, str] | None = None,
) -> Answer:
    """Run git and wait for it; any exit code is an answer."""
    words = list(arguments)
    try:
        child = _children.start(words, local_environment() if environment is None else environment)
    except FileNotFoundError as error:
        raise OutsideError("git is not installed", hint="install it, e.g. 'apt-get install git'") from error
    except ValueError as error:  # a NUL byte in an argument
        raise InputError(f"git cannot be asked about this: {error}") from error
    except OSError as error:  # an argument that is too long, no more processes
        raise OutsideError(f"git cannot be started: {error.strerror or error}") from error
    output, complaint = _wait(child, words, stdin, seconds)
    log.event("git", arguments=[names.without_credentials(word) for word in words], code=child.returncode)
    return Answer(child.returncode, output, complaint.decode(errors="replace").strip())


def _wait(
    child: subprocess.Popen[bytes], arguments: list[str], stdin: bytes, seconds: int
) -> tuple[bytes, bytes]:
    try:
        return child.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise OutsideError(f"git {_verb(arguments)} gave no answer within {seconds} s") from error
    finally:
        if child.returncode is None:
            _signal(child, signal.SIGTERM)
            _end(child)
        _children.forget(child)
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The child leads the group of all that it started.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Give a process that was asked to end the time to take its lock files away, and no more than that."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_SECONDS_TO_END)
    _signal(child, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_SECONDS_TO_END)


def local_environment(*, literal: bool = True) -> dict[str, str]:
    """For reading what is here: no transport is allowed, so that nothing is fetched behind our back.

    A clone that left objects out would fetch them when they are read, with programs that its configuration
    names; older versions of git know no other way to forbid that.
    """
    kept = _environment({**_SETTINGS, "core.sshCommand": "false"})
    paths = {"GIT_LITERAL_PATHSPECS": "1"} if literal else {}
    return {**kept, **paths, "GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}


def remote_environment(
    settings: Mapping[str, str], ssh_command: str | None, protocols: Sequence[str] = _PROTOCOLS
) -> dict[str, str]:
    """For asking another repository; `settings` may hold what must not stand in the list of processes."""
    kept = _environment({**_SETTINGS, **settings})
    if not ssh_command and not kept.get("GIT_SSH_COMMAND") and not kept.get("GIT_SSH"):
        kept["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
    theirs = os.environ.get("GIT_ALLOW_PROTOCOL")
    allowed = [name for name in protocols if theirs is None or name in theirs.split(":")]
    return {**kept, "GIT_LITERAL_PATHSPECS": "1", "GIT_ALLOW_PROTOCOL": ":".join(allowed)}


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in _MISLEADING}
    kept.pop("GIT_LITERAL_PATHSPECS", None)
    kept.update({"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"})
    given = kept.get("GIT_CONFIG_COUNT", "")
    first = int(given) if given.isdecimal() else 0
    for number, (key, value) in enumerate(settings.items(), first):
        kept[f"GIT_CONFIG_KEY_{number}"] = key
        kept[f"GIT_CONFIG_VALUE_{number}"] = value
    return {**kept, "GIT_CONFIG_COUNT": str(first + len(settings))}


def _verb(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if re.fullmatch(r"[a-z]+(-[a-z]+)*", word)), "")
