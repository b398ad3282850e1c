"""Questions to gates, with as little in them as a test needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lockflight.environments import Environment, Gate, GateSettings
from lockflight.locks.convert.pinned import images_of
from lockflight.locks.model import Lock
from lockflight.ports.forge import Approval
from lockflight.ports.target import Deployment, Running, TargetFacts
from lockflight.promotions.gates.ask import ask_all, named
from lockflight.promotions.gates.model import Answer, Question
from lockflight.testing.clock import FakeClock
from lockflight.testing.registry import FakeRegistry
from lockflight.testing.target import FakeTarget
from tests.locks import builders

LOCK = builders.lock()
NOW = datetime.fromisoformat("2026-11-21T08:00:00Z")


@dataclass
class ToldTarget(FakeTarget):
    """A target of which a test says what it tells."""

    told: TargetFacts = field(default_factory=lambda: TargetFacts("compose", "unix:///engine", "26.1.5"))
    model: dict[str, Any] = field(default_factory=dict)
    runs: tuple[Running, ...] = ()

    def facts(self) -> TargetFacts:
        if self.fails is not None:
            raise self.fails
        return self.told

    def raw(self, _deployment: Deployment) -> dict[str, Any]:
        return self.model

    def observe(self, _deployment: Deployment) -> tuple[Running, ...]:
        return self.runs


@dataclass
class FakeForge:
    """Implements the Forge port; `asked` is the lock and the environment that it was asked about last."""

    given: tuple[Approval, ...] = ()
    fails: Exception | None = None
    asked: tuple[str, str] | None = None

    def approvals(self, lock_id: str, environment: str) -> tuple[Approval, ...]:
        self.asked = lock_id, environment
        if self.fails is not None:
            raise self.fails
        return self.given


def environment(**settings: Any) -> Environment:
    return Environment.model_validate({"target": {"compose": {}}, **settings})


def question(lock: Lock = LOCK, root: Path | None = None, **changes: Any) -> Question:
    """About this lock in production, which follows staging."""
    clock = changes.get("clock") or FakeClock(NOW)
    deployment = Deployment(
        environment="production",
        project="shop",
        lock_id=lock.id,
        images={image.name: image.reference for image in images_of(lock)},
        files=(),
        root=root or Path(),
    )
    values: dict[str, Any] = {
        "settings": environment(follows="staging"),
        "lock": lock,
        "deployment": deployment,
        "target": ToldTarget(FakeClock()),
        "registry": FakeRegistry(),
        "clock": clock,
    }
    return Question(**{**values, **changes})


def gate(**settings: Any) -> GateSettings:
    """A gate as the manifest has it: `gate(http={'url': …})`."""
    found: GateSettings = TypeAdapter(Gate).validate_python(settings)
    return found


def ask(kind: str, settings: Any = None, about: Question | None = None) -> Answer:
    """The answer of one gate, asked as promotions ask it."""
    (answer,) = ask_all(named([gate(**{kind: settings or {}})]), about or question())
    return answer


def with_urls(about: Question, **urls: str) -> Question:
    return replace(about, settings=about.settings.model_copy(update={"urls": urls}))


Page = Callable[[BaseHTTPRequestHandler], None]


def page(
    body: bytes = b"fine",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    before: Callable[[], object] = lambda: None,
) -> Page:
    """A page of the small server; `before` is done before it answers."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        before()
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


class Site:
    """A web server on loopback. `asked` holds every request's path as it came, and `heard` its headers."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []
        self.heard: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                site.heard.append(dict(self.headers))
                site.pages.get(self.path.partition("?")[0], page(b"", 404))(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def site(**pages: Page) -> Iterator[Site]:
    """`site(health=page(…))` answers at `/health`."""
    served = Site({f"/{name}": answer for name, answer in pages.items()})
    with serving(served):
        yield served


@contextmanager
def serving(served: Site) -> Iterator[Site]:
    thread = threading.Thread(target=served.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        thread.join()
        served.server.server_close()
