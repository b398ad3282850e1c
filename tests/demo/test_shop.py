"""The demo's shop, built and run for real with plain docker compose, and its own system tests against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lockflight.demo.shop import SERVICES, Shop
from lockflight.demo.stage import Stage

SOURCES = Path(__file__).parent.parent.parent / "compose"


class Built:
    """A shop whose images are in a registry of its own."""

    def __init__(self, stage: Stage) -> None:
        registry = stage.start_registry()
        self.shop = Shop(stage, registry)
        self.shop.create()
        self.shop.build_third_party()
        for service in SERVICES:
            self.shop.build(service)
        self.images = {service: self.shop.image(service) for service in SERVICES}


class Running:
    """The built shop as a compose project that nobody else has, on a free port."""

    def __init__(self, shop: Shop, images: dict[str, str], folder: Path) -> None:
        self.shop = shop
        self._project = f"lockflight-test-{uuid.uuid4().hex[:12]}"
        self._pins = folder / "pins.json"
        pins = {"services": {service: {"image": image} for service, image in images.items()}}
        pins["services"]["migrate"] = {"image": images["catalog"]}
        self._pins.write_text(json.dumps(pins))

    def compose(self, *words: str) -> str:
        files = ["-f", str(self.shop.folder / "compose" / "stack.yaml"), "-f", str(self._pins)]
        done = subprocess.run(
            ["docker", "compose", "-p", self._project, *files, *words],
            env={**os.environ, "GATEWAY_PORT": "127.0.0.1:0"}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def states(self) -> dict[str, str]:
        """Each service's state and health, and the exit code of those that ended."""
        listed = [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]
        return {
            row["Service"]: f"{row['State']} {row['Health'] or row['ExitCode']}".strip() for row in listed
        }

    @property
    def url(self) -> str:
        return f"http://{self.compose('port', 'gateway', '8080').strip()}"

    def test(self, junit: Path) -> subprocess.CompletedProcess[str]:
        return run_suite(self.url, junit)

    def remove(self) -> None:
        self.compose("down", "--volumes", "--timeout", "10")


def run_suite(url: str, junit: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOURCES / "suite" / "system_test.py"), "--junit", str(junit)]
    return subprocess.run(
        command, env={**os.environ, "BASE_URL": url}, capture_output=True, text=True, timeout=60
    )


def written(junit: Path) -> ElementTree.Element:
    return ElementTree.parse(junit).getroot()  # noqa: S314 - our own suite wrote it


def get(url: str) -> object:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own shop's
        return json.load(answer)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    stage = Stage(tmp_path_factory.mktemp("demo"), quiet=True)
    try:
        yield Built(stage)
    finally:
        stage.close()


def start(shop: Shop, images: dict[str, str], folder: Path) -> Iterator[Running]:
    running = Running(shop, images, folder)
    try:
        running.compose("up", "--wait", "--wait-timeout", "60")
        yield running
    finally:
        running.remove()


@pytest.fixture
def running(built: Built, tmp_path: Path) -> Iterator[Running]:
    yield from start(built.shop, built.images, tmp_path)


@pytest.fixture
def running_with_a_bug(built: Built, tmp_path: Path) -> Iterator[Running]:
    built.shop.break_orders()
    built.shop.build("orders")
    yield from start(built.shop, {**built.images, "orders": built.shop.image("orders")}, tmp_path)


HEALTHY = dict.fromkeys(("store", *SERVICES), "running healthy")


def test_the_shop_sells_and_its_suite_is_green(running: Running, tmp_path: Path) -> None:
    assert running.states() == {**HEALTHY, "migrate": "exited 0"}

    for _ in range(2):  # the suite leaves nothing behind that it would stumble over
        tested = running.test(tmp_path / "reports" / "system.xml")
        assert tested.returncode == 0, tested.stdout + tested.stderr
    suite = written(tmp_path / "reports" / "system.xml")
    assert (suite.get("tests"), suite.get("failures")) == (str(len(suite)), "0")

    running.compose("run", "--rm", "--no-deps", "migrate")
    assert running.test(tmp_path / "again.xml").returncode == 0, (
        "the migration is not the same when run twice"
    )


def test_a_bug_in_orders_leaves_all_healthy_and_the_suite_red(
    running_with_a_bug: Running, tmp_path: Path
) -> None:
    assert running_with_a_bug.states() == {**HEALTHY, "migrate": "exited 0"}

    tested = running_with_a_bug.test(tmp_path / "system.xml")

    assert tested.returncode == 1
    assert "FAILED  an order costs price times quantity: 4350 != 5250" in tested.stdout
    failed = written(tmp_path / "system.xml").findall("testcase[failure]")
    assert [case.get("name") for case in failed] == ["an order costs price times quantity"]


def test_health_is_that_of_the_store_behind_it_and_all_end_when_asked_to(running: Running) -> None:
    url = running.url
    assert get(f"{url}/health/") == {"status": "ok"}

    running.compose("stop", "store")
    for path, status in (("/health/", 503), ("/products/", 500), ("/carts/ada/", 500)):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            get(url + path)
        assert refusal.value.code == status
        assert set(json.load(refusal.value)) == {"error"}

    running.compose("stop", "--timeout", "60")
    ended = running.states()
    assert not [service for service, state in ended.items() if state == "exited 137"], "had to be killed"


def test_the_suite_fails_where_no_shop_answers(tmp_path: Path) -> None:
    tested = run_suite("http://127.0.0.1:9", tmp_path / "system.xml")
    assert tested.returncode == 1
    assert written(tmp_path / "system.xml").get("failures") == "5"


def test_the_file_that_three_services_share_is_the_same_in_each() -> None:
    """Each is a repository of its own in real life, so each has its copy."""
    copies = {path.read_text() for path in SOURCES.glob("shop/*/service.sh")}
    assert len(copies) == 1
