"""Running a suite in a container, beside the stack or in its network, through the engine's port."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from lockflight import durations
from lockflight.config import Suite
from lockflight.errors import InputError, OutsideError, Place, Problem
from lockflight.names import did_you_mean
from lockflight.places import MANIFEST
from lockflight.ports.stack_engine import SuiteContainer
from lockflight.stacks.suites.bench import Bench
from lockflight.stacks.suites.output import Output
from lockflight.stacks.suites.reports import Written
from lockflight.stacks.suites.verdict import Ending

# What the engine may still have to tell of a container that has ended.
_SECONDS_FOR_THE_REST = 10.0
_KILLED = 137


class ContainerRun:
    """One suite in its container; used as `with`, at the end of which the container is gone."""

    def __init__(self, name: str, suite: Suite, bench: Bench, output: Output) -> None:
        self._name = name
        self._suite = suite
        self._bench = bench
        self._output = output
        self._id = ""
        self._notes: list[str] = []
        # What went wrong with whoever listens, in the thread that follows the output.
        self._trouble: Exception | None = None

    def __enter__(self) -> ContainerRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._output.be_quiet()
        if self._id:
            # What cannot be removed now is found by its labels when the stack is taken down.
            with contextlib.suppress(OutsideError):
                self._bench.engine.kill(self._id)
            with contextlib.suppress(OutsideError):
                self._bench.engine.remove(self._id)

    def run(self) -> Ending:
        """Start it, hand on what it prints, and wait for its end, or end it when its time is over."""
        engine, clock = self._bench.engine, self._bench.clock
        begun = clock.monotonic()
        try:
            self._id = self._start()
        except OutsideError as error:
            # An engine that does not answer is no fault of the suite, and says so itself.
            engine.facts()
            return Ending(None, clock.monotonic() - begun, not_started=f"could not be started: {error}")
        follower = self._follow()
        code = engine.wait(self._id, durations.seconds(self._suite.timeout))
        seconds = clock.monotonic() - begun
        if code is None:
            engine.kill(self._id)
        follower.join(_SECONDS_FOR_THE_REST)
        if self._trouble is not None:
            raise self._trouble
        if follower.is_alive():
            self._notes.append("the engine did not tell its output to the end")
        cut_off = self._out_of_memory() if code == _KILLED else ""
        return Ending(code, seconds, timed_out=code is None, cut_off=cut_off, notes=tuple(self._notes))

    def reports(self) -> dict[str, list[Written]]:
        """The files that fit its patterns, by pattern; taken out while the container is still there."""
        if not self._id:
            return {}
        return {pattern: self._copied(pattern) for pattern in self._suite.junit}

    def _start(self) -> str:
        suite, bench = self._suite, self._bench
        if suite.service is not None:
            return bench.engine.run_service(bench.call, suite.service, self._container())
        return bench.engine.run_image(
            self._image(suite.image or ""),
            self._container(),
            networks=bench.engine.networks(bench.stack) if suite.network == "stack" else None,
            mounts={bench.root / path: target for path, target in suite.mount.items()},
        )

    def _image(self, name: str) -> str:
        if name not in self._bench.images:
            raise InputError(f"the lock has no image '{name}'")
        return self._bench.images[name]

    def _container(self) -> SuiteContainer:
        command = tuple(self._suite.command) if self._suite.command is not None else None
        # Two runs in one stack must not meet; the name is for people.
        name = f"{self._bench.stack}-{self._name}-{secrets.token_hex(4)}"
        return SuiteContainer(name, self._bench.labels, self._environment(), command)

    def _environment(self) -> dict[str, str]:
        problems = _secrets_not_set(f"stack.suites.{self._name}", self._suite, self._bench.environment)
        if problems:
            raise InputError(problems)
        given = {name: self._bench.environment[name] for name in self._suite.secrets}
        return {**self._bench.variables(self._name, self._suite), **given}

    def _follow(self) -> threading.Thread:
        def follow() -> None:
            try:
                self._bench.engine.follow(self._id, self._output.feed)
            except OutsideError as error:
                self._notes.append(f"its output could not be followed to the end: {error}")
            except Exception as error:  # raised again where somebody can do something about it
                self._trouble = error

        follower = threading.Thread(target=follow, name=f"suite {self._name}", daemon=True)
        follower.start()
        return follower

    def _out_of_memory(self) -> str:
        with contextlib.suppress(OutsideError):
            if self._bench.engine.details(self._id).out_of_memory:
                return "was ended by the engine because it ran out of memory"
        return ""

    def _copied(self, pattern: str) -> list[Written]:
        folder = PurePosixPath(pattern).parent
        found = self._bench.engine.copy_out(self._id, pattern)
        return [Written(str(folder / PurePosixPath(name).name), body) for name, body in sorted(found.items())]


def check_container_suite(
    name: str,
    suite: Suite,
    root: Path,
    environment: Mapping[str, str],
    *,
    services: Collection[str],
    images: Collection[str],
) -> list[Problem]:
    """Why the suite could not even start: its service or image, its secrets, what is to be bound in."""
    path = f"stack.suites.{name}"
    problems = []
    if suite.service is not None and suite.service not in services:
        hint = did_you_mean(suite.service, services) or f"the services are: {', '.join(sorted(services))}"
        message = f"the compose files have no service '{suite.service}'"
        problems.append(Problem(message, Place(MANIFEST, path=f"{path}.service"), hint))
    if suite.image is not None and suite.image not in images:
        hint = did_you_mean(suite.image, images) or f"the lock's images are: {', '.join(sorted(images))}"
        message = f"the lock has no image '{suite.image}'"
        problems.append(Problem(message, Place(MANIFEST, path=f"{path}.image"), hint))
    return [*problems, *_secrets_not_set(path, suite, environment), *_missing_mounts(path, suite, root)]


def _secrets_not_set(path: str, suite: Suite, environment: Mapping[str, str]) -> list[Problem]:
    place = Place(MANIFEST, path=f"{path}.secrets")
    hint = "set it where lockflight runs; in GitHub Actions with 'env: {NAME: ${{ secrets.NAME }}}'"
    missing = [secret for secret in suite.secrets if not environment.get(secret)]
    return [
        Problem(f"the secret '{secret}' is not set in the environment", place, hint) for secret in missing
    ]


def _missing_mounts(path: str, suite: Suite, root: Path) -> list[Problem]:
    place = Place(MANIFEST, path=f"{path}.mount")
    problems = []
    for source in suite.mount:
        if not (root / source).exists():
            hint = "the engine would make an empty folder of it"
            problems.append(Problem(f"'{source}' does not exist", place, hint))
        elif not (root / source).resolve().is_relative_to(root.resolve()):
            problems.append(Problem(f"'{source}' leaves the repository through a symbolic link", place))
    return problems
