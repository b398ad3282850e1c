"""What only docker compose does: the user's own names and volumes stay, secrets stay secret, cuts do no harm."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_compose import ComposeTarget
from lockflight.environments import ComposeSettings
from lockflight.errors import InputError, OutsideError
from lockflight.ports.target import Deployment, Kind, Operation, Running, ServiceFailed
from lockflight.progress import Silent
from tests.contracts.test_target import STAYS, remove_all
from tests.support.certificates import Certificate
from tests.support.engine_proxy import engine_proxy
from tests.support.stack_images import StackImages

SOCKET = "/var/run/docker.sock"


class Scene:
    """A project with a name of its own on this machine's engine."""

    def __init__(self, folder: Path, engine: docker.APIClient, images: StackImages) -> None:
        self.folder = folder
        self.engine = engine
        self.project = f"lf{uuid.uuid4().hex[:10]}"
        self.image = images.image("sh", "-c", STAYS)
        self.other = images.image("sh", "-c", f"{STAYS}; true")
        self.target = self.at()

    def at(self, settings: ComposeSettings | None = None, **environment: str) -> ComposeTarget:
        variables = {**os.environ, **environment}
        return ComposeTarget(settings or ComposeSettings(), variables, SystemClock(), project=self.project)

    def deployment(self, services: dict[str, Any], image: str | None = None, **more: Any) -> Deployment:
        path = self.folder / "compose.yaml"
        sections = {key: more.pop(key) for key in ("volumes", "networks") if key in more}
        written = {name: {"image": "never:pulled", **service} for name, service in services.items()}
        path.write_text(json.dumps({"services": written, **sections}))
        images = dict.fromkeys(services, image or self.image)
        return replace(
            Deployment("staging", self.project, "a" * 64, images, (Path("compose.yaml"),), root=self.folder),
            **more,
        )

    def up(self, deployment: Deployment, kind: Kind = "create", target: ComposeTarget | None = None) -> None:
        target = target or self.target
        wanted = target.wanted(deployment)
        target.pull(deployment, [one.reference for one in wanted], Silent())
        for one in wanted:
            target.apply(deployment, Operation(kind, one.service, ("a test wants it",)))

    def running(self, deployment: Deployment) -> dict[str, Running]:
        return {one.service: one for one in self.target.observe(deployment)}

    def containers(self) -> list[dict[str, Any]]:
        return list(
            self.engine.containers(
                all=True, filters={"label": f"com.docker.compose.project={self.project}-staging"}
            )
        )

    def inspect(self, service: str) -> dict[str, Any]:
        (entry,) = [
            one for one in self.containers() if one["Labels"]["com.docker.compose.service"] == service
        ]
        return dict(self.engine.inspect_container(entry["Id"]))


@pytest.fixture
def engine() -> Iterator[docker.APIClient]:
    with contextlib.closing(docker.APIClient(version="auto")) as client:
        yield client


@pytest.fixture
def scene(tmp_path: Path, engine: docker.APIClient, stack_images: StackImages) -> Iterator[Scene]:
    scene = Scene(tmp_path, engine, stack_images)
    try:
        yield scene
    finally:
        remove_all(engine, scene.project)


def until(what: str, is_so: Callable[[], Any]) -> Any:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if found := is_so():
            return found
        time.sleep(0.05)
    pytest.fail(f"{what} did not come")


# --- the user's own files --------------------------------------------------------------------------------------


