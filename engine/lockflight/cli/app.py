"""From the words on the command line to one command's module, and from its failure to an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from lockflight import __version__
from lockflight.cli import failures, streams
from lockflight.cli.context import Context
from lockflight.errors import EXIT_DONE, EXIT_INPUT, EXIT_INTERRUPTED, LockflightError

# Every command, in the order of the help: the module that runs it (loaded only then) and what it does.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "write a manifest from what is found here; --ci github writes workflows"),
    "record": ("record", "in a service's CI: write down what was built"),
    "lock": ("lock", "make the lock, or with --check say why it is out of date"),
    "verify": ("verify", "prove a lock: its form, its id, and what its registries hold"),
    "show": ("show", "show a lock as a table"),
    "diff": ("diff", "compare two locks service by service"),
    "export": ("export", "write a lock in a format that other tools read"),
    "import": ("import_", "turn locks of another kind into ours"),
    "stack test": ("stack_test", "run the stack pinned to the lock, test it, and leave nothing behind"),
    "stack up": ("stack_up", "run the stack pinned to the lock on this machine, until it is taken down"),
    "stack down": ("stack_down", "take a stack down, with its volumes"),
    "stack logs": ("stack_logs", "show what the services of a running stack print"),
    "stack config": ("stack_config", "print the pinned stack as Compose reads it"),
    "plan": ("plan", "what a promotion would do, each change with its cause"),
    "promote": ("promote", "replay a lock in an environment, behind its gates and checks"),
    "rollback": ("rollback", "go back to an archived lock, in one command"),
    "status": ("status", "where every environment stands: its lock, the last promotion, holds, health"),
    "history": ("history", "what happened to the environments, the newest first"),
    "drift": ("drift", "hold what runs against the last success in the ledger"),
    "approve": ("approve", "sign off a lock for an environment"),
    "hold": ("hold", "stop all promotions of an environment, or let go of it"),
    "mark": ("mark", "mark a lock as bad, everywhere"),
    "audit": ("audit", "can every archived lock still be deployed, is the ledger whole"),
    "doctor": ("doctor", "is everything here that the manifest needs, and how to get what is missing"),
    "demo": ("demo", "the whole flight on this machine, in a scratch folder"),
}

# What a shell says of a program that a closed pipe ended.
_EXIT_BROKEN_PIPE = 141


class Help(argparse.HelpFormatter):
    """Wraps the description to the terminal, and keeps lists of commands and examples as they are written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(self._paragraph(paragraph, width, indent) for paragraph in text.split("\n\n"))

    def _paragraph(self, text: str, width: int, indent: str) -> str:
        first, *listed = text.rstrip("\n").split("\n")
        if first.endswith(":") and listed and all(line.startswith("  ") for line in listed):
            return "\n".join(self._example(line, width) for line in (first, *listed))
        return super()._fill_text(text, width, indent)

    def _example(self, line: str, width: int) -> str:
        """An example that is too long for the terminal has its explanation on a line of its own."""
        parts = re.fullmatch(r"(  \S.*?) {2,}(\S.*)", line)
        if len(line) <= width or parts is None:
            return line
        return f"{parts.group(1)}\n      {parts.group(2)}"


class Parser(argparse.ArgumentParser):
    """argparse that leaves by our exit code and says what to do next."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        failures.say(f"error: {message}", f"'{self.prog} --help' explains the options")
        raise SystemExit(EXIT_INPUT)


def run(arguments: Sequence[str]) -> int:
    """Run one command and answer its exit code; nothing that fails leaves by a traceback."""
    # A terminal that was closed must not leave a stack behind either; under nohup it means nothing.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _delivered(_attempt(arguments))
    except KeyboardInterrupt:
        # A second Ctrl-C must not cut off the tidying.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        failures.say("interrupted")
        _leave_at_once(EXIT_INTERRUPTED)


def _attempt(arguments: Sequence[str]) -> int:
    context: Context | None = None
    try:
        options, rest = _split(arguments)
        if options.command is None:
            _overview().print_help()
            return EXIT_INPUT if rest else EXIT_DONE
        command, rest = _with_verb(options.command, rest)
        if command is None:
            return EXIT_DONE
        module = _module(command)
        chosen = command_parser(command, module).parse_args(rest, options)
        context = Context.of(chosen)
        with context:
            return int(module.run(context, chosen))
    except LockflightError as error:
        return failures.report(error, context)
    except BrokenPipeError:
        # Ours are handled where they are written to; this is one that a command opened.
        return _EXIT_BROKEN_PIPE
    except SystemExit as exit_request:
        return exit_request.code if isinstance(exit_request.code, int) else EXIT_INPUT
    except Exception as error:  # the one place where a bug is turned into a message
        return failures.report_bug(error, arguments)


def _delivered(code: int) -> int:
    """The command's own code, unless its result could not be handed over."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) went away: that is its right, and changes nothing of what was found.
        streams.abandon(sys.stdout)
    except OSError as error:
        streams.abandon(sys.stdout)
        return failures.report(streams.unwritable(error), None) if code == EXIT_DONE else code
    return code


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave_at_once(code: int) -> NoReturn:
    """Without waiting for threads that hang in a slow registry."""
    with contextlib.suppress(Exception):
        from lockflight.concurrency import tidy_up

        tidy_up()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


