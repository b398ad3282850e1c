"""One registry: how it is reached, who we are to it, and how patient we are with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lockflight.adapters.registry_oci import failures
from lockflight.adapters.registry_oci.addresses import Address, BadAddress, registry_address, schemes
from lockflight.adapters.registry_oci.credentials import CredentialStore
from lockflight.adapters.registry_oci.deadline import Deadline, TooLate
from lockflight.adapters.registry_oci.http import (
    LARGEST_REFUSAL,
    USER_AGENT,
    Answer,
    ExchangeFailed,
    NotEncrypted,
    Request,
    Transport,
)
from lockflight.adapters.registry_oci.redirects import follow
from lockflight.adapters.registry_oci.retries import (
    RETRIED_STATUSES,
    Breaker,
    GaveUp,
    Transient,
    persist,
    retry_after,
)
from lockflight.adapters.registry_oci.tokens import Authorizer, Denied
from lockflight.ports.clock import Clock

_LARGEST_GREETING = 1024 * 1024

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the registry; `about` names its subject in messages."""

    method: str
    target: str
    about: str
    scope: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    largest: int = LARGEST_REFUSAL


@dataclass(frozen=True, slots=True)
class Settings:
    """What all registries of a client have in common."""

    transport: Transport
    credentials: CredentialStore
    insecure: frozenset[str]
    clock: Clock
    concurrency: int
    deadline_seconds: float


class Endpoint:
    """Asks one registry. Every failure comes out as one of the errors of the Registry port."""

    def __init__(self, registry: str, settings: Settings) -> None:
        self.registry = registry
        self._settings = settings
        self._clock = settings.clock
        self._turns = threading.BoundedSemaphore(settings.concurrency)
        self._breaker = Breaker(settings.clock)
        self._door = Authorizer(
            registry, settings.credentials, settings.insecure, settings.clock, self._ask_anywhere
        )
        self._root: Address | None = None
        self._finding_root = threading.Lock()
        # Learned underway; asking every time would double the requests to registries that lack it.
        self.has_referrers_api = True

    def deadline(self) -> Deadline:
        """A deadline for one operation that begins now."""
        return Deadline(self._clock, self._settings.deadline_seconds)

    def ask(self, question: Question, deadline: Deadline | None = None) -> Answer:
        """The registry's answer, which is none that would be worth asking for again."""
        due = deadline or self.deadline()
        return self.patiently(lambda: self.once(question, due), question.about, due)

    def patiently(self, attempt: Callable[[], Outcome], about: str, deadline: Deadline) -> Outcome:
        """Repeat an attempt made of calls to `once` until it passes, or until patience or time is over."""
        if self._breaker.is_open():
            raise failures.resting(self.registry, about, self._breaker.reason, self._breaker.hint)
        begun = self._clock.monotonic()
        try:
            outcome = persist(attempt, self._clock, deadline)
        except Denied as error:
            raise failures.denied(self.registry, about, error) from error
        except (GaveUp, ExchangeFailed) as error:
            # An answer that cannot be used is no sign that the registry is down.
            if isinstance(error, GaveUp):
                self._breaker.failed(error.why, error.hint, silent_since=begun if error.is_silent else None)
            raise failures.unavailable(self.registry, about, error.why, error.hint) from error
        self._breaker.succeeded()
        return outcome

    def once(self, question: Question, deadline: Deadline) -> Answer:
        """One attempt, with a second one where the registry asks for other credentials."""
        address = self._root_address(deadline).at(question.target)
        return self.once_at(address, question, deadline)

    def once_at(self, address: Address, question: Question, deadline: Deadline) -> Answer:
        """As `once`, at an address that the registry itself named, such as that of an upload."""
        is_home = address.origin == self._root_address(deadline).origin
        used = self._door.header(question.scope, deadline) if is_home else None
        answer = self._send(address, question, used, deadline)
        if answer.status == 401 and answer.is_own and is_home:
            used = self._door.answer(answer, question.scope, used, deadline)
            answer = self._send(address, question, used, deadline)
        if answer.status in (401, 403):
            raise self._denied(answer, is_home)
        return answer

    def _send(self, address: Address, question: Question, used: str | None, deadline: Deadline) -> Answer:
        headers = {"User-Agent": USER_AGENT, **question.headers}
        if used is not None:
            headers["Authorization"] = used
        request = Request(question.method, address, headers, question.body, question.largest)
        return self._ask_anywhere(request, deadline)

    def _ask_anywhere(self, request: Request, deadline: Deadline) -> Answer:
        """A request in its turn; what may pass by itself becomes `Transient`."""
        try:
            if not self._turns.acquire(timeout=deadline.remaining()):
                raise TooLate
        except TooLate as error:
            raise Transient("its turn did not come in time") from error
        try:
            answer = follow(self._settings.transport, request, deadline)
        except ExchangeFailed as error:
            if error.lasting:
                raise
            raise Transient(error.why, hint=error.hint) from error
        finally:
            self._turns.release()
        if answer.status in RETRIED_STATUSES:
            wait = retry_after(answer.headers.get("Retry-After"), self._clock.now())
            why, hint = failures.complaint(answer.address.netloc, answer)
            raise Transient(why, wait=wait, hint=hint, is_answer=True)
        return answer

    def _denied(self, answer: Answer, is_home: bool) -> Denied | ExchangeFailed:
        if not (answer.is_own and is_home):
            # A challenge from a host that the registry pointed to must never get the registry's credentials.
            why = f"redirected to {answer.address.netloc}, which {failures.described(answer)}"
            return ExchangeFailed(why, lasting=True)
        return Denied(failures.described(answer), self._door.lookup())

    def _root_address(self, deadline: Deadline) -> Address:
        if self._root is not None:
            return self._root
        with self._finding_root:
            if self._root is None:
                self._root = self._find_root(deadline)
            return self._root

    def _find_root(self, deadline: Deadline) -> Address:
        """The first way in which the registry can be spoken to; where there is but one, that one."""
        try:
            roots = [
                registry_address(scheme, self.registry)
                for scheme in schemes(self.registry, self._settings.insecure)
            ]
        except BadAddress as error:
            raise ExchangeFailed(f"{error}", lasting=True) from error
        if len(roots) == 1:
            return roots[0]
        tried: dict[str, ExchangeFailed] = {}
        for root in roots:
            try:
                greeting = Request("GET", root, {"User-Agent": USER_AGENT}, largest=_LARGEST_GREETING)
                answer = self._settings.transport.exchange(greeting, deadline)
            except ExchangeFailed as error:
                if error.lasting and not isinstance(error, NotEncrypted):
                    raise
                tried[root.scheme] = error
                continue
            # Servers that want encryption answer 400 to a request without.
            if root.scheme == "https" or answer.status != 400:
                return root
        failure = tried.get("http") or tried["https"]
        raise Transient(failure.why, hint=failure.hint)
