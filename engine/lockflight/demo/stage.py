"""The demo's stage: a scratch folder, a registry of its own, and showing each command with what it printed."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from lockflight.errors import OutsideError

_SECONDS_TO_START = 20
_REGISTRY = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Stage:
    """Runs commands for real and shows them as a person would have typed them."""

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self.folder = folder
        self._quiet = quiet
        self._in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._registry: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._ports: dict[str, int] = {}

    def act(self, title: str, words: str = "") -> None:
        """A heading, and what the next commands show."""
        self.print(f"\n{self._bold(title)}")
        if words:
            self.print(textwrap.fill(words, 96))

    def print(self, text: str) -> None:
        if not self._quiet:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def run(self, *words: str, folder: Path | None = None, expect: int = 0, show: bool = True) -> str:
        """Run a command, show it with its output, and insist on its exit code: the demo does not fake."""
        where = folder or self.folder
        if show:
            self.print(self._dim(f"{where.name} $ ") + self._bold(shlex.join(words)))
        done = subprocess.run(
            _real(words), cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=self._environment(),
        )  # fmt: skip
        if show:
            self.print(textwrap.indent(done.stdout.rstrip("\n"), "  "))
        if done.returncode != expect:
            raise OutsideError(
                f"the demo expected '{shlex.join(words)}' to end with {expect}, and it ended with {done.returncode}",
                hint=done.stdout[-2000:]
                if not show
                else "'lockflight demo --keep DIR' leaves all of it in DIR",
            )
        if show and expect:
            self.print(self._dim(f"  (exit code {done.returncode})"))
        return done.stdout

    def start_registry(self) -> str:
        """A registry on a free loopback port; answers its host as it stands in image names."""
        program = shutil.which("docker-registry")
        if program is None:
            raise OutsideError(
                "the demo needs the program docker-registry",
                hint="'make demo' gets it; or 'apt-get install docker-registry' on Debian and Ubuntu",
            )
        self.port = _free_port()
        config = self.folder / "registry.yaml"
        config.write_text(_REGISTRY.format(root=self.folder / "registry", port=self.port))
        log = (self.folder / "registry.log").open("wb")
        self._registry = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
        log.close()
        self._wait_for_registry()
        return f"localhost:{self.port}"

    def project(self, environment: str) -> str:
        """What an environment of this demo is called on the engine."""
        return f"shop-{environment}-{self.port}"

    def port_of(self, environment: str) -> int:
        """A port of this machine that the environment has to itself."""
        if environment not in self._ports:
            self._ports[environment] = _free_port()
        return self._ports[environment]

    def close(self) -> None:
        """Stop what the demo started and remove what it left in the engine; nothing else."""
        for environment in self._ports:
            _output(
                "docker", "compose", "-p", self.project(environment), "down", "--volumes", "--timeout", "1"
            )
        if self._registry is not None:
            self._remove_images()
            self._registry.terminate()
            self._registry.wait()

    def _remove_images(self) -> None:
        # By their names: one without a label may well be the same image that somebody else has under another name.
        shown = "{{.Repository}} {{.Tag}} {{.Digest}}"
        listed = _output("docker", "image", "ls", "--digests", "--format", shown)
        rows = [line.split() for line in listed.splitlines() if line.startswith(f"localhost:{self.port}/")]
        names = {f"{name}@{digest}" if tag == "<none>" else f"{name}:{tag}" for name, tag, digest in rows}
        if names:
            _output("docker", "image", "rm", *sorted(names))

    def _wait_for_registry(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise OutsideError(f"the demo's registry did not start; see {self.folder / 'registry.log'}")

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GIT_"))}
        kept.pop("CI", None)
        person = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@shop.example",
                  "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@shop.example",
                  "GIT_CONFIG_GLOBAL": os.devnull, "XDG_CACHE_HOME": str(self.folder / "cache")}  # fmt: skip
        return {**kept, **person}

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._in_colour else text

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._in_colour else text


def _real(words: Sequence[str]) -> list[str]:
    """`lockflight` is this very program, wherever it is installed."""
    return [sys.executable, "-m", "lockflight", *words[1:]] if words[0] == "lockflight" else list(words)


def _output(*words: str) -> str:
    """What a command prints; nothing when it fails, for this is only tidying up."""
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
