"""The demo's shop: each service a repository of its own, as submodules of one that holds the manifest."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from lockflight.demo.redis import copy_redis
from lockflight.demo.stage import Stage
from lockflight.errors import OutsideError

SERVICES = ("cart", "catalog", "gateway", "orders")
_WITHOUT_API = ("gateway",)
_BUSYBOX_PLACES = ("/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox")
_REDIS = 'FROM scratch\nCOPY . /\nENTRYPOINT ["/bin/redis-server"]\n'
# What no health check notices, and a customer at once: whoever buys three pays for one.
_RIGHT_TOTAL = "total + price * quantity"
_WRONG_TOTAL = "total + price"

# The environments of lockflight.yaml, and the ports that it names for them.
_PORTS = {"staging": 18081, "production": 18082}


class Shop:
    """Builds services for real and keeps the repositories."""

    def __init__(self, stage: Stage, registry: str) -> None:
        self._stage = stage
        self._registry = registry
        self._sources = source_folder()
        self._busybox = _static_busybox()
        self.folder = stage.folder / "shop"

    def create(self) -> None:
        """Repositories of the services, and the shop's own with manifest, stack, suite and submodules."""
        for service in SERVICES:
            self._repository(self.service(service), self._sources / "compose" / "shop" / service)
        self.folder.mkdir()
        self._copy(
            "compose/stack.yaml", "compose/routes.conf", "compose/suite/system_test.py", "lockflight.yaml"
        )
        (self.folder / ".gitignore").write_text(".lockflight/\nreports/\n")
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

    def image(self, service: str) -> str:
        """The image of the service's head, by its tag."""
        return f"{self._registry}/shop/{service}:{self.head(service)}"

    def release(self, service: str, *, show: bool = False) -> None:
        """What the service's own CI does: build and push the image of the head, and record it."""
        self.build(service, show=show)
        api = [] if service in _WITHOUT_API else ["--api", "openapi.yaml"]
        self._stage.run(
            "lockflight", "record", "--service", service, "--metadata", f"../{service}.json",
            "--image", self.image(service), *api, "--push", folder=self.service(service), show=show,
        )  # fmt: skip

    def build(self, service: str, *, show: bool = False) -> None:
        """Build and push the image of the service's head; what was built lies beside, in SERVICE.json."""
        folder = self.service(service)
        shutil.copy(self._busybox, folder / "busybox")
        self._stage.run(
            "docker", "buildx", "build", "--quiet", "--push", "--metadata-file", f"../{service}.json",
            "--label", f"org.opencontainers.image.revision={self.head(service)}",
            "--tag", self.image(service), ".", folder=folder, show=show,
        )  # fmt: skip

    def build_third_party(self) -> None:
        """Somebody else's image, which the shop only uses: redis."""
        folder = self._stage.folder / "redis"
        copy_redis(folder)
        (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
        (folder / "Dockerfile").write_text(_REDIS)
        name = f"{self._registry}/mirror/redis:stable"
        self._quietly("docker", "buildx", "build", "--quiet", "--push", "--tag", name, ".", folder=folder)

    def break_orders(self) -> str:
        """A developer of orders introduces a bug that leaves the service healthy."""
        folder = self.service("orders")
        script = folder / "orders.cgi"
        script.write_text(script.read_text().replace(_RIGHT_TOTAL, _WRONG_TOTAL))
        return self.commit("Simplify the total", folder)

    def mend_orders(self) -> str:
        """The bug is found and mended."""
        folder = self.service("orders")
        script = folder / "orders.cgi"
        script.write_text(
            script.read_text().replace(_WRONG_TOTAL, _RIGHT_TOTAL) + "# The total counts quantities.\n"
        )
        return self.commit("Count the quantity again", folder)

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
            # Environments of the demo's own, on ports that nobody has.
            for environment, port in _PORTS.items():
                text = text.replace(
                    f"project: shop-{environment}", f"project: {self._stage.project(environment)}"
                )
                text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self._stage.port_of(environment)}")
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
    for place in _BUSYBOX_PLACES:
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
