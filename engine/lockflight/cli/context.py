"""What every command is given: where it runs, how it may speak, and the connected engine when it asks."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lockflight.cli import streams
from lockflight.errors import InputError, OutsideError, Place
from lockflight.logs import log, without_secrets
from lockflight.progress import MovingLine, Progress, Silent

if TYPE_CHECKING:
    from lockflight.ports.registry import Registry
    from lockflight.ports.stack_engine import StackEngine
    from lockflight.wiring import Engine


@dataclass
class Context:
    """One run of one command. Results go to stdout, everything else to stderr."""

    folder: Path
    as_json: bool = False
    verbose: bool = False
    quiet: bool = False
    log_file: str | None = None
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    _closing: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Context:
        return cls(_folder(options.directory), options.json, options.verbose, options.quiet, options.log)

    def __enter__(self) -> Context:
        if self.log_file == "-":
            log.to(sys.stderr)
        elif self.log_file:
            try:
                log.to(self._closing.enter_context(open(self.log_file, "a", encoding="utf-8")))  # noqa: PTH123
            except OSError as error:
                raise OutsideError(f"cannot write: {error.strerror}", place=Place(self.log_file)) from error
        if self.verbose:
            log.tell(sys.stderr)
        log.event("started", arguments=sys.argv[1:], folder=str(self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        log.event("ended", failure=kind.__name__ if kind else None)
        log.to(None)
        log.tell(None)
        self._closing.close()

    @property
    def in_ci(self) -> bool:
        return bool(self.environment.get("CI") or self.environment.get("GITHUB_ACTIONS"))

    @property
    def in_github_actions(self) -> bool:
        return self.environment.get("GITHUB_ACTIONS") == "true"

    @property
    def progress(self) -> Progress:
        """A moving line for a person at a terminal; CI logs and pipes stay quiet."""
        shown = sys.stderr.isatty() and not (self.quiet or self.in_ci or self.as_json)
        return MovingLine(sys.stderr) if shown else Silent()

    @property
    def engine(self) -> Engine:
        """The manifest of this folder, connected to the real world. Loaded when first asked for."""
        from lockflight.wiring import connect

        return connect(self.folder, self.environment)

    @property
    def registry(self) -> Registry:
        """The registries, with the manifest's settings where there is a manifest."""
        from lockflight.wiring import connect_registry

        return connect_registry(self.folder, self.environment)

    @property
    def stack_engine(self) -> StackEngine:
        """The Docker engine, for a command that needs no manifest."""
        from lockflight.wiring import connect_stack_engine

        return connect_stack_engine(self.environment)

    def path(self, given: str | Path) -> Path:
        """A path that a person wrote, as seen from where the command runs."""
        return self.folder / given

    def result(self, text: str) -> None:
        """What was asked for, for a person: to stdout."""
        streams.to_stdout(_with_line_end(streams.for_people(text)))

    def document(self, text: str) -> None:
        """What was asked for, for a program or a file: to stdout, as it is."""
        streams.to_stdout(_with_line_end(text), exactly=True)

    def json(self, document: Any) -> None:
        """The one JSON document of a `--json` run."""
        import json

        text = json.dumps(document, indent=2, ensure_ascii=False, default=_plain)
        # Characters that act on a terminal are escaped; what reads the document gets them all the same.
        self.document("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))

    def say(self, text: str) -> None:
        """What is worth knowing beside the result: to stderr, unless it must be quiet."""
        if not self.quiet:
            streams.to_stderr(streams.for_people(without_secrets(text, self.environment)) + "\n")

    def detail(self, text: str) -> None:
        """What only a person who asked for more wants to know."""
        if self.verbose:
            self.say(text)


def _folder(given: Path | None) -> Path:
    """Where the command runs, without '..' or links in it: the folders above are searched for a manifest."""
    try:
        folder = (given or Path.cwd()).resolve()
    except FileNotFoundError as error:
        raise InputError(
            "the current folder does not exist any more", hint="go to one that does, or name one with -C"
        ) from error
    except (OSError, RuntimeError) as error:
        raise InputError(f"-C: the folder {given} cannot be reached: {error}") from error
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises where nobody may look
        raise InputError(f"-C: there is no folder {folder}")
    return folder


def _with_line_end(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def _plain(value: Any) -> Any:
    from datetime import datetime

    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True)
    return str(value)