def command_parser(name: str, module: ModuleType | None = None) -> Parser:
    """The parser of one command; the documentation is generated from it."""
    module = module or _module(name)
    parser = Parser(
        prog=f"lockflight {name}",
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=Help,
        allow_abbrev=False,
    )
    module.arguments(parser)
    _global_options(parser.add_argument_group("for every command"), repeated=True)
    return parser


def _split(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options before the command, the command, and what is left for it."""
    parser = _overview()
    options = parser.parse_args(arguments)
    rest = options.rest
    del options.rest
    return options, rest


def _with_verb(command: str, rest: list[str]) -> tuple[str | None, list[str]]:
    """`stack` and its verb are one command; None when only the help of the whole group was asked for."""
    verbs = {
        name.partition(" ")[2]: does for name, (_, does) in COMMANDS.items() if name.startswith(f"{command} ")
    }
    if not verbs:
        return command, rest
    if rest and rest[0] in verbs:
        return f"{command} {rest[0]}", rest[1:]
    width = max(map(len, verbs))
    listed = "\n".join(f"  {verb:{width}}  {does}" for verb, does in verbs.items())
    if rest and rest[0] in ("-h", "--help"):
        sys.stdout.write(
            f"usage: lockflight {command} VERB …\n\n{listed}\n\n'lockflight {command} VERB --help' explains each.\n"
        )
        return None, rest
    from lockflight import names

    said = (
        f"there is no '{command} {rest[0]}'"
        if rest and not rest[0].startswith("-")
        else f"'{command}' needs a verb"
    )
    hint = names.did_you_mean(rest[0], verbs) if rest else None
    failures.say(
        f"error: {said}; one of: {', '.join(verbs)}", hint or f"'lockflight {command} --help' explains them"
    )
    raise SystemExit(EXIT_INPUT)


def _overview() -> Parser:
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {does}" for name, (_, does) in COMMANDS.items())
    parser = Parser(
        prog="lockflight",
        usage="lockflight [-C DIR] [--json] [-v|-q] COMMAND …",
        description=(
            "One lock of every service's exact build, lifted unchanged from a pull request to production."
        ),
        epilog=f"commands:\n{listed}\n\n'lockflight COMMAND --help' explains each.",
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", "-V", action="version", version=f"lockflight {__version__}")
    _global_options(parser, repeated=False)
    parser.add_argument("command", nargs="?", metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _global_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, repeated: bool) -> None:
    """They may stand before or after the command; after it, an absent one must not undo a given one."""

    def default(value: object) -> object:
        return argparse.SUPPRESS if repeated else value

    parser.add_argument(
        "-C",
        dest="directory",
        metavar="DIR",
        type=Path,
        default=default(None),
        help="run as if started in DIR",
    )
    parser.add_argument(
        "--json", action="store_true", default=default(False), help="print one JSON document for a program"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=default(False), help="say more while working"
    )
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        default=default(False),
        help="beside the result, say only what went wrong",
    )
    parser.add_argument(
        "--log", metavar="FILE", default=default(None), help="write what happens as JSON lines; '-' is stderr"
    )


def _module(name: str) -> ModuleType:
    if name not in COMMANDS:
        from lockflight import names

        hint = names.did_you_mean(name, COMMANDS) or "'lockflight --help' lists the commands"
        failures.say(f"error: there is no command '{name}'", hint)
        raise SystemExit(EXIT_INPUT)
    return importlib.import_module(f"lockflight.cli.{COMMANDS[name][0]}")