def test_names_ports_networks_and_volumes_stay_as_the_files_say(scene: Scene) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    deployment = scene.deployment(
        {
            "app": {
                "container_name": f"{scene.project}-fixed",
                "ports": [f"127.0.0.1:{port}:80"],
                "volumes": ["data:/data"],
                "labels": {"of.the.user": "$$kept"},
                "build": ".",
            }
        },
        volumes={"data": {"name": f"{scene.project}-own"}},
        networks={"default": {"name": f"{scene.project}-net"}},
    )
    scene.up(deployment)
    app = scene.inspect("app")
    assert app["Name"] == f"/{scene.project}-fixed"
    assert app["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    assert list(app["NetworkSettings"]["Networks"]) == [f"{scene.project}-net"]
    assert [mount["Name"] for mount in app["Mounts"]] == [f"{scene.project}-own"]
    assert app["Config"]["Labels"]["of.the.user"] == "$kept"
    scene.target.apply(deployment, Operation("remove", "app", ("gone",)))
    assert scene.containers() == []
    assert scene.engine.inspect_volume(f"{scene.project}-own")


def test_the_settings_may_name_the_compose_project(scene: Scene) -> None:
    deployment = scene.deployment({"app": {}})
    own = scene.at(ComposeSettings(project=f"{scene.project}-mine"))
    scene.up(deployment, target=own)
    assert [one.service for one in own.observe(deployment)] == ["app"]
    assert scene.target.observe(deployment) == ()
    assert scene.containers() == []


def test_files_with_an_error_are_refused_in_composes_words(scene: Scene) -> None:
    deployment = scene.deployment({"app": {"depends_on": ["nobody"]}})
    with pytest.raises(InputError, match="undefined service"):
        scene.target.wanted(deployment)


def test_a_service_that_shares_anothers_network_is_seen_to_be_cut_off(scene: Scene) -> None:
    deployment = scene.deployment({"app": {}, "side": {"network_mode": "service:app"}})
    scene.up(deployment)
    wanted = {one.service: one for one in scene.target.wanted(deployment)}
    assert wanted["side"].needs == ("app",)
    assert scene.running(deployment)["side"].fingerprint == wanted["side"].fingerprint
    changed = scene.deployment({"app": {"environment": {"A": "1"}}, "side": {"network_mode": "service:app"}})
    scene.target.wanted(changed)
    scene.target.apply(changed, Operation("update", "app", ("changed",)))
    assert scene.running(changed)["side"].fingerprint is None
    scene.target.apply(changed, Operation("update", "side", ("cut off",)))
    after = {one.service: one for one in scene.target.wanted(changed)}
    assert scene.running(changed)["side"].fingerprint == after["side"].fingerprint
    assert scene.inspect("side")["HostConfig"]["NetworkMode"] == f"container:{scene.inspect('app')['Id']}"


def test_two_things_that_want_one_port_are_the_services_failure(scene: Scene) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        deployment = scene.deployment({"app": {"ports": [f"127.0.0.1:{taken.getsockname()[1]}:80"]}})
        with pytest.raises(ServiceFailed, match="address already in use"):
            scene.up(deployment)
    # When the port is free, the same operation carries on.
    scene.up(deployment)
    assert scene.running(deployment)["app"].state == "running"


# --- secrets ---------------------------------------------------------------------------------------------------

SECRET = "hunter2-very-secret"


def secret_deployment(scene: Scene) -> Deployment:
    app = {"environment": {"DSN": "postgres://app:${DB_PASSWORD:?}@db/${DATABASE}"}}
    return scene.deployment({"app": app}, variables={"DATABASE": "shop"}, secrets=("DB_PASSWORD",))


def test_a_secret_reaches_the_container_and_nothing_else(scene: Scene) -> None:
    deployment = secret_deployment(scene)
    target = scene.at(DB_PASSWORD=SECRET)
    seen: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            found: list[Path] = []
            # Of other tests a folder may go away while it is listed.
            with contextlib.suppress(OSError):
                found += [*Path("/proc").glob("[0-9]*/cmdline"), *Path("/tmp").glob("lockflight-*/*")]
            for path in found:
                with contextlib.suppress(OSError):
                    if SECRET in path.read_bytes().decode(errors="replace"):
                        seen.add(str(path))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        scene.up(deployment, target=target)
    finally:
        stop.set()
        watcher.join()
    app = scene.inspect("app")
    assert f"DSN=postgres://app:{SECRET}@db/shop" in app["Config"]["Env"]
    assert SECRET not in json.dumps(app["Config"]["Labels"])
    assert SECRET not in json.dumps(target.raw(deployment))
    assert "shop" in target.raw(deployment)["services"]["app"]["environment"]["DSN"]
    assert seen == set()


def test_the_value_of_a_secret_is_in_no_fingerprint(scene: Scene) -> None:
    deployment = secret_deployment(scene)
    (one,), (two,) = (scene.at(DB_PASSWORD=value).wanted(deployment) for value in ("a" * 8, "b" * 8))
    assert one.fingerprint == two.fingerprint
    # Neither does a plan need it.
    (without,) = scene.target.wanted(deployment)
    assert without.fingerprint == one.fingerprint


def test_a_secret_that_is_not_set_stops_everything_before_the_first_pull(scene: Scene) -> None:
    deployment = secret_deployment(scene)
    with pytest.raises(InputError, match="DB_PASSWORD"):
        scene.up(deployment)
    with pytest.raises(InputError, match="DB_PASSWORD"):
        scene.target.apply(deployment, Operation("create", "app", ("first",)))
    assert scene.containers() == []


def test_last_lines_are_told_without_values_of_secrets(scene: Scene, stack_images: StackImages) -> None:
    chatty = stack_images.image("sh", "-c", "echo connecting to $DSN; exit 1")
    deployment = replace(secret_deployment(scene), images={"app": chatty})
    target = scene.at(DB_PASSWORD=SECRET)
    scene.up(deployment, target=target)
    (report,) = until("an end", lambda: [one for one in target.report(deployment, ["app"]) if one.failed])
    assert "connecting to postgres://app:***@db/shop" in report.story


# --- cuts ------------------------------------------------------------------------------------------------------

DEPLOY = """
import os, sys
from pathlib import Path
from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_compose import ComposeTarget
from lockflight.environments import ComposeSettings
from lockflight.ports.target import Deployment, Operation
project, image, folder = sys.argv[1:]
target = ComposeTarget(ComposeSettings(), os.environ, SystemClock(), project=project)
deployment = Deployment("staging", project, "a" * 64, {"app": image}, (Path("compose.yaml"),), root=Path(folder))
print("ready", flush=True)
target.apply(deployment, Operation("update", "app", ("a test wants it",)))
print("done", flush=True)
"""


def test_an_update_that_is_cut_off_at_any_moment_is_finished_by_the_next(scene: Scene) -> None:
    both = (scene.image, scene.other)
    deployments = [scene.deployment({"app": {"stop_grace_period": "1s"}}, image) for image in both]
    for deployment in reversed(deployments):
        scene.up(deployment)
    seconds = random.Random(4)  # noqa: S311 - no secret is made of it
    for number in range(8):
        deployment = deployments[(number + 1) % 2]
        words = [sys.executable, "-c", DEPLOY, scene.project, deployment.images["app"], str(scene.folder)]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "engine"}
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(seconds.uniform(0.2, 2.0))
            child.send_signal(signal.SIGKILL)
        scene.up(deployment, "update")
        (only,) = scene.containers()
        assert only["Names"] == [f"/{scene.project}-staging-app-1"]
        assert only["State"] == "running"
        found = scene.running(deployment)["app"]
        assert (deployment.images["app"] in found.references, found.replicas) == (True, 1)


