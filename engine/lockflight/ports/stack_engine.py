"""A Docker engine with Compose: where a stack runs. What is decided, is decided elsewhere; this only does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from lockflight.errors import OutsideError

# Labels on every container, network and volume of a stack; by these alone it is found again.
STACK = "dev.lockflight.stack"  # the name of the stack, which is its Compose project
PROJECT = "dev.lockflight.project"  # the manifest's project
LOCK = "dev.lockflight.lock"
PURPOSE = "dev.lockflight.purpose"  # "test" or "up"
OWNER = "dev.lockflight.owner"  # the process that will take a test's stack down
ALONE = "dev.lockflight.alone"  # "true" where the stack must have the engine to itself
HOME = "dev.lockflight.home"  # which user's repository it was put up from, as a hash

Health = Literal["none", "starting", "healthy", "unhealthy"]
# As the engine names them: created, running, paused, restarting, removing, exited, dead.
State = str
# Told how many bytes are here, and of how many as far as known.
Pulled = Callable[[int, int], None]


class ImageMissing(OutsideError):
    """The registry does not have an image; the world is fine, but not as the lock says."""


class ImageUnpullable(OutsideError):
    """One image could not be pulled: no permission, no network, no disk; the message says why."""


@dataclass(frozen=True, slots=True)
class ComposeCall:
    """What every call of Compose for a project is given."""

    files: tuple[Path, ...]
    # Compose finds the folder of the first file by itself, and `.env` in it.
    directory: Path | None = None
    env_files: tuple[Path, ...] | None = None
    profiles: tuple[str, ...] = ()
    name: str | None = None
    # Beside this process's own environment.
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What answers: `engine_id` tells two engines apart, `address` is where (unix:///var/run/docker.sock)."""

    engine: str
    compose: str
    engine_id: str
    address: str


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A container's port as this machine reaches it."""

    target: int
    protocol: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a stack, as a cheap look shows it."""

    id: str
    name: str
    service: str
    state: State
    health: Health = "none"
    exit_code: int | None = None
    ports: tuple[PublishedPort, ...] = ()
    # A suite's own container and other one-off runs, which are no part of the stack.
    one_off: bool = False


@dataclass(frozen=True, slots=True)
class Details:
    """What a closer look at one container adds; asked for when something is wrong."""

    exit_code: int | None
    out_of_memory: bool
    restarts: int
    # What the engine itself says of a container that could not start.
    error: str
    # What the latest health probe printed, and its exit code.
    probe: str = ""
    probe_exit_code: int | None = None
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True)
class RunningImage:
    """Which image a container really runs: every digest under which the engine knows it."""

    service: str
    container: str
    image_id: str
    # `registry/path@sha256:…`, as the engine's RepoDigests.
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StackFound:
    """A stack that is on the engine, told by its labels alone."""

    name: str
    project: str
    lock: str
    purpose: str
    owner: str | None
    alone: bool
    containers: int
    # None where an older lockflight put it up.
    home: str | None = None


@dataclass(frozen=True, slots=True)
class SuiteContainer:
    """A container that a suite runs in, beside the stack."""

    name: str
    labels: Mapping[str, str]
    # Values reach the container without standing in any list of processes.
    environment: Mapping[str, str]
    # None leaves what the image or the service says.
    command: tuple[str, ...] | None = None


class Starting(Protocol):
    """A `docker compose up` that is under way."""

    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""
        ...

    def complaint(self) -> str:
        """The end of what it wrote to stderr so far, without its drawing."""
        ...

    def stop(self) -> None:
        """End it and everything that it started; at once when it will not. Harmless when it has ended."""
        ...


class StackEngine(Protocol):
    """Every call raises `OutsideError` when the engine cannot be reached, saying which and what to do."""

    def facts(self) -> EngineFacts:
        """Versions; `OutsideError` with what to install when engine or Compose is missing or too old."""
        ...

    def read(self, call: ComposeCall, services: Sequence[str] = ()) -> dict[str, Any]:
        """The project as `docker compose config --format json` prints it; with `services`, these and what
        they depend on, whatever their profiles. A project with an error is an `InputError` with Compose's
        own message."""
        ...

    def read_ahead(self, call: ComposeCall, services: Sequence[str] = ()) -> None:
        """Begin what `read` of just this call will want, while something else is done. Nothing fails yet."""
        ...

    def text(self, call: ComposeCall) -> str:
        """The same as YAML, as Compose prints it."""
        ...

    def present(self, references: Sequence[str]) -> frozenset[str]:
        """Those of `registry/path@sha256:…` that the engine has."""
        ...

    def pull(self, reference: str, platform: str | None, pulled: Pulled) -> None:
        """Pull by digest; `ImageMissing` or `ImageUnpullable` when that is not possible."""
        ...

    def build(self, call: ComposeCall, services: Sequence[str]) -> None:
        """Build services that a person allowed to run unlocked; `OutsideError` with what the build said."""
        ...

    def start(self, call: ComposeCall, services: Sequence[str] = ()) -> Starting:
        """`up --detach` of the services and what they depend on (all that are active when none is named):
        without pulling, without building. Returns at once."""
        ...

    def containers(self, stack: str) -> tuple[Container, ...]:
        """All containers of a stack, stopped ones too, sorted by name."""
        ...

    def details(self, container: str) -> Details: ...

    def running_images(self, stack: str) -> tuple[RunningImage, ...]:
        """What each container of the stack was made from, one-off ones left out, sorted by container."""
        ...

    def logs(self, container: str, lines: int) -> str:
        """The last lines of a container's output, both streams, without control characters' effect."""
        ...

    def save_logs(self, container: str, path: Path, most_bytes: int) -> None:
        """Its whole output into a file with times; of an endless one the last `most_bytes`."""
        ...

    def follow_logs(self, stack: str, services: Sequence[str], write: Callable[[str], None]) -> None:
        """Hand on every line of the services (of all when none is named) with its service's name until
        all of them have ended or the caller is interrupted."""
        ...

    def run_service(self, call: ComposeCall, service: str, container: SuiteContainer) -> str:
        """Start a one-off container of a service of the stack, without what it depends on; its id."""
        ...

    def run_image(
        self,
        reference: str,
        container: SuiteContainer,
        *,
        networks: Sequence[str] | None,
        mounts: Mapping[Path, str],
    ) -> str:
        """Start a container of an image in these networks (None: the machine's own), with files of this
        machine bound in for reading; its id."""
        ...

    def follow(self, container: str, write: Callable[[bytes], None]) -> None:
        """Hand on what a container prints, as it comes, until it ends or is killed."""
        ...

    def wait(self, container: str, seconds: float) -> int | None:
        """Its exit code once it has ended, or None when it has not within that time."""
        ...

    def kill(self, container: str) -> None:
        """End a container at once; harmless when it has ended or is gone."""
        ...

    def copy_out(self, container: str, path: str) -> dict[str, bytes]:
        """The files at an absolute path in a container (`*` in the last part is understood), by their
        name; empty when there is none. A file larger than 16 MiB is left out."""
        ...

    def remove(self, container: str) -> None:
        """Remove a container and its anonymous volumes; harmless when it is gone."""
        ...

    def networks(self, stack: str) -> tuple[str, ...]:
        """The names of the stack's own networks, sorted."""
        ...

    def strangers(self, name: str) -> tuple[str, ...]:
        """The containers of a Compose project of that name which is no stack of ours, sorted."""
        ...

    def stacks(self, project: str | None = None) -> tuple[StackFound, ...]:
        """The stacks on this engine, of one project or of all, by their labels, sorted by name. Also one
        of which only a network or a volume is left."""
        ...

    def down(self, stack: str, seconds: int | None = None, *, strangers: bool = False) -> None:
        """Stop and remove everything of a stack: containers, networks, volumes, one-off runs. `seconds` is
        what containers get to end by themselves (None: what each wants). `strangers` takes those with it that
        Compose started in a project of this name without our labels: for a name that nobody else can have.
        Nothing else is touched; what is
        gone already is no failure; something that could not be removed is an `OutsideError` by name."""
        ...
