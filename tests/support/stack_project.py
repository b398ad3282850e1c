"""A repository with a stack whose services all run one busybox image, and a lock of it: no builds, no records."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockflight.adapters.git_cli import GitCli
from lockflight.config import read_manifest
from lockflight.locks.configuration import configuration
from lockflight.locks.file import render, seal
from lockflight.locks.model import Lock, LockedImage
from lockflight.locks.stack_files import read_stack
from tests.locks import builders
from tests.support.repositories import commit_all, new_repository


@dataclass(frozen=True)
class StackProject:
    """A folder with `lockflight.yaml`, `stack.yaml` and `locks/current.yaml`."""

    root: Path
    # `registry/path@sha256:…` of the image that everything runs.
    image: str
    project: str

    @property
    def image_name(self) -> str:
        return self.image.partition("@")[0]

    def write(
        self,
        compose: str,
        *,
        services: Iterable[str] = ("app",),
        third_party: Iterable[str] = (),
        stack: str = "",
        files: dict[str, str] | None = None,
    ) -> Lock:
        """Write everything anew; `IMAGE` in the compose text is the image, by a tag that nobody pushed."""
        for name, text in (files or {}).items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        text = textwrap.dedent(compose).replace("IMAGE", f"{self.image_name}:never-pushed")
        (self.root / "stack.yaml").write_text(text)
        (self.root / "lockflight.yaml").write_text(self._manifest(services, stack))
        commit_all(self.root)
        return self.relock(services, third_party)

    def relock(
        self,
        services: Iterable[str] = ("app",),
        third_party: Iterable[str] = (),
        *,
        images: Mapping[str, str] | None = None,
        path: str = "locks/current.yaml",
    ) -> Lock:
        """The lock of what is on the disk now; `images` are those of services that run another one."""
        name, _, digest = self.image.partition("@")
        running = dict.fromkeys(services, self.image) | dict(images or {})
        manifest = read_manifest(self.root / "lockflight.yaml")
        files, _ = configuration(manifest, self.root, read_stack(manifest, self.root, {}), GitCli(self.root))
        lock = seal(
            builders.content(
                project=self.project,
                services={
                    service: builders.service(
                        service,
                        image=image.partition("@")[0],
                        digest=image.partition("@")[2],
                        tag="1",
                        platforms={},
                        api=None,
                    )
                    for service, image in running.items()
                },
                images={
                    image: LockedImage(image=name, tag="never-pushed", digest=digest) for image in third_party
                },
                config=files,
            )
        )
        self.write_lock(lock, path)
        return lock

    def write_lock(self, lock: Lock, path: str = "locks/current.yaml") -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(render(lock))
        return target

    def _manifest(self, services: Iterable[str], stack: str) -> str:
        lines = ["version: 1", f"project: {self.project}", f"image: {self.image_name}", "services:"]
        lines += [f"  {service}: {{path: '.'}}" for service in services]
        lines += ["stack:", "  files: [stack.yaml]"]
        return "\n".join(lines) + "\n" + textwrap.indent(textwrap.dedent(stack), "  ")


def stack_project(folder: Path, image: str, project: str) -> StackProject:
    """A new one in an empty folder."""
    return StackProject(new_repository(folder), image, project)
