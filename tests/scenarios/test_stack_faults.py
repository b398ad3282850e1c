"""The stack when something is wrong with it or with the world: what is said, the exit code, and nothing left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

import pytest

from tests.support.engine_proxy import engine_proxy
from tests.support.stack_images import StackImages
from tests.support.stack_scene import APP, PASSES, StackScene, is_running, stack_scene


@pytest.fixture
def scene(tmp_path: Path, busybox_image: str) -> Iterator[StackScene]:
    with stack_scene(tmp_path, busybox_image) as made:
        yield made


@pytest.fixture
def alone_scene(scene: StackScene) -> Iterator[StackScene]:
    """As if nobody else used the engine, whatever other tests run on it."""
    with engine_proxy(private=True) as proxy:
        scene.environment |= {"DOCKER_HOST": proxy.host}
        yield scene


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port: int = taken.getsockname()[1]
        yield port


# --- images


def test_all_missing_images_are_named_and_nothing_is_started(
    scene: StackScene, stack_images: StackImages
) -> None:
    missing = [stack_images.missing() for _ in range(2)]
    scene.write("services: {app: {image: IMAGE}, one: {image: IMAGE}, two: {image: IMAGE}}\n",
                services=("app", "one", "two"))  # fmt: skip
    scene.project.relock(("app",), images=dict(zip(("one", "two"), missing, strict=True)))
    refused = scene.run("stack", "test", code=1)
    assert all(image in refused.err for image in missing)
    assert refused.err.count("[image-missing]") == 2
    assert scene.left() == []


def test_a_registry_that_is_down_is_exit_3_and_named(scene: StackScene) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        scene.write()
        scene.project.relock(images={"app": f"{host}/app@sha256:{'0' * 64}"})
        failed = scene.run("stack", "test", code=3)
    assert host in failed.err
    assert scene.left() == []


# As dockerd 20.10 ended a pull of 40 MB with its data on a tmpfs of 24 MB.
FULL = "write /var/lib/docker/tmp/GetImageBlob4140176260: no space left on device"


def test_a_disk_that_is_full_while_pulling_is_exit_3_and_named(
    scene: StackScene, stack_images: StackImages
) -> None:
    scene.write()
    scene.project.relock(images={"app": stack_images.missing()})
    with engine_proxy() as proxy:
        proxy.refuse_pulls(FULL)
        failed = scene.run("stack", "test", code=3, own={"DOCKER_HOST": proxy.host})
        assert proxy.pulls == 1
    assert "disk of the Docker engine is full" in failed.err
    assert "docker system df" in failed.err
    assert scene.left() == []


# --- containers


def test_a_service_that_never_becomes_healthy_is_told_with_its_probe_and_its_last_lines(
    scene: StackScene,
) -> None:
    scene.write(
        """
        services:
          app:
            image: IMAGE
            init: true
            command: [sh, -c, 'echo still-warming-up; exec sleep 3600']
            healthcheck: {test: [CMD-SHELL, 'echo not-yet; exit 1'], interval: 200ms, retries: 1000}
        """
    )
    failed = scene.run("stack", "test", "--deadline", "2s", code=1)
    assert "not ready within 2.0 s: app is starting" in failed.err
    assert "not-yet" in failed.err
    assert "still-warming-up" in failed.err
    assert scene.left() == []


def test_a_service_that_is_unhealthy_ends_the_wait_at_once(scene: StackScene) -> None:
    scene.write(
        """
        services:
          app:
            image: IMAGE
            init: true
            command: [sleep, '3600']
            healthcheck: {test: [CMD-SHELL, 'echo the-disk-is-on-fire; exit 3'], interval: 100ms, retries: 1}
        """
    )
    failed = scene.run("stack", "test", code=1)
    assert "app unhealthy" in failed.err
    assert "the-disk-is-on-fire" in failed.err
    assert "its health check exits 3" in failed.err
    assert scene.left() == []


def test_a_service_that_exits_at_once_is_told_with_its_last_lines(scene: StackScene) -> None:
    scene.write("services: {app: {image: IMAGE, command: [sh, -c, 'echo no database; exit 1']}}\n")
    failed = scene.run("stack", "test", "--artifacts", "out", code=1)
    assert "app exited 1" in failed.err
    assert "no database" in failed.err
    assert "no database" in scene.file("out/logs/*.log").read_text()
    assert scene.left() == []


def test_artifacts_that_cannot_be_written_hide_nothing_of_what_is_wrong(scene: StackScene) -> None:
    scene.write("services: {app: {image: IMAGE, command: [sh, -c, 'echo no database; exit 1']}}\n")
    failed = scene.run("stack", "test", "--artifacts", "stack.yaml", code=1)
    assert "no database" in failed.err
    assert scene.left() == []


def test_a_service_that_exits_a_moment_after_it_started_is_not_ready(scene: StackScene) -> None:
    scene.write("services: {app: {image: IMAGE, command: [sh, -c, 'sleep 0.2; exit 4']}}\n")
    assert "app exited 4" in scene.run("stack", "test", code=1).err


def test_a_service_that_dies_while_the_suites_run_fails_the_test(scene: StackScene) -> None:
    lock = scene.write(
        "services: {app: {image: IMAGE, command: [sh, -c, 'until test -e /gate/die; do sleep 0.05; done; exit 9'],"
        " volumes: ['./gate:/gate']}}\n",
        files={"gate/.gitkeep": "", ".gitignore": "gate/die\n"},
        stack="suites: {smoke: {command: [sh, -c, 'touch gate/die; sleep 1']}}\n",
    )
    scene.run("stack", "test", code=1)
    (problem,) = scene.evidence(lock)["problems"]
    assert problem.startswith("app ")
    assert problem.endswith("exited 9")


def test_what_depends_on_a_service_that_failed_is_not_waited_for(scene: StackScene) -> None:
    scene.write(
        """
        services:
          migrate: {image: IMAGE, command: [sh, -c, 'echo column exists; exit 2']}
          app:
            {image: IMAGE, init: true, command: [sleep, '3600'],
             depends_on: {migrate: {condition: service_completed_successfully}}}
        """,
        services=("app", "migrate"),
    )
    failed = scene.run("stack", "test", code=1)
    assert "migrate exited 2" in failed.err
    assert "column exists" in failed.err
    assert scene.left() == []


def test_a_service_that_needs_more_memory_than_it_has_is_told(scene: StackScene) -> None:
    scene.write(
        "services: {app: {image: IMAGE, mem_limit: 16m, memswap_limit: 16m,"
        " command: [dd, if=/dev/zero, of=/dev/null, bs=200M, count=1]}}\n"
    )
    failed = scene.run("stack", "test", code=1)
    assert "it needed more memory than its limit of 16 MiB" in failed.err
    assert scene.left() == []


def test_a_service_that_floods_its_log_delays_nothing_and_fills_nothing(scene: StackScene) -> None:
    # As fast as the other tests beside this one bear.
    scene.write(
        "services: {app: {image: IMAGE, init: true,"
        " command: [sh, -c, 'while :; do yes again and again the same line | head -n 9000; sleep 0.1; done']}}\n",
        stack="suites: {smoke: {command: [sh, -c, 'sleep 1; exit 1']}}\n",
    )
    with scene.start("stack", "test", "--artifacts", "out", stdout=DEVNULL, stderr=DEVNULL) as run:
        peaks: list[int] = []
        status = scene.until(lambda: _ended(run.pid, peaks), "the run ends")
        run.returncode = os.waitstatus_to_exitcode(status[0])
    assert run.returncode == 1
    assert max(peaks) < 250 * 1024, "KiB: what is kept of the log, and not the log"
    assert 2**20 < scene.file("out/logs/*app*.log").stat().st_size <= 16 * 2**20
    assert scene.left() == []


def _ended(pid: int, peaks: list[int]) -> tuple[int] | None:
    """Its status once it has ended; until then its peak of memory, which a fork of this process does not count in."""
    with contextlib.suppress(OSError):
        peaks += map(int, re.findall(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text()))
    ended, status, _ = os.wait4(pid, os.WNOHANG)
    return (status,) if ended else None


# --- ports, and stacks that must be alone


def test_a_port_that_is_taken_is_named_by_up_with_fixed_ports(scene: StackScene, taken_port: int) -> None:
    scene.write(APP.replace("}}", f", ports: ['127.0.0.1:{taken_port}:8080']}}}}"))
    failed = scene.run("stack", "up", "--fixed-ports", code=3)
    assert str(taken_port) in failed.err
    assert "'lockflight stack down' takes it down" in failed.err, (
        "what was made of it is left, and it is said"
    )
    scene.run("stack", "down")
    assert scene.left() == []


def test_a_port_that_is_taken_is_named_by_a_stack_that_is_alone(
    alone_scene: StackScene, taken_port: int
) -> None:
    alone_scene.write(
        APP.replace("}}", f", ports: ['127.0.0.1:{taken_port}:8080']}}}}"), stack="alone: true\n" + PASSES
    )
    failed = alone_scene.run("stack", "test", code=3)
    assert str(taken_port) in failed.err
    assert alone_scene.left() == []


def test_a_stack_that_must_be_alone_waits_for_no_other(alone_scene: StackScene) -> None:
    alone_scene.write()
    alone_scene.run("stack", "up")
    alone_scene.write(stack="alone: true\n" + PASSES)
    refused = alone_scene.run("stack", "test", code=4)
    assert "must be alone on the engine" in refused.err
    assert alone_scene.name in refused.err
    alone_scene.run("stack", "down", "--all")
    alone_scene.run("stack", "test")
    assert alone_scene.left() == []


def test_a_link_where_the_shared_lock_file_should_be_is_not_followed(scene: StackScene) -> None:
    scene.write()
    (scene.folder / "lockflight-alone.lock").symlink_to(scene.folder / "elsewhere")
    failed = scene.run("stack", "test", code=3)
    assert "lockflight-alone.lock: cannot be opened" in failed.err
    assert not (scene.folder / "elsewhere").exists()


def test_no_stack_is_put_beside_one_that_must_be_alone(alone_scene: StackScene) -> None:
    alone_scene.write(stack="alone: true\n" + PASSES)
    alone_scene.run("stack", "up", "--name", f"{alone_scene.name}-first")
    alone_scene.write()
    assert "needs the engine to itself" in alone_scene.run("stack", "test", code=4).err
    alone_scene.run("stack", "down", "--all")
    assert alone_scene.left() == []


# --- Compose and the engine


def test_an_error_in_a_compose_file_is_told_in_composes_own_words(scene: StackScene) -> None:
    scene.write()
    (scene.root / "stack.yaml").write_text("services: {app: {image: x, ports: [not-a-port]}}\n")
    refused = scene.run("stack", "test", "--allow-changed-config", code=2)
    assert "nvalid containerPort: not-a-port" in refused.err
    assert "stack.yaml" in refused.err
    assert scene.left() == []


def programs(scene: StackScene, docker: str = "") -> str:
    """A PATH with git, a shell and this `docker`; without one where it is empty."""
    folder = scene.folder / "programs"
    folder.mkdir()
    for program in ("git", "sh", "env"):
        (folder / program).symlink_to(str(shutil.which(program)))
    if docker:
        (folder / "docker").write_text(docker)
        (folder / "docker").chmod(0o755)
    return str(folder)


NO_COMPOSE = "#!/bin/sh\necho \"docker: 'compose' is not a docker command.\" >&2\nexit 1\n"
OLD_COMPOSE = """#!/bin/sh
for word in "$@"; do test "$word" = version && { echo 2.17.3; exit 0; }; done
echo 'unknown flag: --something' >&2
exit 16
"""


def test_without_docker_it_is_said_what_to_install(scene: StackScene) -> None:
    scene.write()
    failed = scene.run("stack", "test", code=3, own={"PATH": programs(scene)})
    assert "docker is not installed" in failed.err
    assert "hint:" in failed.err


@pytest.mark.parametrize(
    ("docker", "said"), [(NO_COMPOSE, "docker compose is not installed"), (OLD_COMPOSE, "2.17.3 is too old")]
)
def test_without_a_compose_that_will_do_it_is_said_what_to_install(
    scene: StackScene, docker: str, said: str
) -> None:
    scene.write()
    failed = scene.run("stack", "test", code=3, own={"PATH": programs(scene, docker)})
    assert said in failed.err
    assert "hint:" in failed.err
    assert scene.left() == []


def test_the_first_compose_is_not_taken_for_the_one_that_is_wanted(scene: StackScene) -> None:
    scene.write()
    path = programs(scene, NO_COMPOSE)
    (Path(path) / "docker-compose").symlink_to("/bin/true")
    failed = scene.run("stack", "test", code=3, own={"PATH": path})
    assert "a docker-compose of its own is there, but it is not what 'docker compose' runs" in failed.err


@pytest.mark.parametrize("command", ["test", "up", "down", "logs"])
def test_an_engine_that_cannot_be_reached_is_exit_3_and_named(scene: StackScene, command: str) -> None:
    scene.write()
    failed = scene.run("stack", command, code=3, own={"DOCKER_HOST": "unix:///nonexistent/docker.sock"})
    assert "unix:///nonexistent/docker.sock" in failed.err
    assert "hint:" in failed.err
    assert "Traceback" not in failed.err


# --- suites


def test_everything_that_is_wrong_with_suites_is_said_at_once_before_anything_starts(
    scene: StackScene,
) -> None:
    scene.write(
        stack="""
            suites:
              one: {command: [no-such-program]}
              two: {command: [./no-such-script.sh]}
              three: {image: no-such-image}
              four: {command: ['true'], env: {URL: '{url.no-such-service}'}}
              five: {image: app, secrets: [NO_SUCH_SECRET]}
        """
    )
    refused = scene.run("stack", "test", code=2)
    wrong = ("no-such-program", "no-such-script.sh", "no-such-image", "no-such-service", "NO_SUCH_SECRET")
    assert [word for word in wrong if word not in refused.err] == []
    assert refused.err.count("error: ") == refused.err.count("hint: ") == len(wrong)
    assert scene.left() == []
    assert not list((scene.root / ".lockflight").glob("stacks/*")), "no files of a stack that never was"


def test_a_suite_that_is_a_service_which_compose_does_not_know_is_refused(scene: StackScene) -> None:
    scene.write(stack="suites: {smoke: {service: no-such-service}}\n")
    refused = scene.run("stack", "test", code=2)
    assert "no-such-service" in refused.err
    assert "hint:" in refused.err
    assert scene.left() == []


def test_a_folder_for_the_evidence_is_refused_before_anything_starts(scene: StackScene) -> None:
    scene.write()
    assert "--evidence: locks is a folder" in scene.run("stack", "test", "--evidence", "locks", code=2).err
    assert scene.left() == []


def test_a_suite_that_the_manifest_does_not_have_is_refused(scene: StackScene) -> None:
    scene.write()
    refused = scene.run("stack", "test", "--suite", "smoek", code=2)
    assert "there is no suite 'smoek'" in refused.err
    assert "smoke" in refused.err
    assert scene.left() == []


@pytest.mark.parametrize(
    "suite",
    ["{command: [sleep, '3600'], timeout: 1s}", "{image: app, command: [sleep, '3600'], timeout: 1s}"],
)
def test_a_suite_that_hangs_is_ended_and_named_as_timed_out(scene: StackScene, suite: str) -> None:
    lock = scene.write(stack=f"suites: {{smoke: {suite}, next: {{command: ['true']}}}}\n")
    failed = scene.run("stack", "test", code=1)
    assert "timed-out" in failed.out
    outcomes = {name: one["outcome"] for name, one in scene.evidence(lock)["suites"].items()}
    assert outcomes == {"smoke": "timed-out", "next": "passed"}
    assert scene.left() == []


def test_what_a_suite_leaves_running_is_ended(scene: StackScene) -> None:
    """A child, one in a session of its own, and one that left its parents and its environment behind."""
    scene.write(
        files={
            "leave.sh": "sleep 3600 & echo $! >> pids\nsetsid sleep 3601 & echo $! >> pids\n"
            "(setsid env -i sh -c 'sleep 3602 & echo $! >> pids' &)\n"
            "while test $(wc -l < pids) -lt 3; do sleep 0.02; done\n"
        },
        stack="suites: {smoke: {command: [sh, leave.sh]}}\n",
    )
    scene.run("stack", "test")
    pids = (scene.root / "pids").read_text().split()
    assert len(pids) == 3
    assert [pid for pid in pids if is_running(pid)] == []


# --- what the engine cannot start, and stacks of several clones


def test_a_command_that_is_not_there_is_told_of_the_service_and_becomes_evidence(scene: StackScene) -> None:
    lock = scene.write(
        """
        services:
          fine: {image: IMAGE, init: true, command: [sh, -c, 'echo all is well; exec sleep 3600']}
          app: {image: IMAGE, command: [nosuchprogram], depends_on: [fine]}
        """,
        services=("app", "fine"),
    )
    failed = scene.run("stack", "test", "--artifacts", "out", code=1)
    assert 'app could not be started: exec: "nosuchprogram": executable file not found' in failed.err
    assert "OCI runtime" not in failed.err
    assert scene.evidence(lock)["passed"] is False
    assert "all is well" in scene.file("out/logs/*fine*.log").read_text()
    assert scene.left() == []
    failed = scene.run("stack", "up", code=1)
    assert "app could not be started" in failed.err
    scene.run("stack", "down")
    assert scene.left() == []


def test_a_port_that_is_taken_comes_with_a_hint(scene: StackScene, taken_port: int) -> None:
    scene.write(APP.replace("}}", f", ports: ['127.0.0.1:{taken_port}:8080']}}}}"))
    failed = scene.run("stack", "up", "--fixed-ports", code=3)
    assert "without '--fixed-ports' the services get free ones" in failed.err


def test_putting_up_a_stack_leaves_no_lock_file_behind(scene: StackScene) -> None:
    scene.write()
    scene.run("stack", "up")
    assert list(scene.folder.glob("lockflight-stack-*")) == []


def test_a_stack_of_another_clone_is_neither_replaced_nor_taken_down(scene: StackScene) -> None:
    scene.write()
    scene.run("stack", "up")
    (before,) = scene.containers("app")
    other = scene.folder / "clone"
    shutil.copytree(scene.root, other)
    refused = scene.finish(scene.start("stack", "up", cwd=other), 2)
    assert "was put up from another clone of this repository" in refused.err
    assert "--name" in refused.err
    assert "is left alone" in scene.finish(scene.start("stack", "down", "--all", cwd=other), 0).err
    assert [one["Id"] for one in scene.containers("app")] == [before["Id"]]
    scene.finish(scene.start("stack", "up", "--name", f"{scene.name}-b", cwd=other), 0)
    scene.finish(scene.start("stack", "down", "--all", cwd=other), 0)
    assert [one["Id"] for one in scene.containers("app")] == [before["Id"]]
    scene.run("stack", "down", "--all")
    assert scene.left() == []
