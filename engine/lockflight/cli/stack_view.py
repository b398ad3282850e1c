"""Showing a stack to a person: what goes on while it starts, where it is reached, what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockflight import durations
from lockflight.cli import streams
from lockflight.cli.context import Context
from lockflight.cli.findings_view import show_findings
from lockflight.cli.github import set_output
from lockflight.cli.live_table import Changes, LiveTable
from lockflight.cli.tables import plural, table
from lockflight.logs import log, without_secrets

if TYPE_CHECKING:
    from lockflight.ports.stack_engine import StackFound
    from lockflight.stacks.bring_up import Running
    from lockflight.stacks.prepare import Prepared
    from lockflight.stacks.readiness import ServiceState
    from lockflight.stacks.trouble import Trouble


class Narrator:
    """Tells on stderr what happens to a stack; implements what `stacks` calls an observer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        on_terminal = sys.stderr.isatty() and not (context.quiet or context.in_ci or context.as_json)
        self._table: LiveTable | Changes = LiveTable() if on_terminal else Changes(quiet=context.quiet)

    def removed(self, orphans: tuple[StackFound, ...]) -> None:
        for orphan in orphans:
            log.event("orphan", stack=orphan.name)
            self._context.say(f"note: removed the stack {orphan.name}, whose lockflight was killed")

    def prepared(self, prepared: Prepared) -> None:
        show_findings(self._context, prepared.notes)
        count = plural(len(prepared.services), "service")
        unlocked = [name for name in prepared.unlocked if name in prepared.services]
        how = f"unlocked: {', '.join(unlocked)}" if unlocked else "all by digest"
        self._context.say(f"{prepared.name}: {count} of lock {prepared.lock.id[:12]}, {how}")

    def pulled(self, count: int, seconds: float) -> None:
        if count:
            self._context.say(f"pulled {plural(count, 'image')} in {durations.written(seconds)}")

    def look(self, states: Sequence[ServiceState], seconds: float) -> None:
        self._table.look(states, seconds)

    def close(self) -> None:
        self._table.close()


def show_running(context: Context, running: Running) -> None:
    """That everything is ready, and where; the addresses are the result."""
    prepared, started = running.prepared, running.started
    context.say(f"{prepared.name}: ready after {durations.written(started.seconds)}")
    set_output(context, "stack", prepared.name)
    if context.as_json:
        context.json(
            {"stack": prepared.name, "lock": prepared.lock.id, "seconds": round(started.seconds, 1),
             "services": running.here.as_data(), "variables": running.here.variables()}
        )  # fmt: skip
        return
    rows = [
        [service, str(port.target), port.url]
        for service, ports in running.here.services.items()
        for port in ports
    ]
    if rows:
        context.result(table(["SERVICE", "PORT", "ADDRESS"], rows))
    else:
        context.result(f"{prepared.name} publishes no port")


def show_trouble(context: Context, running: Running, troubles: Sequence[Trouble]) -> None:
    """Which services failed and why, with their last words."""
    from lockflight.cli.failures import say

    say(f"error: the stack {running.prepared.name} is not ready: {running.started.reason}")
    tell_troubles(context, troubles)
    if context.as_json:
        context.json(
            {"stack": running.prepared.name, "lock": running.prepared.lock.id, "ready": False,
             "reason": running.started.reason, "trouble": trouble_data(context, troubles)}
        )  # fmt: skip


def tell_troubles(context: Context, troubles: Sequence[Trouble]) -> None:
    for trouble in troubles:
        _tell(context, trouble)


def trouble_data(context: Context, troubles: Sequence[Trouble]) -> list[dict[str, str]]:
    """The same for a program, without what the environment calls secret."""
    return [
        {"service": trouble.service, "container": trouble.container, "what": trouble.what,
         "probe": without_secrets(trouble.probe, context.environment),
         "log": without_secrets(trouble.log, context.environment)}
        for trouble in troubles
    ]  # fmt: skip


def _tell(context: Context, trouble: Trouble) -> None:
    lines = [f"  {trouble.service}: {trouble.what}"]
    if trouble.probe:
        lines += ["    its health check says:", *_indented(trouble.probe)]
    if trouble.log:
        lines += ["    its last lines:", *_indented(trouble.log)]
    elif trouble.container:
        lines.append("    it printed nothing")
    text = without_secrets("\n".join(lines), context.environment)
    streams.to_stderr(streams.for_people(text) + "\n")


def _indented(text: str) -> list[str]:
    return [f"      {line}" for line in text.splitlines()]