@pytest.mark.parametrize("old_is_gone", [False, True])
def test_what_a_killed_compose_left_beside_is_put_in_its_place(scene: Scene, old_is_gone: bool) -> None:
    """As Compose 2.26 leaves it when it is killed before it removes the old container, or right after."""
    first, second = (scene.deployment({"app": {}}, image) for image in (scene.image, scene.other))
    scene.up(first)
    old = scene.inspect("app")
    left = scene.engine.create_container(
        scene.other, name=f"{old['Id'][:12]}_{old['Name'][1:]}", labels=old["Config"]["Labels"]
    )
    if old_is_gone:
        scene.engine.remove_container(old["Id"], force=True)
    scene.up(second, "update")
    (only,) = scene.containers()
    assert (only["Names"], only["State"]) == ([old["Name"]], "running")
    assert only["Id"] not in {old["Id"], left["Id"]}
    assert scene.other in scene.running(second)["app"].references


def test_a_run_that_was_cut_off_is_gone_on_with(scene: Scene, stack_images: StackImages) -> None:
    slow = stack_images.image("sh", "-c", "echo $$; sleep 3")
    services = {"job": {"labels": {"dev.lockflight.one-shot": "true"}}}
    deployment = scene.deployment(services, slow)
    (wanted,) = scene.target.wanted(deployment)
    scene.target.pull(deployment, [wanted.reference], Silent())
    # As a run begins, whose lockflight is then killed while it waits.
    scene.target.apply(deployment, Operation("create", "job", ("first",)))
    begun = scene.inspect("job")
    scene.target.apply(deployment, Operation("run", "job", ("again",)))
    ended = scene.inspect("job")
    assert ended["Id"] == begun["Id"]
    assert ended["State"]["StartedAt"] == begun["State"]["StartedAt"]
    assert (ended["State"]["Status"], ended["State"]["ExitCode"]) == ("exited", 0)


