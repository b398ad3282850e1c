"""The stack with the real engine and the real command line: what a person gets when all is well."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack_project import StackProject
from tests.support.stack_scene import APP, PASSES, StackScene, is_gone, stack_scene

SERVES = """
services:
  web:
    image: IMAGE
    init: true
    command: [httpd, -f, -p, '8080', -h, /www]
    ports: ['8080:8080']
    volumes: ['./www:/www:ro']
"""


@pytest.fixture
def scene(tmp_path: Path, busybox_image: str) -> Iterator[StackScene]:
    with stack_scene(tmp_path, busybox_image) as made:
        yield made


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - a loopback address of ours
        text: str = answer.read().decode()
        return text


# --- stack test


def test_a_green_run_writes_evidence_of_what_ran_by_digest(scene: StackScene) -> None:
    lock = scene.write()
    scene.run("stack", "test")
    evidence = scene.evidence(lock)
    assert evidence["passed"] is True
    assert evidence["lock"] == lock
    assert evidence["services"] == {"app": {"image": scene.project.image, "containers": 1}}
    assert evidence["suites"]["smoke"]["outcome"] == "passed"


def test_a_green_run_leaves_nothing_behind(scene: StackScene) -> None:
    scene.write(
        """
        services:
          app:
            image: IMAGE
            init: true
            command: [sleep, '3600']
            container_name: my-own-name
            ports: ['8080:8080']
            volumes: ['data:/data', /anonymous]
            networks: [front, back]
        networks: {front: {}, back: {name: a-fixed-name}}
        volumes: {data: {name: a-fixed-volume}}
        """,
        stack="suites: {inside: {image: app, command: ['true']}}\n",
    )
    with scene.start("stack", "test") as process:
        container = scene.until_running("app")
        mounts = {mount["Name"] for mount in scene.api.inspect_container(container["Id"])["Mounts"]}
        scene.finish(process)
    assert len(mounts) == 2
    assert scene.left() == []
    volumes = {volume["Name"] for volume in scene.api.volumes()["Volumes"] or []}
    assert not mounts & volumes, "the anonymous one is gone as well"
    assert not list((scene.root / ".lockflight").glob("stacks/*")), (
        "nor are there files of a stack that is gone"
    )


def test_a_failing_suite_is_exit_1_with_logs_and_evidence_that_says_so(scene: StackScene) -> None:
    lock = scene.write(
        "services: {app: {image: IMAGE, init: true, command: [sh, -c, 'echo last-words; exec sleep 3600']}}\n",
        stack="suites: {smoke: {command: [sh, -c, 'echo it-said-so; exit 7']}}\n",
    )
    failed = scene.run("stack", "test", "--artifacts", "out", code=1)
    assert scene.left() == []
    assert scene.evidence(lock)["passed"] is False
    assert scene.evidence(lock)["suites"]["smoke"]["exit_code"] == 7
    assert "last-words" in scene.file("out/logs/*app*.log").read_text()
    assert scene.file("out/smoke/output.log").read_text() == "it-said-so\n"
    assert "system tests FAILED" in failed.err


def test_a_service_that_ends_with_0_is_ready_and_others_wait_for_it(scene: StackScene) -> None:
    scene.write(
        """
        services:
          migrate: {image: IMAGE, command: [sh, -c, 'echo done > /data/migrated'], volumes: ['data:/data']}
          app:
            image: IMAGE
            init: true
            command: [sh, -c, 'cat /data/migrated && exec sleep 3600']
            volumes: ['data:/data']
            depends_on: {migrate: {condition: service_completed_successfully}}
        volumes: {data: {}}
        """,
        services=("app", "migrate"),
    )
    passed = scene.run("stack", "test")
    assert "migrate: done" in passed.err
    assert "app: running" in passed.err


def test_suites_of_every_kind_reach_the_service_by_the_name_they_expect(scene: StackScene) -> None:
    scene.write(
        SERVES + "  e2e: {image: IMAGE, profiles: [test], command: [sh, -c, 'wget -q -O- $$BASE_URL']}\n",
        services=("web", "e2e"),
        files={"www/index.html": "hello from the locked web\n"},
        stack="""
            suites:
              host: {command: [sh, -c, 'wget -q -O- $BASE_URL || curl -fsS $BASE_URL'], env: {BASE_URL: '{url.web}'}}
              service: {service: e2e, env: {BASE_URL: '{url.web}'}}
              network: {image: web, command: [sh, -c, 'wget -q -O- $BASE_URL'], env: {BASE_URL: '{url.web}'}}
              machine:
                {image: web, network: host, command: [sh, -c, 'wget -q -O- $BASE_URL'], env: {BASE_URL: '{url.web}'}}
        """,
    )
    scene.run("stack", "test", "--artifacts", "out")
    said = {path.parent.name: path.read_text() for path in scene.root.glob("out/*/output.log")}
    assert said == dict.fromkeys(("host", "service", "network", "machine"), "hello from the locked web\n")
    assert scene.left() == []


def test_service_names_that_are_no_project_or_variable_names_work(scene: StackScene) -> None:
    scene.write(
        SERVES.replace("web:\n", "My.Service_1:\n", 1),
        services=("My.Service_1",),
        files={"www/index.html": "hello\n"},
        stack="""
            suites:
              named: {command: [sh, -c, 'test -n "$LOCKFLIGHT_URL_MY_SERVICE_1"']}
              inside: {image: My.Service_1, command: [sh, -c, 'wget -q -O- $URL'], env: {URL: '{url.My.Service_1}'}}
        """,
    )
    scene.run("stack", "test")
    assert scene.left() == []


def test_two_tests_of_the_same_lock_at_once_are_both_green(scene: StackScene) -> None:
    scene.write(
        SERVES,
        services=("web",),
        files={"www/index.html": "hello\n", "gate/.keep": ""},
        # Each waits for the other, so they do run at once.
        stack="""
            suites:
              meet:
                command:
                  [sh, -c, 'touch gate/$LOCKFLIGHT_STACK; until test "$(ls gate | wc -l)" -ge 2; do sleep 0.1; done']
                timeout: 40s
        """,
    )
    both = [scene.start("stack", "test", "--evidence", f"{number}.json") for number in (1, 2)]
    for process in both:
        scene.finish(process)
    assert scene.left() == []


def test_kept_is_kept_and_down_by_name_takes_it_away(scene: StackScene) -> None:
    scene.write()
    kept = scene.run("--json", "stack", "test", "--keep").json["stack"]
    assert [one["State"] for one in scene.containers("app")] == ["running"]
    scene.run("stack", "test")
    assert [one["State"] for one in scene.containers("app")] == ["running"], "the next test leaves it alone"
    scene.run("stack", "down", "--name", kept)
    assert scene.left() == []


# --- stack up, logs and down


def test_up_answers_where_everything_is(scene: StackScene) -> None:
    scene.write(SERVES, services=("web",), files={"www/index.html": "production on my laptop\n"})
    up = scene.run("--json", "stack", "up").json
    assert get(up["services"]["web"][0]["url"]) == "production on my laptop\n"
    assert up["variables"]["LOCKFLIGHT_URL_WEB"] == up["services"]["web"][0]["url"]
    scene.run("stack", "down")
    assert scene.left() == []


def test_up_a_second_time_changes_nothing(scene: StackScene) -> None:
    scene.write()
    scene.run("stack", "up")
    before = [one["Id"] for one in scene.containers()]
    scene.run("stack", "up")
    assert [one["Id"] for one in scene.containers()] == before


def test_stacks_of_two_locks_are_up_at_once_each_at_its_own_address(scene: StackScene) -> None:
    scene.write(SERVES, services=("web",), files={"www/index.html": "hello\n"})
    scene.project.relock(("web",), third_party=("more",), path="locks/second.yaml")
    first = scene.run("--json", "stack", "up").json
    second = scene.run("--json", "stack", "up", "locks/second.yaml").json
    urls = {one["services"]["web"][0]["url"] for one in (first, second)}
    assert len(urls) == 2
    assert [get(url) for url in urls] == ["hello\n"] * 2
    down = scene.run("--json", "stack", "down", "--all").json
    assert sorted(down["taken_down"]) == sorted((first["stack"], second["stack"]))
    assert scene.left() == []


def test_logs_shows_the_last_lines_of_a_service(scene: StackScene) -> None:
    scene.write(
        "services: {app: {image: IMAGE, init: true, command: [sh, -c, 'seq 1 9; exec sleep 3600']}}\n"
    )
    scene.run("stack", "up")
    assert scene.run("stack", "logs", "app", "--lines", "2").out == "app | 8\napp | 9\n"
    assert "has no service 'ap'" in scene.run("stack", "logs", "ap", code=2).err


def test_logs_follow_until_ctrl_c(scene: StackScene) -> None:
    scene.write(
        "services: {app: {image: IMAGE, init: true, command: [sh, -c, 'while :; do echo line; sleep 0.1; done']}}\n"
    )
    scene.run("stack", "up")
    with scene.start("stack", "logs") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(20)] == ["app | line\n"] * 20
        process.send_signal(signal.SIGINT)
        scene.finish(process, 130)


def test_logs_and_down_of_a_stack_that_is_not_there_say_so(scene: StackScene) -> None:
    scene.write()
    assert "is on the engine" in scene.run("stack", "logs", code=2).err
    assert "nothing to do" in scene.run("stack", "down").err
    assert f"no stack of {scene.name} is on the engine" in scene.run("stack", "down", "--all").err
    assert scene.run("--json", "stack", "down", "--name", "never-was").json == {"taken_down": []}


def test_what_somebody_else_has_under_a_similar_name_is_left_alone(scene: StackScene) -> None:
    """Compose's own project of the same name, another project's stack, and a name that ours begins with."""
    lock = scene.write()
    stack = f"{scene.name}-{lock[:8]}"
    labels = {
        stack: {"com.docker.compose.project": stack},
        f"{scene.name}-x": {
            "dev.lockflight.stack": f"{stack}-x",
            "dev.lockflight.project": f"{scene.name}-x",
        },
        f"{stack}-y": {"dev.lockflight.lock": lock},
    }
    scene.run("stack", "up")
    others = [
        scene.api.create_container(scene.project.image, name=name, labels=some, command=["sleep", "3600"])[
            "Id"
        ]
        for name, some in labels.items()
    ]
    scene.api.create_volume(f"{stack}_mine", labels={"com.docker.compose.project": stack})
    scene.api.create_network(f"{stack}_mine", labels={"com.docker.compose.project": stack})
    scene.run("stack", "down")
    scene.run("stack", "down", "--all")
    assert not [one for one in others if is_gone(scene.api, one)]
    assert [name for name in scene.left() if name.endswith("_mine")] == [
        f"network {stack}_mine", f"volume {stack}_mine",
    ]  # fmt: skip
    assert len(scene.left()) == len(others) + 2


def test_a_name_that_another_projects_stack_has_is_refused(scene: StackScene) -> None:
    scene.write()
    there = scene.run("--json", "stack", "up").json
    before = [one["Id"] for one in scene.containers()]
    manifest = scene.root / "lockflight.yaml"
    manifest.write_text(
        manifest.read_text().replace(f"project: {scene.name}", f"project: {scene.name}-other")
    )
    StackProject(scene.root, scene.project.image, f"{scene.name}-other").relock()
    refused = scene.run("stack", "up", "--name", there["stack"], code=2)
    assert f"is of project '{scene.name}'" in refused.err
    assert [one["Id"] for one in scene.containers()] == before


def test_a_name_that_somebody_elses_compose_project_has_is_refused(scene: StackScene) -> None:
    scene.write()
    name = f"{scene.name}-theirs"
    command = ["docker", "compose", "-p", name, "-f", "-", "up", "-d"]
    theirs = APP.replace("IMAGE", scene.project.image)
    subprocess.run(command, input=theirs, text=True, check=True, capture_output=True)
    before = [one["Id"] for one in scene.containers()]
    scene.run("stack", "up", "--name", name, code=2)
    assert [one["Id"] for one in scene.containers()] == before


# --- CI


def test_in_github_actions_the_job_gets_a_summary_outputs_and_plain_lines(scene: StackScene) -> None:
    scene.write(stack="suites: {smoke: {command: [sh, -c, 'echo ::error::smuggled; exit 3']}}\n")
    output, summary = scene.folder / "output", scene.folder / "summary"
    actions = {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    failed = scene.run("stack", "test", "--artifacts", "out", code=1, own=actions)
    assert output.read_text().splitlines()[:2] == ["passed=false", f"artifacts={scene.root / 'out'}"]
    assert "### System tests failed" in summary.read_text()
    assert "| `smoke` | failed |" in summary.read_text()
    assert "\x1b" not in failed.err
    assert not [line for line in failed.err.splitlines() if line.lstrip().startswith("::error::smuggled")]


def test_in_github_actions_a_refusal_is_an_annotation(scene: StackScene) -> None:
    scene.write("services: {app: {image: IMAGE}, stranger: {image: 'elsewhere.example/stranger:1'}}\n")
    refused = scene.run("stack", "test", code=1, own={"GITHUB_ACTIONS": "true", "CI": "true"})
    assert [line for line in refused.err.splitlines() if line.startswith("::error") and "stranger" in line]


def test_json_is_one_document_whatever_the_suites_print(scene: StackScene) -> None:
    scene.write(APP, stack="suites: {smoke: {command: [echo, '{}']}}\n")
    passed = scene.run("--json", "stack", "test")
    assert json.loads(passed.out)["passed"] is True
    assert passed.json["suites"][0]["outcome"] == "passed"


def test_a_part_of_the_suites_makes_no_evidence(scene: StackScene) -> None:
    lock = scene.write(stack=PASSES.replace("}}", "}, other: {command: ['false']}}"))
    assert "no evidence was written" in scene.run("stack", "test", "--suite", "smoke").err
    assert not (scene.root / "locks" / "evidence" / lock).exists()


# --- what suites need


HELPED = """
services:
  app: {image: IMAGE, init: true, command: [sleep, '3600']}
  e2e: {image: IMAGE, profiles: [test], depends_on: [helper], command: [wget, -q, -O-, 'http://helper:8080']}
  helper:
    image: IMAGE
    profiles: [test]
    depends_on: {seed: {condition: service_completed_successfully}}
    init: true
    command: [httpd, -f, -p, '8080', -h, /www]
    volumes: ['www:/www']
  seed: {image: IMAGE, profiles: [seeds], command: [sh, -c, 'echo seeded > /www/index.html'], volumes: ['www:/www']}
