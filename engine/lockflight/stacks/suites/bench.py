"""The running stack as its suites need to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockflight.config import Suite
from lockflight.ports.clock import Clock
from lockflight.ports.stack_engine import ComposeCall, StackEngine
from lockflight.stacks.addresses import Addresses
from lockflight.stacks.suites.placeholders import Values, filled


@dataclass(frozen=True, slots=True)
class View:
    """How the stack is seen from one place: its addresses, and the `LOCKFLIGHT_…` variables made of them."""

    addresses: Addresses
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bench:
    """What suites are put to the test on, and where what they leave is kept."""

    root: Path
    # Each suite has a folder of its own in it: `NAME/output.log`, `NAME/reports/…`.
    folder: Path
    # lockflight's own: suites on this machine inherit it, secrets of those in containers come from it.
    environment: Mapping[str, str]
    lock_id: str
    stack: str
    from_this_machine: View
    from_the_network: View
    engine: StackEngine
    call: ComposeCall
    clock: Clock
    # `registry/path@sha256:…` of everything in the lock that has an image, by its name there.
    images: Mapping[str, str] = field(default_factory=dict)
    # What every container of the stack carries.
    labels: Mapping[str, str] = field(default_factory=dict)

    def view_of(self, suite: Suite) -> View:
        return self.from_the_network if is_in_the_network(suite) else self.from_this_machine

    def variables(self, name: str, suite: Suite) -> dict[str, str]:
        """What the suite is told: where everything is, and that once more by the names it expects."""
        view = self.view_of(suite)
        told = dict(view.variables)
        if suite.runs_in_a_container:
            # A file of this machine, which is not in the container.
            told.pop("LOCKFLIGHT_ADDRESSES", None)
        values = Values(view.addresses, self.lock_id, self.stack, in_network=is_in_the_network(suite))
        return {**told, **filled(name, suite, values)}

    def where(self, suite: Suite) -> str:
        if suite.service is not None:
            return f"service {suite.service}"
        return f"image {self.images.get(suite.image, suite.image)}" if suite.image is not None else "host"


def is_in_the_network(suite: Suite) -> bool:
    """Whether it reaches services by their names, or by ports of this machine."""
    return suite.service is not None or (suite.image is not None and suite.network == "stack")
