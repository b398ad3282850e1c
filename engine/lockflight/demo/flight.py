"""The acts of the demo, in order. Each shows one thing that a team without a lock cannot have."""

from __future__ import annotations

import time

from lockflight.demo.shop import SERVICES, Shop
from lockflight.demo.stage import Stage

LOCK = "locks/current.yaml"


def fly(stage: Stage) -> None:
    """From three services' CIs to one verified lock, and what happens when somebody tampers with it."""
    started = time.monotonic()
    registry = stage.start_registry()
    shop = Shop(stage, registry)
    stage.print(f"everything happens in {stage.folder}, with a registry of its own at {registry}")
    shop.create()
    _builds(stage, shop)
    _lock(stage, shop)
    _tampering(stage, shop)
    _moved_tag(stage, shop, registry)
    _next_release(stage, shop)
    stage.print(f"\nThe demo took {time.monotonic() - started:.1f} s.")


def _builds(stage: Stage, shop: Shop) -> None:
    stage.act(
        "1. Each service's CI builds, pushes, and records",
        "Three services in three repositories. The record (commit, image, digest, API, time) is stored in the "
        "registry beside the image, where any lock finds it later.",
    )
    shop.build_third_party()
    for number, service in enumerate(SERVICES):
        shop.build(service, show=number == 0)
        api = [] if service == "web" else ["--api", "openapi.yaml"]
        image = stage.run("git", "rev-parse", "HEAD", folder=shop.service(service), show=False).strip()
        stage.run(
            "lockflight", "record", "--service", service, "--metadata", "../build.json",
            "--image", f"localhost:{stage.port}/shop/{service}:{image}", *api, "--push",
            folder=shop.service(service), show=number == 0,
        )  # fmt: skip
    stage.print("  (the same for orders and web)")


def _lock(stage: Stage, shop: Shop) -> None:
    stage.act(
        "2. One lock of it all",
        "Commits come from the submodules, digests from the registry, and everything that was said is held "
        "against everything that is there.",
    )
    stage.run("lockflight", "lock", folder=shop.folder)
    stage.run("lockflight", "show", folder=shop.folder)
    stage.run("lockflight", "verify", folder=shop.folder)
    shop.commit("lock")


def _tampering(stage: Stage, shop: Shop) -> None:
    stage.act("3. Nobody edits a lock", "One digit of a digest is changed by hand.")
    path = shop.folder / LOCK
    whole = path.read_text()
    at = whole.index("digest: sha256:") + len("digest: sha256:")
    path.write_text(whole[:at] + ("0" if whole[at] != "0" else "1") + whole[at + 1 :])
    stage.run("git", "diff", "--unified=0", "--", LOCK, folder=shop.folder)
    stage.run("lockflight", "verify", "--offline", folder=shop.folder, expect=2)
    path.write_text(whole)


def _moved_tag(stage: Stage, shop: Shop, registry: str) -> None:
    stage.act(
        "4. Nobody moves a tag unseen",
        "Somebody pushes another image over the tag of orders. The lock still names the digest that was "
        "tested, and verify tells the two apart.",
    )
    commit = shop.head("orders")
    tag = f"{registry}/shop/orders:{commit}"
    other = f"{registry}/shop/web:{shop.head('web')}"
    stage.run("docker", "tag", other, tag, folder=shop.folder, show=False)
    stage.run("docker", "push", "--quiet", tag, folder=shop.folder)
    stage.run("lockflight", "verify", folder=shop.folder, expect=1)
    shop.build("orders", show=False)


def _next_release(stage: Stage, shop: Shop) -> None:
    stage.act(
        "5. The next release", "cart changes; the lock says why it is out of date, and a new one is made."
    )
    shop.change("cart", "Answer with two instead of one")
    shop.bump("cart")
    stage.run("lockflight", "lock", "--check", folder=shop.folder, expect=1)
    stage.act("   … but nobody has built that commit yet", "A lock is whole or there is none.")
    stage.run("lockflight", "lock", folder=shop.folder, expect=1)
    shop.build("cart", show=False)
    image = f"{'localhost'}:{stage.port}/shop/cart:{shop.head('cart')}"
    stage.run(
        "lockflight", "record", "--service", "cart", "--metadata", "../build.json", "--image", image,
        "--api", "openapi.yaml", "--push", folder=shop.service("cart"), show=False,
    )  # fmt: skip
    stage.act("   … now its CI has", "")
    stage.run("git", "show", f"HEAD:{LOCK}", folder=shop.folder, show=False)
    before = shop.folder / "before.yaml"
    before.write_text((shop.folder / LOCK).read_text())
    stage.run("lockflight", "lock", folder=shop.folder)
    stage.run("lockflight", "diff", "before.yaml", LOCK, folder=shop.folder)
