"""The StackEngine port's contract: the same tests on the fake, and on the real engine with Compose."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lockflight.adapters.stack_engine import DockerStackEngine
from lockflight.adapters.system_clock import SystemClock
from lockflight.errors import InputError, OutsideError
from lockflight.ports import stack_engine as port
from lockflight.ports.clock import Clock
from lockflight.ports.stack_engine import (
    ComposeCall,
    Container,
    ImageMissing,
    StackEngine,
    StackFound,
    Starting,
    SuiteContainer,
)
from lockflight.testing.clock import FakeClock
from lockflight.testing.stack_engine import Behaviour, FakeStackEngine
from tests.support.stack_images import Probe, StackImages

DEADLINE = 60.0
LOCK = "f" * 64
# Ends at once when it is asked to.
STAYS = "trap 'exit 0' TERM; sleep 3600 & wait"
FLOOD = 5000


@dataclass(frozen=True)
class Kind:
    """What an image does: as a command in a real one, and as the fake is told."""

    command: tuple[str, ...]
    behaviour: Behaviour
    probe: Probe | None = None


KINDS = {
    "plain": Kind(
        ("sh", "-c", f"echo started; {STAYS}"), Behaviour(prints=("started",))
    ),
    "healthy": Kind(
        ("sh", "-c", f"echo started; {STAYS}"),
        Behaviour(healthy_after=0.2, prints=("started",)),
        Probe(("true",)),
    ),
    "web": Kind(
        ("sh", "-c", "echo hello > /data/index.html; exec httpd -f -p 80 -h /data"),
        Behaviour(healthy_after=0.2),
        Probe(("wget", "-q", "-O", "-", "http://127.0.0.1/")),
    ),
    "never healthy": Kind(
        ("sh", "-c", STAYS),
        Behaviour(healthy_after=math.inf, probe="no answer"),
        Probe(("sh", "-c", "echo no answer; exit 1"), retries=1000),
    ),
    "unhealthy": Kind(
        ("sh", "-c", STAYS),
        Behaviour(healthy_after=math.inf, unhealthy_after=0.5, probe="no answer"),
        Probe(("sh", "-c", "echo no answer; exit 1"), retries=2),
    ),
    "job": Kind(("sh", "-c", "echo migrated; sleep 0.3"), Behaviour(exits_after=0.3, prints=("migrated",))),
    "fails": Kind(
        ("sh", "-c", "echo broken >&2; exit 3"), Behaviour(exits_after=0, exit_code=3, prints=("broken",))
    ),
    "greedy": Kind(
        ("dd", "if=/dev/zero", "of=/dev/null", "bs=128M", "count=3"),
        Behaviour(exits_after=0.1, out_of_memory=True),
    ),
    "floods": Kind(
        ("sh", "-c", f"seq 1 {FLOOD}; {STAYS}"),
        Behaviour(prints=tuple(str(number) for number in range(1, FLOOD + 1))),
    ),
    "commands the terminal": Kind(
        ("sh", "-c", "echo -e '\\033[31mred\\007\\033[2J'"), Behaviour(exits_after=0, prints=("\033[31mred\a\033[2J",))
    ),
    "greets": Kind(
        ("sh", "-c", "echo \"to $GREETING\"; exit 4"),
        Behaviour(exits_after=0.1, exit_code=4, prints=("to $GREETING",)),
    ),
    "asks": Kind(("wget", "-q", "-O", "-", "http://web/"), Behaviour(exits_after=0.1, prints=("hello",))),
    "reads": Kind(
        ("sh", "-c", "cat /tests/suite.txt; echo no > /tests/suite.txt && exit 9; exit 0"),
        Behaviour(exits_after=0.1, prints=("from this machine",)),
    ),
    "reports": Kind(
        ("sh", "-c", "mkdir /reports /reports/deep; cd /reports; echo '<a/>' > a.xml; echo '<b/>' > b.xml;"
         " echo text > c.txt; echo '<d/>' > deep/d.xml; ln -s /bin/busybox l.xml; exit 0"),
        Behaviour(exits_after=0.1, files={"/reports/a.xml": b"<a/>\n", "/reports/b.xml": b"<b/>\n",
                                          "/reports/c.txt": b"text\n", "/reports/deep/d.xml": b"<d/>\n"}),
    ),
}  # fmt: skip


@dataclass
class Subject:
    """An engine under test, and images of every kind that it can pull."""

    engine: StackEngine
    clock: Clock
    folder: Path
    make_image: Callable[[Kind], str]
    missing: str
    made: list[str] = field(default_factory=list)

    def image(self, kind: str, *, pulled: bool = True) -> str:
        reference = self.make_image(KINDS[kind])
        if pulled:
            self.engine.pull(reference, None, lambda *_: None)
        return reference

    def stack(
        self, services: Mapping[str, Mapping[str, Any]], project: str = "contract", **more: Any
    ) -> ComposeCall:
        """A stack with a name of its own, everything in it with our labels; KIND as image is looked up."""
        name = f"contract-{uuid.uuid4().hex[:10]}"
        self.made.append(name)
        labels = labels_of(name, project)
        project_file = {
            "services": {
                key: {**service, "image": self._image(service), "labels": labels}
                for key, service in services.items()
            },
            "networks": {"default": {"labels": labels}},
            "volumes": {key: {"labels": labels} for key in more.get("volumes", ())},
        }
        # Every JSON document is a YAML document.
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(project_file))
        return ComposeCall((path,), name=name, profiles=tuple(more.get("profiles", ())))

    def _image(self, service: Mapping[str, Any]) -> str:
        kind = str(service["image"])
        return self.image(kind) if kind in KINDS else kind

    def until(self, what: str, is_so: Callable[[], Any]) -> Any:
        """Look again and again until something is so, by the clock."""
        ends = self.clock.monotonic() + DEADLINE
        while self.clock.monotonic() < ends:
            found = is_so()
            if found:
                return found
            self.clock.sleep(0.02)
        pytest.fail(f"{what} did not come within {DEADLINE:g} s")

    def up(self, call: ComposeCall) -> dict[str, Container]:
        """Start a stack, and its containers by service when Compose has done its part."""
        starting = self.engine.start(call)
        self.until("the end of up", lambda: starting.ended() is not None)
        assert (starting.ended(), starting.complaint()) == (0, "")
        return self.look(call)

    def look(self, call: ComposeCall) -> dict[str, Container]:
        return {one.service: one for one in self.engine.containers(call.name or "")}

    def state(self, call: ComposeCall, service: str, state: str) -> Container:
        """The container of a service once it is in a state."""

        def found() -> Container | None:
            one = self.look(call).get(service)
            return one if one is not None and one.state == state else None

        container = self.until(f"{service} {state}", found)
        assert isinstance(container, Container)
        return container


def labels_of(stack: str, project: str) -> dict[str, str]:
    return {
        port.STACK: stack,
        port.PROJECT: project,
        port.LOCK: LOCK,
        port.PURPOSE: "test",
        port.OWNER: "here:1:1",
    }


def suite(call: ComposeCall, **settings: Any) -> SuiteContainer:
    name = f"{call.name}-suite-{uuid.uuid4().hex[:8]}"
    return SuiteContainer(
        name, labels_of(call.name or "", "contract"), settings.pop("environment", {}), **settings
    )


@pytest.fixture(params=["fake", "docker"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "fake":
        clock = FakeClock()
        fake = FakeStackEngine(clock)

        def make(kind: Kind) -> str:
            digest = hashlib.sha256(repr(kind).encode()).hexdigest()
            return fake.add(f"registry.example/busybox@sha256:{digest}", kind.behaviour, pulled=False)

        yield Subject(fake, clock, tmp_path, make, f"registry.example/missing@sha256:{'e' * 64}")
        return
    images: StackImages = request.getfixturevalue("stack_images")
    subject = Subject(
        DockerStackEngine(os.environ),
        SystemClock(),
        tmp_path,
        lambda kind: images.image(*kind.command, probe=kind.probe),
        images.missing(),
    )
    try:
        yield subject
    finally:
        for name in subject.made:
            subject.engine.down(name, 0)


# --- reading ---------------------------------------------------------------------------------------------------


def test_a_project_is_read_with_everything_written_out(subject: Subject) -> None:
    call = subject.stack(
        {
            "web": {"image": "plain", "ports": ["127.0.0.1:8080:80"], "depends_on": ["db"]},
            "db": {"image": "plain", "volumes": ["data:/data"]},
        },
        volumes=["data"],
    )
    project = subject.engine.read(call)
    assert project["name"] == call.name
    assert project["services"]["web"]["ports"] == [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "8080", "protocol": "tcp"}
    ]
    assert project["services"]["web"]["depends_on"] == {
        "db": {"condition": "service_started", "required": True}
    }
    assert project["services"]["db"]["volumes"][0]["source"] == "data"
    assert project["networks"]["default"]["name"] == f"{call.name}_default"
    assert project["volumes"]["data"]["name"] == f"{call.name}_data"


def test_a_later_file_pins_resets_and_overrides(subject: Subject, tmp_path: Path) -> None:
    call = subject.stack(
        {
            "web": {
                "image": "busybox:1",
                "build": ".",
                "container_name": "fixed",
                "ports": ["8080:80", "9090:90"],
            }
        }
    )
    override = tmp_path / "override.yaml"
    override.write_text(
        "services:\n  web:\n    image: registry.example/web@sha256:" + "a" * 64 + "\n    build: !reset null\n"
        "    container_name: !reset null\n    labels: {more: 'yes'}\n"
        "    ports: !override\n      - target: 80\n        host_ip: 127.0.0.1\n"
    )
    found = subject.engine.read(ComposeCall((*call.files, override), name=call.name))["services"]["web"]
    assert found["image"].endswith("a" * 64)
    assert not {"build", "container_name"} & found.keys()
    assert found["labels"]["more"] == "yes"
    assert found["labels"][port.STACK] == call.name
    assert [(one["target"], one["host_ip"], one.get("published")) for one in found["ports"]] == [
        (80, "127.0.0.1", None)
    ]


def test_services_that_are_named_come_with_what_they_depend_on_whatever_their_profile(
    subject: Subject,
) -> None:
    call = subject.stack(
        {
            "web": {"image": "plain", "depends_on": ["db"]},
            "db": {"image": "plain"},
            "other": {"image": "plain"},
            "tests": {"image": "plain", "depends_on": ["web"], "profiles": ["tests"]},
        }
    )
    assert set(subject.engine.read(call)["services"]) == {"web", "db", "other"}
    assert set(subject.engine.read(call, ["tests"])["services"]) == {"web", "db", "tests"}
    with_profile = ComposeCall(call.files, name=call.name, profiles=("tests",))
    assert set(subject.engine.read(with_profile)["services"]) == {"web", "db", "other", "tests"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: {web: {command: x}}\n", "neither an image nor a build"),
        ("services: {web: {image: x, depends_on: [db]}}\n", "undefined service"),
        ("services: {web: [\n", "yaml"),
    ],
)
def test_a_project_with_an_error_is_refused_in_composes_own_words(
    subject: Subject, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        subject.engine.read(ComposeCall((path,), name="wrong"))
    assert caught.value.problems[0].code == "compose-invalid"


def test_the_text_of_a_project_is_a_project_again(subject: Subject, tmp_path: Path) -> None:
    call = subject.stack({"web": {"image": "plain", "ports": ["80"]}})
    again = tmp_path / "again.yaml"
    again.write_text(subject.engine.text(call))
    assert subject.engine.read(ComposeCall((again,), name=call.name)) == subject.engine.read(call)


# --- images ----------------------------------------------------------------------------------------------------


def test_an_image_is_here_once_it_was_pulled(subject: Subject) -> None:
    reference = subject.make_image(Kind(("echo", uuid.uuid4().hex), Behaviour()))
    assert subject.engine.present([reference]) == subject.engine.present([]) == frozenset()
    heard: list[tuple[int, int]] = []
    subject.engine.pull(reference, None, lambda here, known: heard.append((here, known)))
    assert subject.engine.present([subject.missing, reference]) == {reference}
    assert all(0 <= here <= known for here, known in heard)
    # Once more is harmless.
    subject.engine.pull(reference, None, lambda *_: None)


def test_an_image_that_the_registry_does_not_have_is_missing(subject: Subject) -> None:
    with pytest.raises(ImageMissing, match="sha256:"):
        subject.engine.pull(subject.missing, None, lambda *_: None)


# --- starting --------------------------------------------------------------------------------------------------


def test_services_start_when_what_they_wait_for_is_there(subject: Subject) -> None:
    call = subject.stack(
        {
            "web": {
                "image": "web",
                "ports": ["127.0.0.1::80"],
                "depends_on": {
                    "db": {"condition": "service_healthy"},
                    "migration": {"condition": "service_completed_successfully"},
                },
            },
            "migration": {"image": "job", "depends_on": {"db": {"condition": "service_healthy"}}},
            "db": {"image": "healthy"},
        }
    )
    found = subject.up(call)
    assert found["db"].health == "healthy"
    assert (found["migration"].state, found["migration"].exit_code) == ("exited", 0)
    assert found["web"].state == "running"
    subject.until("a healthy web", lambda: subject.look(call)["web"].health == "healthy")
    (published,) = subject.look(call)["web"].ports
    assert (published.target, published.protocol, published.host) == (80, "tcp", "127.0.0.1")
    assert published.port > 1024
    assert [one.one_off for one in found.values()] == [False, False, False]
    assert subject.engine.networks(call.name or "") == (f"{call.name}_default",)


def test_only_the_services_that_are_named_are_started_with_what_they_need(subject: Subject) -> None:
    call = subject.stack(
        {
            "web": {"image": "plain", "depends_on": ["db"]},
            "db": {"image": "plain"},
            "other": {"image": "plain"},
        }
    )
    starting = subject.engine.start(call, ["web"])
    subject.until("the end of up", lambda: starting.ended() is not None)
    assert set(subject.look(call)) == {"web", "db"}


def test_a_service_that_exits_says_with_what(subject: Subject) -> None:
    call = subject.stack({"web": {"image": "fails"}})
    subject.up(call)
    web = subject.state(call, "web", "exited")
    assert (web.exit_code, web.health, web.ports) == (3, "none", ())
    details = subject.engine.details(web.id)
    assert (details.exit_code, details.out_of_memory, details.restarts) == (3, False, 0)
    assert subject.engine.logs(web.id, 10) == "broken\n"


def test_a_service_that_needs_more_memory_than_it_has_says_so(subject: Subject) -> None:
    call = subject.stack({"web": {"image": "greedy", "mem_limit": "6m"}})
    subject.up(call)
    web = subject.state(call, "web", "exited")
    details = subject.engine.details(web.id)
    assert (web.exit_code, details.out_of_memory, details.memory_limit) == (137, True, 6 * 1024 * 1024)


@pytest.mark.parametrize(
    ("kind", "condition", "said"),
    [
        ("fails", "service_completed_successfully", "didn't complete successfully: exit 3"),
        ("unhealthy", "service_healthy", "is unhealthy"),
        ("fails", "service_healthy", r"exited \(3\)"),
    ],
)
def test_a_dependency_that_fails_ends_the_start(
    subject: Subject, kind: str, condition: str, said: str
) -> None:
    call = subject.stack(
        {"web": {"image": "plain", "depends_on": {"db": {"condition": condition}}}, "db": {"image": kind}}
    )
    starting = subject.engine.start(call)
    subject.until("the end of up", lambda: starting.ended() is not None)
    assert starting.ended() != 0
    assert_only_says(starting, said)
    assert subject.look(call)["web"].state == "created"


def assert_only_says(starting: Starting, said: str) -> None:
    lines = starting.complaint().splitlines()
    assert len(lines) == 1
    assert re.search(said, lines[0])


def test_a_start_can_be_stopped_while_it_waits(subject: Subject) -> None:
    call = subject.stack(
        {
            "web": {"image": "plain", "depends_on": {"db": {"condition": "service_healthy"}}},
            "db": {"image": "never healthy"},
        }
    )
    starting = subject.engine.start(call)

    def probed() -> bool:
        db = subject.look(call).get("db")
        return db is not None and db.health == "starting" and bool(subject.engine.details(db.id).probe)

    subject.until("a probe", probed)
    assert starting.ended() is None
    details = subject.engine.details(subject.look(call)["db"].id)
    assert (details.probe, details.probe_exit_code, details.exit_code) == ("no answer", 1, None)
    starting.stop()
    assert starting.ended() not in {None, 0}
    starting.stop()
    assert subject.look(call)["web"].state == "created"


def test_an_image_that_is_not_here_is_not_pulled_by_starting(subject: Subject) -> None:
    call = subject.stack({"web": {"image": subject.missing}})
    starting = subject.engine.start(call)
    subject.until("the end of up", lambda: starting.ended() is not None)
    assert starting.ended() != 0
    assert_only_says(starting, "(?i)no such image")


def test_what_runs_is_told_by_digest(subject: Subject) -> None:
    call = subject.stack({"web": {"image": "plain"}, "job": {"image": "job"}})
    subject.up(call)
    found = {one.service: one for one in subject.engine.running_images(call.name or "")}
    assert {
        name: subject.image(kind) in found[name].digests for name, kind in (("web", "plain"), ("job", "job"))
    } == {
        "web": True,
        "job": True,
    }
    assert [one.container for one in found.values()] == sorted(
        f"{call.name}-{name}-1" for name in ("web", "job")
    )
    assert all(one.image_id.startswith("sha256:") for one in found.values())


# --- output ----------------------------------------------------------------------------------------------------


def test_the_last_lines_of_a_log_are_read(subject: Subject) -> None:
    call = subject.stack({"web": {"image": "floods"}})
    web = subject.up(call)["web"]
    last = f"{FLOOD - 1}\n{FLOOD}\n"
    subject.until("the last lines", lambda: subject.engine.logs(web.id, 2) == last)


def test_a_log_commands_no_terminal(subject: Subject) -> None:
    call = subject.stack({"web": {"image": "commands the terminal"}})
    subject.up(call)
    web = subject.state(call, "web", "exited")
    text = subject.engine.logs(web.id, 10)
    assert "red" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_log_is_saved_whole_with_times_or_the_end_of_it(subject: Subject, tmp_path: Path) -> None:
    call = subject.stack({"web": {"image": "floods"}})
    web = subject.up(call)["web"]
    subject.until("the last line", lambda: subject.engine.logs(web.id, 1) == f"{FLOOD}\n")
    whole, end = tmp_path / "whole.log", tmp_path / "end.log"
    subject.engine.save_logs(web.id, whole, 10_000_000)
    lines = whole.read_text().splitlines()
    assert [line.partition(" ")[2] for line in lines] == [str(number) for number in range(1, FLOOD + 1)]
    assert lines[0].startswith("20")
    subject.engine.save_logs(web.id, end, 1000)
    assert 500 < end.stat().st_size <= 1000
    assert end.read_text().splitlines() == lines[-len(end.read_text().splitlines()) :]


def test_logs_are_followed_with_the_service_in_front_until_all_have_ended(subject: Subject) -> None:
    call = subject.stack(
        {"one": {"image": "job"}, "another": {"image": "fails"}, "third": {"image": "fails"}}
    )
    subject.up(call)
    heard: list[str] = []
    subject.engine.follow_logs(call.name or "", ["one", "another"], heard.append)
    assert sorted(line.replace(" ", "") for line in heard) == ["another|broken", "one|migrated"]


# --- suites ----------------------------------------------------------------------------------------------------


def test_a_suite_runs_in_a_service_of_the_stack(subject: Subject) -> None:
    call = subject.stack({"tests": {"image": "greets", "depends_on": ["db"]}, "db": {"image": "plain"}})
    greeting = 'all: $5, "quoted" and ${PATH}'
    made = suite(call, environment={"GREETING": greeting, "DOCKER_HOST": "unix:///nowhere"})
    heard: list[bytes] = []
    identity = subject.engine.run_service(call, "tests", made)
    subject.engine.follow(identity, heard.append)
    assert subject.engine.wait(identity, DEADLINE) == 4
    assert b"".join(heard).decode() == f"to {greeting}\n"
    # What it depends on is left to the stack.
    (container,) = subject.engine.containers(call.name or "")
    assert (container.id, container.name, container.one_off) == (identity, made.name, True)
    assert subject.engine.running_images(call.name or "") == ()
    subject.engine.remove(identity)
    subject.engine.remove(identity)
    assert subject.engine.containers(call.name or "") == ()


def test_a_suite_in_an_image_reaches_services_by_their_names(subject: Subject) -> None:
    call = subject.stack({"web": {"image": "web"}})
    subject.up(call)
    subject.until("a healthy web", lambda: subject.look(call)["web"].health == "healthy")
    networks = subject.engine.networks(call.name or "")
    identity = subject.engine.run_image(subject.image("asks"), suite(call), networks=networks, mounts={})
    assert subject.engine.wait(identity, DEADLINE) == 0
    assert subject.engine.logs(identity, 10) == "hello\n"
    assert {one.service: one.one_off for one in subject.engine.containers(call.name or "")} == {
        "web": False,
        "": True,
    }


def test_a_suite_may_run_in_the_machines_own_network_with_files_of_it(
    subject: Subject, tmp_path: Path
) -> None:
    call = subject.stack({})
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "suite.txt").write_text("from this machine\n")
    identity = subject.engine.run_image(
        subject.image("reads"), suite(call), networks=None, mounts={tmp_path / "tests": "/tests"}
    )
    assert subject.engine.wait(identity, DEADLINE) == 0
    assert "from this machine" in subject.engine.logs(identity, 10)
    assert (tmp_path / "tests" / "suite.txt").read_text() == "from this machine\n"


def test_a_suite_whose_files_are_missing_is_refused(subject: Subject, tmp_path: Path) -> None:
    call = subject.stack({})
    with pytest.raises(OutsideError, match="does not exist"):
        subject.engine.run_image(
            subject.image("reads"), suite(call), networks=None, mounts={tmp_path / "nothing": "/tests"}
        )
    assert subject.engine.containers(call.name or "") == ()
    assert not (tmp_path / "nothing").exists()


def test_a_suite_in_an_image_that_is_not_here_is_refused(subject: Subject) -> None:
    with pytest.raises(ImageMissing):
        subject.engine.run_image(subject.missing, suite(subject.stack({})), networks=None, mounts={})


def test_a_suite_that_hangs_is_waited_for_no_longer_than_said_and_killed(subject: Subject) -> None:
    call = subject.stack({})
    identity = subject.engine.run_image(subject.image("plain"), suite(call), networks=[], mounts={})
    before = subject.clock.monotonic()
    assert subject.engine.wait(identity, 0.3) is None
    assert 0.3 <= subject.clock.monotonic() - before < 10
    subject.engine.kill(identity)
    assert subject.engine.wait(identity, DEADLINE) == 137
    subject.engine.kill(identity)
    subject.engine.remove(identity)
    subject.engine.kill(identity)


def test_what_a_suite_wrote_is_taken_out_by_name_or_pattern(subject: Subject) -> None:
    call = subject.stack({})
    identity = subject.engine.run_image(subject.image("reports"), suite(call), networks=[], mounts={})
    subject.engine.wait(identity, DEADLINE)
    copy_out = subject.engine.copy_out
    assert copy_out(identity, "/reports/*.xml") == {"a.xml": b"<a/>\n", "b.xml": b"<b/>\n"}
    assert copy_out(identity, "/reports/c.txt") == {"c.txt": b"text\n"}
    for nothing in ("/reports/z.xml", "/nowhere/*.xml", "/reports", "/reports/z*"):
        assert copy_out(identity, nothing) == {}


# --- many stacks, and none ---------------------------------------------------------------------------------------


def test_stacks_are_found_by_their_labels(subject: Subject) -> None:
    project = f"project-{uuid.uuid4().hex[:8]}"
    first = subject.stack({"web": {"image": "plain"}, "db": {"image": "plain"}}, project)
    second = subject.stack({"web": {"image": "plain"}}, project)
    other = subject.stack({"web": {"image": "plain"}}, f"{project}-other")
    for call in (first, second, other):
        subject.up(call)
    expected = [
        StackFound(call.name or "", project, LOCK, "test", "here:1:1", False, number)
        for call, number in ((first, 2), (second, 1))
    ]
    assert list(subject.engine.stacks(project)) == sorted(expected, key=lambda stack: stack.name)
    everything = {stack.name for stack in subject.engine.stacks()}
    assert {first.name, second.name, other.name} <= everything


def test_a_stack_of_which_only_a_network_is_left_is_found_and_removed(subject: Subject) -> None:
    project = f"project-{uuid.uuid4().hex[:8]}"
    call = subject.stack({"web": {"image": "plain"}}, project)
    web = subject.up(call)["web"]
    subject.engine.remove(web.id)
    (found,) = subject.engine.stacks(project)
    assert (found.name, found.containers, found.lock) == (call.name, 0, LOCK)
    subject.engine.down(found.name)
    assert subject.engine.stacks(project) == ()


def test_down_leaves_nothing_of_this_stack_and_everything_of_another(subject: Subject) -> None:
    project = f"project-{uuid.uuid4().hex[:8]}"
    services = {"web": {"image": "plain", "ports": ["127.0.0.1::80"], "volumes": ["data:/data", "/tmp"]}}
    first, second = (subject.stack(services, project, volumes=["data"]) for _ in range(2))
    ports = {subject.up(call)["web"].ports[0].port for call in (first, second)}
    assert len(ports) == 2
    subject.engine.run_image(
        subject.image("plain"), suite(first), networks=subject.engine.networks(first.name or ""), mounts={}
    )
    subject.engine.run_service(first, "web", suite(first))
    subject.engine.down(first.name or "", 1)
    assert subject.engine.containers(first.name or "") == ()
    assert subject.engine.networks(first.name or "") == ()
    assert [stack.name for stack in subject.engine.stacks(project)] == [second.name]
    assert subject.look(second)["web"].state == "running"
    # Once more is harmless.
    subject.engine.down(first.name or "")


def test_down_ends_a_start_that_is_under_way(subject: Subject) -> None:
    call = subject.stack(
        {
            "web": {"image": "plain", "depends_on": {"db": {"condition": "service_healthy"}}},
            "db": {"image": "never healthy"},
        }
    )
    starting = subject.engine.start(call)
    subject.until("a container", lambda: subject.look(call))
    starting.stop()
    subject.engine.down(call.name or "")
    assert subject.engine.containers(call.name or "") == ()
    assert call.name not in {stack.name for stack in subject.engine.stacks()}


def test_what_is_gone_is_said(subject: Subject) -> None:
    for ask in (subject.engine.details, lambda gone: subject.engine.logs(gone, 5)):
        with pytest.raises(OutsideError, match=r"(?i)no such container"):
            ask("0" * 64)


def test_the_engine_and_compose_tell_their_versions(subject: Subject) -> None:
    facts = subject.engine.facts()
    assert facts.engine[0].isdigit()
    assert facts.compose.startswith(("2.", "5."))
    assert facts.engine_id
    assert facts.address.startswith(("unix://", "tcp://"))
