"""A swarm of one node: a `dockerd` of our own, in a network namespace of its own.

This machine's engine is never put into swarm mode. Inside the namespace, `127.0.0.1:PORT` is the same registry as
outside: a listener that was opened there passes what comes on.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from tests.support.registry_process import RealRegistry

_SECONDS = 60.0
_CLONE_NEWNET = 0x40000000
_PIECE = 64 * 1024
_ADDRESSES = ("192.168.177.1", "192.168.177.2")
_BEGIN = 'ip link set lo up && exec dockerd "$@"'


@dataclass(frozen=True)
class Swarm:
    """`host` is for DOCKER_HOST."""

    host: str
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        misleading = {"DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}
        kept = {key: value for key, value in os.environ.items() if key not in misleading}
        return {**kept, "DOCKER_HOST": self.host}

    def cut(self) -> None:
        """Pull the cable of one of two nodes; what it runs goes on there."""
        pid = self.process.pid
        _ip("link", "set", f"lf{pid}", "down", inside=("nsenter", "--net", "--target", str(pid)))

    def client(self) -> Any:
        return docker.APIClient(base_url=self.host, version="auto")

    def remove_all(self, project: str) -> None:
        """Everything whose name begins with the project's, which no other test uses."""
        with contextlib.closing(self.client()) as client:
            for service in client.services():
                if service["Spec"]["Name"].startswith(project):
                    client.remove_service(service["ID"])
            for kind in ("config", "secret"):
                for one in getattr(client, f"{kind}s")():
                    if project in one["Spec"]["Name"]:
                        until(
                            lambda kind=kind, one=one: removed(getattr(client, f"remove_{kind}"), one["ID"])
                        )
            for network in client.networks(names=[project]):
                until(lambda network=network: removed(client.remove_network, network["Id"]))
            for volume in client.volumes(filters={"name": project}).get("Volumes") or []:
                until(lambda volume=volume: removed(client.remove_volume, volume["Name"]))


@pytest.fixture(scope="session")
def swarm(real_registry: RealRegistry) -> Iterator[Swarm]:
    """One for all tests, as a plugin: a module names this file in `pytest_plugins`."""
    with swarm_of_one(int(real_registry.host.rpartition(":")[2])) as one:
        yield one


@pytest.fixture
def two_nodes(real_registry: RealRegistry) -> Iterator[tuple[Swarm, Swarm]]:
    with swarm_of_two(int(real_registry.host.rpartition(":")[2])) as both:
        yield both


def removed(remove: Any, name: str) -> bool:
    """False while a task that ends still uses it."""
    try:
        remove(name)
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError:
        return False
    return True


def until(is_so: Any) -> Any:
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        if found := is_so():
            return found
        time.sleep(0.1)
    pytest.fail("it did not come")


@contextlib.contextmanager
def swarm_of_one(registry_port: int) -> Iterator[Swarm]:
    # Paths of sockets must be short, and a test's folder is not.
    folder = Path(tempfile.mkdtemp(prefix="lf-swarm-"))
    with contextlib.ExitStack() as stack:
        stack.callback(_clear, folder)
        swarm = stack.enter_context(_engine(folder))
        stack.enter_context(_passed_on(swarm.process.pid, registry_port))
        with contextlib.closing(swarm.client()) as client:
            client.init_swarm(advertise_addr="127.0.0.1")
        yield swarm


@contextlib.contextmanager
def swarm_of_two(registry_port: int) -> Iterator[tuple[Swarm, Swarm]]:
    """A manager that is given no work, and a worker; a cable between their namespaces."""
    with contextlib.ExitStack() as stack:
        nodes = []
        for _ in range(2):
            folder = Path(tempfile.mkdtemp(prefix="lf-swarm-"))
            stack.callback(_clear, folder)
            nodes.append(stack.enter_context(_engine(folder)))
            stack.enter_context(_passed_on(nodes[-1].process.pid, registry_port))
        manager, worker = nodes
        _connect(manager.process.pid, worker.process.pid)
        with contextlib.closing(manager.client()) as client, contextlib.closing(worker.client()) as other:
            client.init_swarm(advertise_addr=_ADDRESSES[0])
            token = client.inspect_swarm()["JoinTokens"]["Worker"]
            other.join_swarm([f"{_ADDRESSES[0]}:2377"], token, advertise_addr=_ADDRESSES[1])
            (node,) = client.nodes(filters={"role": "manager"})
            client.update_node(
                node["ID"], node["Version"]["Index"], {**node["Spec"], "Availability": "drain"}
            )
        yield manager, worker


def _connect(*processes: int) -> None:
    names = [f"lf{pid}" for pid in processes]
    _ip("link", "add", names[0], "type", "veth", "peer", "name", names[1])
    for name, pid, address in zip(names, processes, _ADDRESSES, strict=True):
        _ip("link", "set", name, "netns", str(pid))
        inside = ("nsenter", "--net", "--target", str(pid))
        _ip("address", "add", f"{address}/24", "dev", name, inside=inside)
        _ip("link", "set", name, "up", inside=inside)


def _ip(*words: str, inside: tuple[str, ...] = ()) -> None:
    subprocess.run([*inside, "ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def _engine(folder: Path) -> Iterator[Swarm]:
    (folder / "daemon.json").write_text("{}")
    options = {
        "--data-root": folder / "data", "--exec-root": folder / "exec", "--pidfile": folder / "pid",
        "--host": f"unix://{folder}/s.sock", "--config-file": folder / "daemon.json",
    }  # fmt: skip
    words = [str(word) for pair in options.items() for word in pair]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", _BEGIN, "dockerd", *words], stdout=log, stderr=log
        )
    swarm = Swarm(f"unix://{folder}/s.sock", process)
    try:
        until(lambda: process.poll() is not None or _answers(swarm))
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        yield swarm
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(swarm: Swarm) -> bool:
    # Without the library, which leaves a socket open that it could not connect.
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(swarm.host.removeprefix("unix://"))
        except OSError:
            return False
    with contextlib.closing(swarm.client()) as client:
        return bool(client.ping())


def _clear(folder: Path) -> None:
    """What it had mounted first: a kill leaves mounts behind, and a folder with one cannot be removed."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((one for one in mounted if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _passed_on(pid: int, port: int) -> Iterator[None]:
    """Connections to the port in the namespace of a process reach the same port out here."""
    with contextlib.closing(_listening_in(pid, port)) as listener:
        threading.Thread(target=_accept, args=(listener, port), daemon=True).start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _listening_in(pid: int, port: int) -> socket.socket:
    """Opened in a thread of its own, since only one that has ended is sure not to stay in there."""
    opened: list[socket.socket] = []

    def listen() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/proc/{pid}/ns/net").open() as namespace:
            assert libc.setns(namespace.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        listener = socket.socket()
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        opened.append(listener)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    return opened[0]


def _accept(listener: socket.socket, port: int) -> None:
    while True:
        try:
            inside, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_join, args=(inside, port), daemon=True).start()


def _join(inside: socket.socket, port: int) -> None:
    with inside, socket.create_connection(("127.0.0.1", port)) as outside:
        back = threading.Thread(target=_pump, args=(outside, inside), daemon=True)
        back.start()
        _pump(inside, outside)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
