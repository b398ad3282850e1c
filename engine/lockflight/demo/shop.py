"""The demo's shop: each service a repository of its own, as submodules of one that holds the manifest."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from lockflight.demo.stage import Stage
from lockflight.errors import OutsideError

SERVICES = ("cart", "orders", "web")
_PLACES = ("/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox")


class Shop:
    """Builds services for real and keeps the repositories."""

    def __init__(self, stage: Stage, registry: str) -> None:
        self._stage = stage
        self._registry = registry
        self._sources = source_folder()
        self._busybox = _static_busybox()
        self.folder = stage.folder / "shop"

    def create(self) -> None:
        """Repositories of the services, and the shop's own with manifest, stack and submodules."""
        for service in SERVICES:
            self._repository(self.service(service), self._sources / "compose" / "shop" / service)
        self.folder.mkdir()
        self._copy("compose/stack.yaml", "compose/web.conf", "lockflight.yaml")
        self._quietly("git", "init", "--quiet", "--initial-branch=main", folder=self.folder)
        for service in SERVICES:
            self._quietly(
                "git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
                str(self.service(service)), f"compose/shop/{service}", folder=self.folder,
            )  # fmt: skip
        self.commit("the shop")

    def service(self, name: str) -> Path:
        return self._stage.folder / "repositories" / name

    def commit(self, subject: str, folder: Path | None = None) -> str:
        """Commit everything there and answer the commit."""
        where = folder or self.folder
        self._quietly("git", "add", "--all", folder=where)
        self._quietly("git", "commit", "--quiet", "-m", subject, folder=where)
        return self._quietly("git", "rev-parse", "HEAD", folder=where).strip()

    def head(self, service: str) -> str:
        return self._quietly("git", "rev-parse", "HEAD", folder=self.service(service)).strip()

    def build(self, service: str, *, show: bool) -> None:
        """Build and push the image of the service's head, as its CI would; the metadata lies beside."""
        folder = self.service(service)
        shutil.copy(self._busybox, folder / "busybox")
        commit = self.head(service)
        self._stage.run(
            "docker", "buildx", "build", "--quiet", "--push", "--metadata-file", "../build.json",
            "--label", f"org.opencontainers.image.revision={commit}",
            "--tag", f"{self._registry}/shop/{service}:{commit}", ".", folder=folder, show=show,
        )  # fmt: skip

    def build_third_party(self) -> None:
        """Somebody else's image: here only another name for busybox."""
        folder = self._stage.folder / "store"
        folder.mkdir()
        shutil.copy(self._busybox, folder / "busybox")
        (folder / "Dockerfile").write_text(
            'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox", "sleep", "3600"]\n'
        )
        name = f"{self._registry}/mirror/store:1"
        self._quietly("docker", "buildx", "build", "--quiet", "--push", "--tag", name, ".", folder=folder)

    def change(self, service: str, subject: str) -> str:
        """A developer changes a service."""
        page = self.service(service) / "www" / "index.html"
        page.write_text(page.read_text().replace('"answer": 1', '"answer": 2'))
        return self.commit(subject, self.service(service))

    def bump(self, service: str) -> None:
        """The shop's submodule is moved to the service's head and committed."""
        module = self.folder / "compose" / "shop" / service
        self._quietly("git", "-c", "protocol.file.allow=always", "pull", "--quiet", folder=module)
        self.commit(f"bump {service}")

    def _repository(self, folder: Path, source: Path) -> None:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("busybox"))
        self._quietly("git", "init", "--quiet", "--initial-branch=main", folder=folder)
        self.commit("first version", folder)

    def _copy(self, *names: str) -> None:
        for name in names:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            text = (self._sources / name).read_text()
            text = text.replace("localhost:5000", self._registry)
            target.write_text(text.replace("    path: compose/shop/", "    submodule: compose/shop/"))

    def _quietly(self, *words: str, folder: Path) -> str:
        return self._stage.run(*words, folder=folder, show=False)


def source_folder() -> Path:
    """Where the shop's files lie: in the installed package, or in the clone that it is run from."""
    installed = Path(str(resources.files("lockflight.demo"))) / "files"
    if installed.is_dir():
        return installed
    return Path(str(resources.files("lockflight"))).parent.parent


def _static_busybox() -> str:
    for place in _PLACES:
        if (
            Path(place).is_file()
            and Path(place).read_bytes()[:4] == b"\x7fELF"
            and not _is_dynamic(Path(place))
        ):
            return place
    raise OutsideError(
        "the demo builds its images from a static busybox, and there is none here",
        hint="'make demo' gets it; or 'apt-get install busybox-static' on Debian and Ubuntu",
    )


def _is_dynamic(program: Path) -> bool:
    # The name of the dynamic loader stands in every program that needs one.
    return b"/ld-linux" in program.read_bytes() or b"/ld-musl" in program.read_bytes()
