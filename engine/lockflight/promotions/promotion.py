"""One promotion, from the lease to the last event: look, ask, pull, deploy, check, and back again when one says no.

Everything before `started` leaves the environment as it was. After it the environment ends on one whole lock: this
one, or the one that was there; only when both fail is it left mixed, and then that is said and written down. Cut off
anywhere, the same command looks at the world again and goes on from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lockflight import durations
from lockflight.errors import InputError, LeftMixed, LockflightError, OutsideError, Refused
from lockflight.ledger.archive import archive_of
from lockflight.ledger.status import Standing, standings
from lockflight.logs import log
from lockflight.ports.ledger import Archive, Batch
from lockflight.ports.ledger_event import Event, next_number
from lockflight.ports.target import LeaseLost, Running, ServiceFailed, Wanted
from lockflight.progress import Silent
from lockflight.promotions.checks.ask import ask_in_order, checks_of, problems_of
from lockflight.promotions.deployment import Made, deployment_of
from lockflight.promotions.gates.ask import Together, ask_all, gates_of, verdict_of
from lockflight.promotions.gates.model import Answer, Question
from lockflight.promotions.known import Events, events_of, known_of
from lockflight.promotions.lease import Claim, Held, held
from lockflight.promotions.order import Order, Promoted, World
from lockflight.promotions.plan import Plan, digest_of, plan
from lockflight.promotions.records import Recorder, answers_of, changes_of, ran_before
from lockflight.promotions.restore import restored
from lockflight.promotions.rollout import Rollout

_AGAIN = "'--again' promotes it all the same, on purpose"


def promote(world: World, order: Order) -> Promoted:
    """Replay one lock in one environment."""
    made = deployment_of(world.manifest, order.environment, order.lock, world.root, world.variables)
    archive = archive_of(order.lock, world.root)
    events = events_of(world, order.environment)
    _refuse_objections(order, standings(events)[order.environment])
    claim = Claim(
        order.environment,
        order.owner,
        order.run_url,
        above=next_number(events[order.environment]) - 1,
        seconds=durations.seconds(world.settings(order.environment).lease),
        wait=order.wait,
        waiting=world.watcher.waiting,
    )
    with held(world.target, world.clock, claim) as lease:
        world.watcher.leased(lease.number)
        # Read again: somebody may have been here while the lease was waited for.
        events = events_of(world, order.environment)
        standing = standings(events)[order.environment]
        _refuse_objections(order, standing)
        course = _Course(world, order, made, archive, events, standing, lease)
        try:
            return course.run()
        except LeaseLost as error:
            raise OutsideError(
                f"{order.environment}: the lease was lost to somebody else; nothing more was changed",
                hint=f"'lockflight status' and 'lockflight history {order.environment}' show what runs there now",
                code="lease-lost",
            ) from error


def standing_of(world: World, environment: str) -> Standing:
    """Where an environment stands; a lock that was marked bad anywhere is bad here too."""
    return standings(events_of(world, environment))[environment]


def look_at(world: World, made: Made) -> tuple[tuple[Wanted, ...], Plan]:
    """What is wanted, and what would be done about what runs; changes nothing."""
    deployment = made.deployment
    settings = world.settings(deployment.environment)
    wanted = world.target.wanted(deployment)
    observed = world.target.observe(deployment)
    made_plan = plan(
        deployment.environment, deployment.lock_id, wanted, observed, unknown=settings.unknown_services
    )
    return wanted, made_plan


def question_of(world: World, order: Order, made: Made, events: Events) -> Question:
    """What gates and checks are asked."""
    stack = world.manifest.stack
    return Question(
        settings=world.settings(order.environment),
        lock=order.lock,
        deployment=made.deployment,
        target=world.target,
        registry=world.registry,
        clock=world.clock,
        variables=world.variables,
        known=known_of(world, order, events),
        forge=world.forge,
        suites=dict(stack.suites) if stack is not None else {},
        definitions=dict(world.definitions or {}),
    )


def _refuse_objections(order: Order, standing: Standing) -> None:
    objection = standing.objection(order.lock.id)
    if objection and not order.again:
        raise Refused(
            f"the lock {order.lock.id[:12]} is not promoted to {order.environment}: {objection}",
            hint=_AGAIN,
            code="withdrawn",
        )


@dataclass
class _Course:
    """One promotion under its lease."""

    world: World
    order: Order
    made: Made
    archive: Archive
    events: Events
    standing: Standing
    lease: Held
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.world.clock.monotonic()
        self.recorder = Recorder(self.order, self.lease.number, self.world.clock)

    @property
    def previous(self) -> str | None:
        """The lock that the environment is to be on now."""
        return self.standing.current

    def run(self) -> Promoted:
        wanted, made_plan = look_at(self.world, self.made)
        self.world.watcher.planned(made_plan)
        if made_plan.changes_nothing and self.previous == self.order.lock.id and not self.standing.unsettled:
            return self._ended("already", made_plan, reason="already runs, whole and well")
        question = question_of(self.world, self.order, self.made, self.events)
        checks = checks_of(self.world.settings(self.order.environment))
        problems = problems_of(checks, question)
        if problems:
            raise InputError(problems)
        answers = self._ask(question)
        self._pull(made_plan)
        self._start(made_plan, answers)
        rollout = self._rollout(self.made, wanted)
        reason = self._carried_out(rollout, made_plan)
        asked: tuple[Answer, ...] = ()
        if not reason:
            self.world.watcher.checking()
            asked = ask_in_order(checks, question, self.world.watcher)
            reason = _said(verdict_of(asked, self.order.lock.id))
        if not reason:
            return self._succeed(made_plan, rollout, answers, asked)
        return self._fail(made_plan, rollout, answers, asked, reason)

    def _ask(self, question: Question) -> tuple[Answer, ...]:
        settings = self.world.settings(self.order.environment)
        gates = gates_of(settings, rollback=self.order.rollback is not None)
        answers = ask_all(gates, question, self.world.watcher)
        together = verdict_of(answers, self.order.lock.id)
        error = together.error()
        if error is not None:
            if together.outcome == "refused":
                self._write(self._event("gated", gates=answers_of(answers)))
            raise error
        return answers

    def _pull(self, made_plan: Plan) -> None:
        references = [
            one.after for one in made_plan.operations if one.after is not None and one.kind != "scale"
        ]
        wanted = tuple(dict.fromkeys(references))
        self.world.watcher.pulling(len(wanted))
        self.world.target.pull(self.made.deployment, wanted, self.world.progress)

    def _start(self, made_plan: Plan, answers: tuple[Answer, ...]) -> None:
        """Archived and written down before the first change."""
        events = [
            self._event(
                "started",
                rollback=self.order.rollback is not None,
                again=self.order.again,
                ran_before=ran_before(made_plan.adopted),
                environment_files=dict(self.made.own_files),
            )
        ]
        if answers:
            events.insert(0, self._event("gated", gates=answers_of(answers)))
        word = self.order.override
        if word is not None:
            events.insert(0, self._event("overridden", person=word.person, reason=_short(word.reason)))
        self.lease.confirm()
        self.world.ledger.write_all(Batch(events=tuple(events), archives=(self.archive,)))

    def _rollout(self, made: Made, wanted: Sequence[Wanted]) -> Rollout:
        world = self.world
        deadline = durations.seconds(world.settings(self.order.environment).deadline)
        return Rollout(
            world.target, world.clock, made.deployment, wanted, deadline, self.lease.confirm, world.watcher.applying,
            world.watcher.look,
        )  # fmt: skip

    def _carried_out(self, rollout: Rollout, made_plan: Plan) -> str:
        """The reason why it failed; what the world outside did wrong is one, too, once something was changed."""
        try:
            return rollout.carry_out(made_plan)
        except (OutsideError, ServiceFailed) as error:
            log.event("deployment failed", environment=self.order.environment, why=str(error))
            return str(error)

    def _succeed(
        self, made_plan: Plan, rollout: Rollout, answers: tuple[Answer, ...], asked: tuple[Answer, ...]
    ) -> Promoted:
        migrations = self._migrations(rollout)
        events = [
            self._event(
                "deployed",
                services=changes_of(made_plan, rollout.reached, rollout.reports),
                migrations=migrations,
                environment_files=dict(self.made.own_files),
            ),
            self._event("succeeded", checks=answers_of(asked), migrations=migrations),
        ]
        if self.order.rollback is not None and self.previous not in (None, self.order.lock.id):
            events.append(self._withdrawal())
        self._write(*events)
        return self._ended("succeeded", made_plan, answers, asked, rollout)

    def _withdrawal(self) -> Event:
        """What was left by a rollback does not come back by a rerun of its deployment."""
        reason = f"rolled back to {self.order.lock.id[:12]}"
        return self.recorder.event("withdrawn", lock=self.previous, reason=reason, person=self.order.person)

    def _fail(
        self,
        made_plan: Plan,
        rollout: Rollout,
        answers: tuple[Answer, ...],
        asked: tuple[Answer, ...],
        reason: str,
    ) -> Promoted:
        settings = self.world.settings(self.order.environment)
        services = changes_of(made_plan, rollout.reached, rollout.reports)
        failed = self._event(
            "failed",
            reason=_short(reason),
            checks=answers_of(asked),
            services=services,
            migrations=self._migrations(rollout),
        )
        ended = self._ended("failed", made_plan, answers, asked, rollout, reason)
        if self.previous is None or self.previous == self.order.lock.id or settings.on_failure == "keep":
            self._write(failed)
            return ended
        self.world.watcher.rolling_back(self.previous, reason)
        try:
            went_back = self._go_back(self.previous)
        except (LockflightError, LeaseLost) as error:
            went_back = f"{error}" or "the lease was lost"
        if went_back:
            with contextlib.suppress(LockflightError):
                self._write(failed.model_copy(update={"mixed": True}))
            raise LeftMixed(
                f"{self.order.environment} is left mixed: {reason}; and going back to {self.previous[:12]} failed"
                f" too: {went_back}",
                hint=f"repair what is said here, then 'lockflight rollback {self.order.environment}' or promote again",
                code="left-mixed",
            )
        back = self.recorder.event("rolled-back", lock=self.previous, previous=self.order.lock.id)
        self._write(failed, back)
        return replace(ended, outcome="rolled-back", back_to=self.previous)

    def _go_back(self, lock_id: str) -> str:
        """Replay the lock that was there, with its own configuration, and see that it is whole and well again."""
        with restored(self.world, lock_id) as (lock, root):
            made = deployment_of(
                self.world.manifest, self.order.environment, lock, root, self.world.variables
            )
            world = replace(self.world, root=root)
            wanted, back = look_at(world, made)
            references = [one.after for one in back.operations if one.after is not None]
            self.world.target.pull(made.deployment, tuple(dict.fromkeys(references)), Silent())
            trouble = self._rollout(made, wanted).carry_out(back)
            return trouble or wrong_digests(wanted, self.world.target.observe(made.deployment))

    def _migrations(self, rollout: Rollout) -> list[str]:
        settings = self.world.settings(self.order.environment)
        return sorted(name for name in rollout.reached if name in settings.irreversible)

    def _event(self, kind: str, **fields: object) -> Event:
        has_previous = kind != "overridden" and self.previous != self.order.lock.id
        previous = self.previous if has_previous else None
        return self.recorder.event(kind, lock=self.order.lock.id, previous=previous, **fields)  # type: ignore[arg-type]

    def _write(self, *events: Event) -> None:
        self.lease.confirm()
        self.world.ledger.write_all(Batch(events=tuple(events)))

    def _ended(
        self,
        outcome: str,
        made_plan: Plan,
        answers: tuple[Answer, ...] = (),
        asked: tuple[Answer, ...] = (),
        rollout: Rollout | None = None,
        reason: str = "",
    ) -> Promoted:
        return Promoted(
            outcome,  # type: ignore[arg-type]
            made_plan,
            answers,
            asked,
            rollout.reports if rollout else (),
            reason,
            self.lease.number,
            seconds=self.world.clock.monotonic() - self.began,
        )


def wrong_digests(wanted: Sequence[Wanted], observed: Sequence[Running]) -> str:
    """Which services do not run what they are to run, by the target's own word; empty where all do."""
    running = {one.service: one for one in observed}
    wrong = [
        one.service
        for one in wanted
        if one.service not in running
        or digest_of(one.reference) not in map(digest_of, running[one.service].references)
    ]
    return f"these do not run what the lock says: {', '.join(sorted(wrong))}" if wrong else ""


def _said(together: Together) -> str:
    """Why the checks say no, in one sentence."""
    error = together.error("check")
    return "; ".join(problem.message for problem in error.problems) if error else ""


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= 900 else line[:899] + "…"
