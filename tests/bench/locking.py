"""The whole of `lockflight lock` as a user runs it: python's start, git, every cross-check, the written file."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import Broken, peak_memory, run
from tests.bench.rounds import Contender, Times
from tests.bench.shop import Shop

LOCKFLIGHT = str(Path(sys.executable).with_name("lockflight"))
EMPTY = "lockflight lock, empty cache"
WARM = "lockflight lock, warm cache"
RECORDS_EMPTY = "lockflight lock --records, empty cache"
RECORDS_WARM = "lockflight lock --records, warm cache"


@dataclass(frozen=True, slots=True)
class Locking:
    """One way of making the shop's lock."""

    shop: Shop
    scratch: Path
    name: str
    warm: bool
    records: bool

    @property
    def command(self) -> Sequence[str]:
        said = ["--records", str(self.shop.records)] if self.records else []
        return [LOCKFLIGHT, "lock", *said]

    @property
    def cache(self) -> Path:
        return self.scratch / f"{self.shop.folder.name}-cache-{'warm' if self.warm else 'empty'}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"XDG_CACHE_HOME": str(self.cache)}

    def prepare(self) -> None:
        """Take away the lock that is there, and the cache where it is to be empty."""
        self.shop.lock.unlink(missing_ok=True)
        if not self.warm:
            shutil.rmtree(self.cache, ignore_errors=True)

    def turn(self) -> Times:
        self.prepare()
        finished = run(self.command, folder=self.shop.folder, environment=self.environment)
        self.insist()
        return {self.name: finished.seconds}

    def peak(self) -> float:
        """The largest memory of one such run, in MB."""
        self.prepare()
        peak = peak_memory(self.command, folder=self.shop.folder, environment=self.environment)
        self.insist()
        return peak

    def insist(self) -> None:
        """What was measured must be a lock with every digest that was pushed."""
        text = self.shop.lock.read_text()
        missing = [digest for digest in self.shop.digests if digest not in text]
        if missing:
            raise Broken(f"{self.name}: {len(missing)} digests are not in the lock")


def ways_of_locking(shop: Shop, scratch: Path) -> list[Locking]:
    """With and without records, with and without what an earlier run left in the cache."""
    ways = [
        Locking(shop, scratch, EMPTY, warm=False, records=False),
        Locking(shop, scratch, WARM, warm=True, records=False),
        Locking(shop, scratch, RECORDS_EMPTY, warm=False, records=True),
        Locking(shop, scratch, RECORDS_WARM, warm=True, records=True),
    ]
    for way in ways:
        if way.warm:
            way.turn()  # fills the cache
    return ways


def lockers(shop: Shop, scratch: Path, cold_rounds: int) -> list[Contender]:
    """Each way of making the lock as a contender; without a cache it takes long, and no aim asks for it."""
    return [
        Contender(way.name, way.turn, sys.maxsize if way.warm else cold_rounds)
        for way in ways_of_locking(shop, scratch)
    ]


def starters(shop: Shop) -> list[Contender]:
    """Commands that must feel immediate, beside what Python itself needs."""
    commands: dict[str, Sequence[str]] = {
        PYTHON: [sys.executable, "-c", "pass"],
        VERSION: [LOCKFLIGHT, "--version"],
        HELP: [LOCKFLIGHT, "--help"],
        OFFLINE: [LOCKFLIGHT, "verify", "--offline", str(shop.lock)],
    }

    def start(name: str) -> Callable[[], Times]:
        return lambda: {name: run(commands[name], folder=shop.folder).seconds}

    proven = json.loads(run([*commands[OFFLINE], "--json"], folder=shop.folder).output)
    if proven["services"] != len(shop.services):
        raise Broken("the lock to verify does not hold every service")
    return [Contender(name, start(name)) for name in commands]


PYTHON = "python -c pass"
VERSION = "lockflight --version"
HELP = "lockflight --help"
OFFLINE = "lockflight verify --offline"
