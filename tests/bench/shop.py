"""A repository as a user has it: a manifest, a stack, and one submodule per service that nobody checked out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockflight.builds.file import record_text
from lockflight.builds.model import Record
from lockflight.testing.images import BuiltImage, build
from tests.bench.publishing import PLATFORMS, Service

THIRD_PARTY = {"postgres": "16-alpine", "redis": "7-alpine", "nginx": "1.27"}
_PERSON = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A repository on disk, and the services in it."""

    folder: Path
    host: str
    services: tuple[Service, ...]

    @property
    def lock(self) -> Path:
        return self.folder / "locks" / "current.yaml"

    @property
    def records(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-records")

    @property
    def digests(self) -> list[str]:
        """The digest of every service's image, in the order of the services."""
        return [service.image.digest for service in self.services]

    @property
    def references(self) -> list[str]:
        """The tag of every service's image, written out in full."""
        return [f"{self.host}/{service.path}:{service.commit}" for service in self.services]


def third_party_images() -> list[tuple[str, str, BuiltImage]]:
    """What the stack uses and does not build: path, tag and image of each."""
    return [
        (f"library/{name}", tag, build({"name": name}, platforms=PLATFORMS, attestations=True))
        for name, tag in THIRD_PARTY.items()
    ]


def make_shop(folder: Path, host: str, services: Sequence[Service]) -> Shop:
    """Write and commit it all; the records of the services' CIs lie in a folder beside it."""
    shop = Shop(folder, host, tuple(services))
    _write(folder / "lockflight.yaml", _manifest(shop))
    _write(folder / "compose" / "stack.yaml", _stack(shop))
    _write(folder / ".gitmodules", _gitmodules(shop))
    for service in services:
        # A clone without --recurse-submodules leaves an empty folder where a submodule belongs.
        (folder / "services" / service.name).mkdir(parents=True)
        _write(shop.records / f"{service.name}.json", record_text(_record(shop, service)))
    _commit(shop)
    return shop


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _manifest(shop: Shop) -> str:
    head = (
        f"version: 1\nproject: shop\nimage: {shop.host}/shop/{{service}}\n"
        f"platforms: [{', '.join(PLATFORMS)}]\nstack: {{files: [compose/stack.yaml]}}\nservices:\n"
    )
    return head + "".join(
        f"  {service.name}: {{submodule: services/{service.name}}}\n" for service in shop.services
    )


def _stack(shop: Shop) -> str:
    own = {service.name: f"{shop.host}/{service.path}:${{TAG:-latest}}" for service in shop.services}
    others = {name: f"{shop.host}/library/{name}:{tag}" for name, tag in THIRD_PARTY.items()}
    return "services:\n" + "".join(
        f"  {name}:\n    image: {image}\n" for name, image in (own | others).items()
    )


def _gitmodules(shop: Shop) -> str:
    return "".join(
        f'[submodule "services/{service.name}"]\n\tpath = services/{service.name}\n'
        f"\turl = https://github.com/acme/{service.name}\n"
        for service in shop.services
    )


def _record(shop: Shop, service: Service) -> Record:
    children = [child for child in service.image.children if dict(child.listed)["platform"]["os"] == "linux"]
    return Record(
        service=service.name,
        commit=service.commit,
        image=f"{shop.host}/{service.path}",
        tag=service.commit,
        digest=service.image.digest,
        media_type=service.image.media_type,
        platforms=dict(zip(PLATFORMS, (child.digest for child in children), strict=True)),
        version="1.4.2",
    )


def _commit(shop: Shop) -> None:
    _git(shop.folder, "init", "--quiet", "--initial-branch=main")
    _git(shop.folder, "add", "--", ".gitmodules", "lockflight.yaml", "compose")
    pinned = "".join(f"160000 {service.commit}\tservices/{service.name}\n" for service in shop.services)
    _git(shop.folder, "update-index", "--index-info", stdin=pinned)
    _git(shop.folder, "commit", "--quiet", "-m", "Pin every service")
    _git(shop.folder, "remote", "add", "origin", "https://github.com/acme/shop")


def _git(folder: Path, *words: str, stdin: str = "") -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    subprocess.run(
        ["git", "-C", str(folder), *words], check=True, input=stdin, text=True, timeout=120,
        stdout=subprocess.DEVNULL, env={**environment, **_PERSON},
    )  # fmt: skip