volumes: {www: {}}
"""
E2E = "suites: {e2e: {service: e2e}}\n"


def test_what_only_a_suite_needs_runs_pinned_beside_the_stack(scene: StackScene) -> None:
    lock = scene.write(HELPED, stack=E2E, services=("app", "e2e", "helper", "seed"))
    scene.run("stack", "test", "--artifacts", "out")
    assert scene.file("out/e2e/output.log").read_text() == "seeded\n"
    assert set(scene.evidence(lock)["services"]) == {"app", "helper", "seed"}
    assert scene.left() == []


def test_a_suite_s_helper_that_is_not_locked_is_refused(scene: StackScene) -> None:
    compose = HELPED.replace("image: IMAGE\n    profiles", "image: localhost:1/else/where:1\n    profiles")
    scene.write(compose, stack=E2E, services=("app", "e2e", "seed"))
    assert "helper: cannot be pinned" in scene.run("stack", "test", code=1).err


def test_a_suite_that_a_service_needs_is_refused(scene: StackScene) -> None:
    compose = APP.replace("IMAGE,", "IMAGE, depends_on: [e2e],").replace("}}\n", "}, e2e: {image: IMAGE}}\n")
    scene.write(compose, stack=E2E, services=("app", "e2e"))
    refused = scene.run("stack", "test", code=2)
    assert "the suite's service 'e2e' is needed by 'app'" in refused.err
    assert scene.containers() == []


def test_all_that_is_wrong_with_suites_is_told_at_once(scene: StackScene) -> None:
    suites = "suites: {a: {service: ap}, b: {image: gone}, c: {command: [no-such-program-here]}}\n"
    scene.write(stack=suites)
    said = scene.run("stack", "test", code=2).err
    for words in ("no service 'ap'", "no image 'gone'", "no-such-program-here", "did you mean 'app'?"):
        assert words in said


def test_a_link_to_a_container_of_the_stack_itself_works(scene: StackScene) -> None:
    fetches = "for host in cc shop; do wget -q -O- http://$$host:8080; done"
    compose = SERVES.replace("init: true", "container_name: cc\n    init: true")
    compose += f"  e2e: {{image: IMAGE, external_links: [cc, 'cc:shop'], command: [sh, -c, '{fetches}']}}\n"
    scene.write(compose, stack=E2E, services=("web", "e2e"), files={"www/index.html": "hello\n"})
    scene.run("stack", "test", "--artifacts", "out")
    assert scene.file("out/e2e/output.log").read_text() == "hello\nhello\n"
