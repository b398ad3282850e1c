"""The whole benchmark: what is measured in which order, and which figures the aims are about."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import locking, peers
from tests.bench.machine import facts
from tests.bench.page import BEGIN, BEGIN_STACKS, put_into
from tests.bench.peers import Limits
from tests.bench.processes import Broken
from tests.bench.publishing import make_services, publish
from tests.bench.registry import running_registry
from tests.bench.report import Aim, Report, Table, comparison, ratio_aim, say
from tests.bench.rounds import Measured, Spread, measure
from tests.bench.shop import Shop, make_shop, third_party_images
from tests.bench.stacks import measure_stacks

DOCS = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
LARGEST_PEAK = 120
# What is asked of repositories and a registry alone, and what wants an engine.
OF_SHOPS = frozenset({"images", "start", "memory"})
PARTS = (*sorted(OF_SHOPS), "stacks")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    shops: Sequence[int]
    rounds: int
    cold_rounds: int
    start_rounds: int
    memory_rounds: int
    limits: Limits


WHOLE = Size((200, 1000), 7, 3, 40, 2, Limits(slow_rounds=2, one_by_one=200, eight_at_once=200))
QUICK = Size((50,), 3, 1, 10, 1, Limits(slow_rounds=1, one_by_one=10, eight_at_once=50))


def run_whole(*, quick: bool, only: frozenset[str], json_file: Path | None, write_docs: bool) -> None:
    """Measure, print, and write where it was asked for."""
    report = Report(facts())
    parts = only or frozenset(PARTS)
    try:
        if parts & OF_SHOPS:
            _measure_shops(report, QUICK if quick else WHOLE, parts)
        if "stacks" in parts:
            _measure_stacks(report, quick=quick, wanted="stacks" in only)
    except Broken as broken:
        raise SystemExit(f"bench: {broken}") from broken
    except KeyboardInterrupt:
        raise SystemExit("bench: interrupted; what it started is stopped and removed") from None
    print(report.text())
    if json_file is not None:
        json_file.write_text(json.dumps({"facts": report.facts, **report.raw}, indent=1) + "\n")
    if write_docs:
        put_into(DOCS, report.text(), BEGIN_STACKS if only == {"stacks"} else BEGIN)


@contextmanager
def shops_of(counts: Sequence[int]) -> Iterator[tuple[list[Shop], Path]]:
    """A registry with the images, and a repository for each number of services; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lockflight-bench-") as folder:
        scratch = Path(folder)
        services = make_services(max(counts))
        with running_registry(scratch) as host:
            say(f"pushing {len(services)} images to a registry at {host} …")
            own = [(service.path, service.commit, service.image) for service in services]
            publish(host, [*own, *third_party_images()])
            yield [make_shop(scratch / f"shop-{n}", host, services[:n]) for n in counts], scratch


def _measure_shops(report: Report, size: Size, parts: frozenset[str]) -> None:
    with shops_of(size.shops) as (shops, scratch):
        _measure(report, size, shops, scratch, parts)


def _measure_stacks(report: Report, *, quick: bool, wanted: bool) -> None:
    if peers.engine_answers():
        measure_stacks(report, quick=quick)
    elif wanted:
        raise Broken("no Docker engine answers; '.ci/setup bench' gets one")
    else:
        say("no Docker engine answers, so the stacks are left out")


def _measure(report: Report, size: Size, shops: Sequence[Shop], scratch: Path, parts: frozenset[str]) -> None:
    if "images" in parts:
        for shop in shops:
            say(f"{len(shop.services)} images: resolving digests, and the whole lock …")
            _measure_images(report, size, shop, scratch)
    if "start" in parts:
        say("starting …")
        _measure_start(report, size, shops[0], scratch)
    if "memory" in parts:
        say("memory …")
        _measure_memory(report, size, shops[-1], scratch)


def _measure_images(report: Report, size: Size, shop: Shop, scratch: Path) -> None:
    contenders = [
        *peers.resolvers(shop, scratch, size.limits),
        *locking.lockers(shop, scratch, size.cold_rounds),
    ]
    measured = measure(contenders, size.rounds)
    count = len(shop.services)
    scaled = _scaled(size.limits, count)
    note = (
        f"† measured with the first {size.limits.one_by_one} (one by one) or {size.limits.eight_at_once}"
        f" (8 at a time) images and scaled to {count}." if scaled else ""
    )  # fmt: skip
    title = f"{count} images: digests alone, and the whole lock"
    report.tables.append(comparison(title, measured, peers.CURL, note=note, scaled=scaled))
    report.aims += _aims_of_images(measured, count)
    report.raw[f"images {count}"] = measured.times


def _scaled(limits: Limits, count: int) -> frozenset[str]:
    slow = (peers.SKOPEO, peers.SKOPEO_DIGEST)
    alone = [peers.one_by_one(name) for name in slow if limits.one_by_one < count]
    together = [peers.eight_at_once(name) for name in slow if limits.eight_at_once < count]
    return frozenset([*alone, *together])


def _aims_of_images(measured: Measured, count: int) -> list[Aim]:
    fastest = measured.fastest([name for name in peers.OTHERS if name in measured.times])
    resolving = f"{count} digests resolved within 2 × curl"
    whole = f"the whole `lock` of {count} services, warm cache"
    return [
        ratio_aim(resolving, measured, peers.ADAPTER, peers.CURL, 2),
        ratio_aim(f"{whole}, faster than {fastest}", measured, locking.WARM, fastest, 1),
        ratio_aim(f"{whole}, beside curl", measured, locking.WARM, peers.CURL, None),
    ]


def _measure_start(report: Report, size: Size, shop: Shop, scratch: Path) -> None:
    locking.Locking(shop, scratch, locking.WARM, warm=True, records=False).turn()
    measured = measure(locking.starters(shop), size.start_rounds)
    count = len(shop.services)
    report.tables.append(comparison("Starting", measured, locking.PYTHON))
    report.aims += [
        ratio_aim("`lockflight --version` within 4 × `python -c pass`", measured, locking.VERSION, locking.PYTHON, 4),
        ratio_aim(f"`verify --offline` of {count} services within 8 ×", measured, locking.OFFLINE, locking.PYTHON, 8),
    ]  # fmt: skip
    report.raw["start"] = measured.times


def _measure_memory(report: Report, size: Size, shop: Shop, scratch: Path) -> None:
    peaks = {
        way.name: Spread.of([way.peak() for _ in range(size.memory_rounds)])
        for way in locking.ways_of_locking(shop, scratch)
    }
    count = len(shop.services)
    rows = [
        (name, f"{peak.middle:.1f} MB ({peak.lowest:.1f} – {peak.highest:.1f})")
        for name, peak in peaks.items()
    ]
    report.tables.append(Table(f"Peak memory, {count} services", ("what", "median (lowest – highest)"), rows))
    highest = max(peak.highest for peak in peaks.values())
    wanted = f"peak memory of `lock` for {count} services under {LARGEST_PEAK} MB, empty or warm cache"
    report.aims.append(Aim(wanted, f"{highest:.1f} MB", highest < LARGEST_PEAK))
    report.raw["memory in MB"] = {name: peak.middle for name, peak in peaks.items()}
