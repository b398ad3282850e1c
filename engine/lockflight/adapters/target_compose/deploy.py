"""Carrying out operations on one service at a time, with Compose and through the engine's API."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from lockflight.adapters.stack_engine.compose import Compose
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import EngineRefused, NotThere
from lockflight.adapters.stack_engine.suites import Suites
from lockflight.adapters.target_compose.call import call_of
from lockflight.adapters.target_compose.look import Replica
from lockflight.adapters.target_compose.project import Project, override_of
from lockflight.adapters.target_compose.secret_values import Secrets
from lockflight.adapters.target_compose.story import Stories
from lockflight.errors import OutsideError, Place, Problem
from lockflight.ports.clock import Clock
from lockflight.ports.stack_engine import ComposeCall
from lockflight.ports.target import FINGERPRINT, Kind, ServiceFailed

# Only this service, whatever it depends on: the order is the planner's, and so is waiting for health.
_ALONE = ("--no-deps",)
# What runs stays as it is: only how many there are changes.
_KEEPING = ("--no-deps", "--no-recreate")
# An old container may take long to end, and a full machine to start a new one.
_MOST_SECONDS = 30 * 60.0
_LOOK_SECONDS = 0.05
_WAIT_SECONDS = 20.0
_USUAL_GRACE_SECONDS = 10
# A container's name while Compose puts it in the place of another one.
_BESIDE = re.compile(r"[0-9a-f]{12}_(.+)")
# A Compose that was killed may not have ended yet, or the engine not with what it was told.
_COLLIDED = re.compile(
    r"is already in use by container|removal of container|No such container|marked for removal"
)
_TRIES = 5
_PAUSE_SECONDS = 0.5

Look = Callable[[], Sequence[Replica]]


class Deploy:
    """Operations on the services of one project; `look` shows its containers as they are now."""

    def __init__(
        self,
        project: Project,
        secrets: Secrets,
        compose: Compose,
        connection: Connection,
        stories: Stories,
        look: Look,
        clock: Clock,
    ) -> None:
        self._project = project
        self._secrets = secrets
        self._compose = compose
        self._connection = connection
        self._stories = stories
        self._look = look
        self._clock = clock

    def carry_out(self, kind: Kind, service: str) -> None:
        match kind:
            case "create" | "update":
                self._up(service, _ALONE)
            case "scale":
                self._up(service, _KEEPING)
            case "run":
                self._run(service)
            case "remove":
                self._remove(service)

    def _up(self, service: str, options: Sequence[str]) -> None:
        self._secrets.demand()
        with self._call() as call:
            for left in reversed(range(_TRIES)):
                self._clear_up(service)
                said = self._tried(call, service, options)
                if said is None:
                    return
                if not left or not _COLLIDED.search(said):
                    raise self._why(service, said)
                self._clock.sleep(_PAUSE_SECONDS)

    def _tried(self, call: ComposeCall, service: str, options: Sequence[str]) -> str | None:
        """None when it went well; what Compose says when it did not."""
        starting = self._compose.start(call, [*options, service])
        try:
            code = self._ended(starting.ended)
        except BaseException:
            starting.stop()
            raise
        if code is None:
            starting.stop()
            raise OutsideError(f"docker compose did not bring up {service} within {_MOST_SECONDS:g} s")
        return None if code == 0 else starting.complaint() or f"docker compose ended with exit code {code}"

    @contextmanager
    def _call(self) -> Generator[ComposeCall]:
        """With the override, which lies in a folder that only we may read, for as long as Compose runs."""
        with tempfile.TemporaryDirectory(prefix="lockflight-") as folder:
            override = Path(folder) / "override.yaml"
            override.write_text(override_of(self._project))
            call = call_of(self._project.deployment, self._project.name)
            yield replace(call, files=(*call.files, override))

    def _ended(self, ended: Callable[[], int | None]) -> int | None:
        deadline = self._clock.monotonic() + _MOST_SECONDS
        while (code := ended()) is None and self._clock.monotonic() < deadline:
            self._clock.sleep(_LOOK_SECONDS)
        return code

    def _why(self, service: str, said: str) -> Exception:
        """The service's own fault, unless the engine is gone, which asking it once more tells."""
        with self._connection.asking():
            self._connection.client.ping()
        return self._failed(service, said)

    def _failed(self, service: str, said: str) -> ServiceFailed:
        return ServiceFailed(
            [Problem(self._secrets.covered(said), Place(path=service), code="service-failed")]
        )

    def _clear_up(self, service: str) -> None:
        """Compose makes a container under a name of its own beside the old one, removes that, and gives the new
        one its name. Where it was killed in between, the next Compose fails or leaves the name as it is."""
        found = self._of(service)
        names = {one.container.name for one in found}
        for replica in found:
            beside = _BESIDE.fullmatch(replica.container.name)
            if beside is not None:
                self._put_in_place(replica.container.id, beside[1], is_taken=beside[1] in names)

    def _put_in_place(self, container: str, name: str, *, is_taken: bool) -> None:
        with suppress(NotThere), self._connection.asking():
            if is_taken:
                self._connection.client.remove_container(container, v=False, force=True)
            else:
                self._connection.client.rename(container, name)

    def _run(self, service: str) -> None:
        """A run that was cut off is gone on with, and one that ended well is not made twice."""
        found = self._of(service)
        if not found or not all(map(self._is_under_way, found)):
            self._up(service, _ALONE)
        for replica in self._of(service):
            self._wait(service, replica)

    def _is_under_way(self, replica: Replica) -> bool:
        """Or has ended well, as the very thing that is wanted."""
        wanted = self._project.wanted[replica.service]
        is_same = wanted.reference in replica.references
        is_set_the_same = replica.labels.get(FINGERPRINT) == wanted.fingerprint
        return (
            is_same and is_set_the_same and replica.state.word in {"running", "starting", "healthy", "done"}
        )

    def _wait(self, service: str, replica: Replica) -> None:
        """However long its work takes: nobody else can say when a migration is too slow, and it goes on when
        lockflight is cut off."""
        suites = Suites(self._connection)
        while (code := suites.wait(replica.container.id, _WAIT_SECONDS)) is None:
            pass
        if code != 0:
            now = next(
                (one for one in self._of(service) if one.container.id == replica.container.id), replica
            )
            raise self._failed(service, self._stories.told(now, now.state))

    def _remove(self, service: str) -> None:
        """Its containers; volumes stay, since they hold what nobody can bring back."""
        for replica in self._of(service):
            try:
                self._end(replica.container.id)
            except NotThere:
                continue

    def _end(self, container: str) -> None:
        with self._connection.asking():
            client = self._connection.client
            inspected = client.inspect_container(container)
            if (inspected.get("State") or {}).get("Paused"):
                client.unpause(container)
            wanted = (inspected.get("Config") or {}).get("StopTimeout")
        try:
            with self._connection.asking():
                client.stop(container, timeout=_USUAL_GRACE_SECONDS if wanted is None else int(wanted))
        except NotThere:
            return
        except EngineRefused:
            pass  # it ended meanwhile; and if not, removing it tells why
        with self._connection.asking():
            client.remove_container(container, v=False, force=True)

    def _of(self, service: str) -> list[Replica]:
        return [one for one in self._look() if one.service == service]
