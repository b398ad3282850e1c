"""Carrying a plan out and waiting until its services are well; nothing is decided here any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lockflight import durations
from lockflight.ports.clock import Clock
from lockflight.ports.target import Deployment, Operation, ServiceReport, Target, Wanted
from lockflight.promotions.plan import Plan

_LOOK_EVERY = 0.2


@dataclass
class Rollout:
    """One deployment under way. `confirm` is asked before every change: is the lease still ours?"""

    target: Target
    clock: Clock
    deployment: Deployment
    wanted: Sequence[Wanted]
    deadline: float
    confirm: Callable[[], None]
    applying: Callable[[Operation], None]
    look: Callable[[Sequence[ServiceReport], float], None]
    reached: list[str] = field(default_factory=list)
    reports: tuple[ServiceReport, ...] = ()

    def carry_out(self, plan: Plan) -> str:
        """Why it failed, in one sentence; empty where every service is well."""
        begun = self.clock.monotonic()
        needs = {one.service: one.needs for one in self.wanted}
        for operation in plan.operations:
            before = [name for name in needs.get(operation.service, ()) if name in self.reached]
            trouble = self._wait(before, begun) if before else ""
            if trouble:
                return trouble
            self.confirm()
            self.applying(operation)
            self.reached.append(operation.service)
            self.target.apply(self.deployment, operation)
        return self.verify(begun)

    def verify(self, begun: float | None = None) -> str:
        """Whether all services of the deployment are well, those that were not touched too."""
        start = self.clock.monotonic() if begun is None else begun
        return self._wait([one.service for one in self.wanted], start)

    def _wait(self, services: Sequence[str], begun: float) -> str:
        while True:
            self.reports = self.target.report(self.deployment, services)
            passed = self.clock.monotonic() - begun
            self.look(self.reports, passed)
            failed = [report for report in self.reports if report.failed]
            if failed:
                return ", ".join(f"{report.service} {report.state}" for report in failed)
            late = [report for report in self.reports if not report.ready]
            if not late:
                return ""
            if passed >= self.deadline:
                told = ", ".join(f"{report.service} is {report.state}" for report in late)
                return f"not ready within {durations.written(self.deadline)}: {told}"
            self.clock.sleep(_LOOK_EVERY)