# --- where the engine is ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def tcp_engine(certificate: Certificate | None = None) -> Iterator[str]:
    """The engine behind a port of loopback, with TLS where there is a certificate."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            try:
                engine.connect(SOCKET)
                if certificate is not None:
                    client = certificate.server_context().wrap_socket(client, server_side=True)
            except OSError:
                client.close()
                engine.close()
                continue
            opened.extend((client, engine))
            for ends in ((client, engine), (engine, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for one in opened:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def flies(scene: Scene, target: ComposeTarget, address: str) -> None:
    deployment = scene.deployment({"app": {}})
    scene.up(deployment, target=target)
    assert [one.state for one in target.observe(deployment)] == ["running"]
    assert target.facts().address == address
    assert scene.running(deployment)["app"].state == "running"


def test_an_engine_behind_tcp_is_used(scene: Scene) -> None:
    with tcp_engine() as host:
        target = scene.at(ComposeSettings(host=host), DOCKER_HOST="unix:///nowhere", DOCKER_TLS_VERIFY="1")
        flies(scene, target, host)
        # What only the machine itself can tell is not guessed.
        assert (target.facts().disk, target.facts().memory) == (None, None)


# The docker library leaves a socket open that it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_an_engine_behind_tls_is_used_with_the_certificates_of_a_folder(
    scene: Scene, certificate: Certificate, tmp_path: Path
) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    for name in ("ca.pem", "cert.pem"):
        shutil.copy(certificate.certificate, folder / name)
    shutil.copy(certificate.key, folder / "key.pem")
    with tcp_engine(certificate) as host:
        settings = ComposeSettings(host=host, tls="PRODUCTION_CERTIFICATES")
        flies(scene, scene.at(settings, PRODUCTION_CERTIFICATES=str(folder)), host)
        with pytest.raises(OutsideError):
            scene.at(ComposeSettings(host=host)).observe(scene.deployment({"app": {}}))
    gc.collect()


def test_a_context_of_the_docker_client_is_used(scene: Scene, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(Path.home() / ".docker" / "cli-plugins", config / "cli-plugins")
    environment = {**os.environ, "DOCKER_CONFIG": str(config)}
    with engine_proxy() as proxy:
        words = ["docker", "context", "create", "far", "--docker", f"host={proxy.host}"]
        subprocess.run(words, env=environment, check=True, capture_output=True)
        target = scene.at(
            ComposeSettings(context="far"), DOCKER_CONFIG=str(config), DOCKER_HOST="unix:///nowhere"
        )
        flies(scene, target, proxy.host)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_an_engine_that_is_gone_is_no_failure_of_the_service(scene: Scene) -> None:
    deployment = scene.deployment({"app": {}})
    scene.up(deployment)
    with engine_proxy() as proxy:
        target = scene.at(ComposeSettings(host=proxy.host))
        target.observe(deployment)
        proxy.cut()
        operation = Operation("update", "app", ("a test wants it",))
        for call in (
            lambda: target.observe(deployment),
            lambda: target.apply(deployment, operation),
            lambda: target.holder("staging"),
            target.facts,
        ):
            with pytest.raises(OutsideError, match="cannot be reached"):
                call()
    gc.collect()


def test_this_machines_engine_tells_how_much_room_there_is(scene: Scene) -> None:
    facts = scene.target.facts()
    if scene.engine.info()["Name"] != socket.gethostname():
        pytest.skip("the engine runs on another machine")
    assert (facts.disk or 0) > 0
    assert (facts.memory or 0) > 0
    assert facts.cpus == scene.engine.info()["NCPU"]
