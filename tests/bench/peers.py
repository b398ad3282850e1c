"""Who answers "which digest is behind each of these tags", each as a contender of the benchmark."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockflight.ports.registry import INDEX_TYPES, MANIFEST_TYPES
from tests.bench.processes import Broken, run
from tests.bench.rounds import Contender, Times
from tests.bench.shop import Shop

HERE = Path(__file__).parent
AT_ONCE = 16
ADAPTER = "lockflight's adapter, resolving only"
ADAPTER_PROCESS = "lockflight's adapter, whole process"
CURL = "curl --parallel, as many HEAD requests"
ENGINE = "docker SDK get_registry_data, 16 threads"
SKOPEO = "skopeo inspect --raw"
SKOPEO_DIGEST = "skopeo inspect --no-tags --format {{.Digest}}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the slow contenders is measured: rounds, and images of which the rest is extrapolated."""

    slow_rounds: int
    one_by_one: int
    eight_at_once: int


def one_by_one(program: str) -> str:
    return f"{program}, one by one"


def eight_at_once(program: str) -> str:
    return f"{program}, 8 at a time"


# The peers of which the fastest is what the whole of `lockflight lock` must beat.
OTHERS = (
    ENGINE,
    one_by_one(SKOPEO),
    eight_at_once(SKOPEO),
    one_by_one(SKOPEO_DIGEST),
    eight_at_once(SKOPEO_DIGEST),
)


def engine_answers() -> bool:
    """Whether there is a Docker engine to ask; the rows of the others are worth having without it."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=60).returncode == 0


def resolvers(shop: Shop, scratch: Path, limits: Limits) -> list[Contender]:
    """Everybody who is asked for the digests of the shop's images."""
    contenders = [
        Contender(CURL, _curl(shop, scratch)),
        Contender(ADAPTER, _child(shop, "ask_lockflight.py", ADAPTER, ADAPTER_PROCESS)),
    ]
    if engine_answers():
        contenders.append(Contender(ENGINE, _child(shop, "ask_engine.py", f"{ENGINE}, asking only", ENGINE)))
    raw = ["skopeo", "inspect", "--raw", "--tls-verify=false"]
    digest = ["skopeo", "inspect", "--no-tags", "--format", "{{.Digest}}", "--tls-verify=false"]
    for name, command in ((SKOPEO, raw), (SKOPEO_DIGEST, digest)):
        alone = _skopeo(shop, command, one_by_one(name), 1, limits.one_by_one)
        together = _skopeo(shop, command, eight_at_once(name), 8, limits.eight_at_once)
        contenders += [
            Contender(one_by_one(name), alone, limits.slow_rounds),
            Contender(eight_at_once(name), together, limits.slow_rounds),
        ]
    return contenders


def _curl(shop: Shop, scratch: Path) -> Callable[[], Times]:
    addresses = [
        f"http://{shop.host}/v2/{service.path}/manifests/{service.commit}" for service in shop.services
    ]
    settings = scratch / f"curl-{len(addresses)}"
    settings.write_text("".join(f'url = "{address}"\n' for address in addresses))
    accept = f"Accept: {','.join(sorted(INDEX_TYPES | MANIFEST_TYPES))}"
    command = ["curl", "--silent", "--show-error", "--fail", "--head", "--parallel", "--parallel-max",
               str(AT_ONCE), "--header", accept, "--config", str(settings)]  # fmt: skip

    def turn() -> Times:
        finished = run(command)
        _insist(finished.output.lower().count("docker-content-digest: "), len(addresses), CURL)
        return {CURL: finished.seconds}

    return turn


def _child(shop: Shop, script: str, inner: str, whole: str) -> Callable[[], Times]:
    """A Python process of ours that says itself how long the asking took."""
    references = "\n".join(shop.references)

    def turn() -> Times:
        finished = run([sys.executable, str(HERE / script)], stdin=references)
        said = json.loads(finished.output)
        if said["digests"] != shop.digests:
            raise Broken(f"{script} found other digests than were pushed")
        return {inner: said["seconds"], whole: finished.seconds}

    return turn


def _skopeo(shop: Shop, command: Sequence[str], name: str, at_once: int, largest: int) -> Callable[[], Times]:
    """One process per image; where that takes minutes, some of the images and the time scaled to all."""
    asked = [f"docker://{reference}" for reference in shop.references[:largest]]
    share = len(asked) / len(shop.references)

    def turn() -> Times:
        finished = run(["xargs", "-n", "1", "-P", str(at_once), *command], stdin="\n".join(asked))
        if not finished.output:
            raise Broken(f"{name} said nothing")
        return {name: finished.seconds / share}

    return turn


def _insist(found: int, expected: int, who: str) -> None:
    if found != expected:
        raise Broken(f"{who} found {found} digests of {expected}")
