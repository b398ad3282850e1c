"""A small shop: real repositories with submodules, images in a registry, and the command as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockflight.adapters.registry_oci.client import OciRegistry
from lockflight.adapters.system_clock import SystemClock
from lockflight.builds.labels import REVISION
from lockflight.names import parse_reference
from lockflight.testing import images
from tests.support.repositories import add_submodule, commit_file, git, new_repository

MANIFEST = """\
version: 1
project: shop
image: {prefix}/{{service}}
services:
  cart: {{submodule: services/cart, api: openapi.yaml}}
  orders: {{submodule: services/orders}}
  settings: {{submodule: settings, image: false}}
stack: {{files: [stack.yaml]}}
"""
STACK = """\
services:
  cart: {{image: "{prefix}/cart:latest", volumes: ["./nginx.conf:/etc/nginx.conf:ro"]}}
  orders: {{image: "{prefix}/orders:latest"}}
  db: {{image: "{prefix}/postgres:${{PG:-16}}"}}
"""


@dataclass
class Finished:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shop:
    """`prefix` is where the images lie: a registry's host and a folder of our own in it."""

    folder: Path
    prefix: str
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("cart", "orders", "settings"):
            source = new_repository(self.source(name))
            commit_file(source, "openapi.yaml", f"openapi: 3.1.0 # {name}\n", f"first of {name}")
        new_repository(self.root)
        (self.root / "lockflight.yaml").write_text(MANIFEST.format(prefix=self.prefix))
        (self.root / "stack.yaml").write_text(STACK.format(prefix=self.prefix))
        commit_file(self.root, "nginx.conf", "worker_processes 1;\n")
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "-m", "shop")
        for name, path in (
            ("cart", "services/cart"),
            ("orders", "services/orders"),
            ("settings", "settings"),
        ):
            add_submodule(self.root, self.source(name), path)

    @property
    def root(self) -> Path:
        return self.folder / "shop"

    @property
    def lock(self) -> Path:
        return self.root / "locks" / "current.yaml"

    def source(self, name: str) -> Path:
        return self.folder / "sources" / name

    def commit(self, name: str) -> str:
        return git(self.source(name), "rev-parse", "HEAD")

    def push(self, name: str, tag: str | None = None, labels: dict[str, str] | None = None) -> str:
        """Push an image as the service's CI would; answers its digest."""
        commit = self.commit(name) if tag is None else tag
        built = images.build(
            {REVISION: commit} if labels is None else labels,
            platforms=("linux/amd64", "linux/arm64"), attestations=True,
        )  # fmt: skip
        registry = OciRegistry(clock=SystemClock())
        return images.push(registry, parse_reference(f"{self.prefix}/{name}:{commit}"), built).digest

    def push_all(self) -> dict[str, str]:
        self.push("postgres", "16", {})
        return {name: self.push(name) for name in ("cart", "orders")}

    def record(self, name: str, digest: str, **changes: Any) -> Path:
        """A record file as the service's CI would hand it over."""
        data = {"lockflight_record": 1, "service": name, "commit": self.commit(name), "image": f"{self.prefix}/{name}",
                "tag": self.commit(name), "digest": digest, **changes}  # fmt: skip
        path = self.root / "ci" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(data))
        return path

    def change(self, name: str, path: str, subject: str) -> str:
        """A new commit of a service, and the submodule bumped to it."""
        new = commit_file(self.source(name), "change.txt", subject, subject)
        git(self.root / path, "fetch", "--quiet")
        git(self.root / path, "checkout", "--quiet", new)
        git(self.root, "commit", "--quiet", "-am", f"bump {name}")
        return new

    def start(self, *arguments: str, through: Sequence[str] = (), **popen: Any) -> subprocess.Popen[str]:
        command = [*through, sys.executable, "-m", "lockflight", *arguments]
        return subprocess.Popen(
            command, env=self._environment(), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **{"cwd": self.root, **popen},
        )  # fmt: skip

    def run(self, *arguments: str, code: int | None = 0, through: Sequence[str] = ()) -> Finished:
        """Run lockflight in the shop's root, perhaps through another program, and insist on its exit code."""
        with self.start(*arguments, through=through) as process:
            out, err = process.communicate(timeout=120)
        finished = Finished(process.returncode, out, err)
        assert code is None or finished.code == code, finished
        return finished

    def _environment(self) -> dict[str, str]:
        own = {"XDG_CACHE_HOME": str(self.folder / "cache"), "DOCKER_CONFIG": str(self.folder / "docker")}
        without = ("CI", "GITHUB_", "NO_COLOR", "SOURCE_DATE_EPOCH")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(without)}
        return {**kept, **own, **self.environment}
