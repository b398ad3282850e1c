"""The acts of the demo, in order. Each shows one thing that a team without a lock cannot have."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from lockflight.demo.shop import SERVICES, Shop
from lockflight.demo.stage import Stage

LOCK = "locks/current.yaml"


def fly(stage: Stage) -> None:
    """From the services' CIs to one lock, tested as it is, and what happens when somebody tampers with it."""
    started = time.monotonic()
    registry = stage.start_registry()
    shop = Shop(stage, registry)
    stage.print(f"everything happens in {stage.folder}, with a registry of its own at {registry}")
    shop.create()
    _builds(stage, shop)
    _lock(stage, shop)
    _tested(stage, shop)
    _promoted(stage, shop)
    _tampering(stage, shop)
    _moved_tag(stage, shop)
    _next_release(stage, shop)
    _found_wrong(stage, shop)
    _goes_back_by_itself(stage, shop)
    _rolled_back(stage, shop)
    stage.print(f"\nThe demo took {time.monotonic() - started:.1f} s.")


def _builds(stage: Stage, shop: Shop) -> None:
    stage.act(
        "1. Each service's CI builds, pushes, and records",
        "Four services in four repositories. The record (commit, image, digest, API, time) is stored in the "
        "registry beside the image, where any lock finds it later.",
    )
    first, *others = SERVICES
    with ThreadPoolExecutor() as pipelines:
        unseen = [pipelines.submit(shop.build_third_party)]
        unseen += [pipelines.submit(shop.release, service) for service in others]
        shop.release(first, show=True)
        for pipeline in unseen:
            pipeline.result()
    stage.print(f"  (the same for {', '.join(others[:-1])} and {others[-1]})")


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


def _tested(stage: Stage, shop: Shop) -> None:
    stage.act(
        "3. What is locked is what runs, and what is tested",
        "The stack is started from the shop's own compose file, but every image by its digest and on free ports; "
        "the system tests buy something; then all of it is removed.",
    )
    stage.run("lockflight", "stack", "test", folder=shop.folder)


def _promoted(stage: Stage, shop: Shop) -> None:
    stage.act(
        "4. The same lock goes to staging, and then to production",
        "Every gate is asked and every image is there before anything changes. Production opens only for a lock that "
        "passed its checks in staging and whose system tests passed.",
    )
    stage.run("lockflight", "promote", "staging", folder=shop.folder)
    stage.run("lockflight", "promote", "production", folder=shop.folder)


def _tampering(stage: Stage, shop: Shop) -> None:
    stage.act("5. Nobody edits a lock", "One digit of a digest is changed by hand.")
    path = shop.folder / LOCK
    whole = path.read_text()
    at = whole.index("digest: sha256:") + len("digest: sha256:")
    path.write_text(whole[:at] + ("0" if whole[at] != "0" else "1") + whole[at + 1 :])
    stage.run("git", "diff", "--unified=0", "--", LOCK, folder=shop.folder)
    stage.run("lockflight", "verify", "--offline", folder=shop.folder, expect=2)
    path.write_text(whole)


def _moved_tag(stage: Stage, shop: Shop) -> None:
    stage.act(
        "6. Nobody moves a tag unseen",
        "Somebody pushes another image over the tag of orders. The lock still names the digest that was "
        "tested, and verify tells the two apart.",
    )
    tag = shop.image("orders")
    stage.run("docker", "tag", shop.image("gateway"), tag, folder=shop.folder, show=False)
    stage.run("docker", "push", "--quiet", tag, folder=shop.folder)
    stage.run("lockflight", "verify", folder=shop.folder, expect=1)


def _next_release(stage: Stage, shop: Shop) -> None:
    stage.act(
        "7. The next release", "orders changes; the lock says why it is out of date, and a new one is made."
    )
    shop.break_orders()
    shop.bump("orders")
    stage.run("lockflight", "lock", "--check", folder=shop.folder, expect=1)
    stage.act("   … but nobody has built that commit yet", "A lock is whole or there is none.")
    stage.run("lockflight", "lock", folder=shop.folder, expect=1)
    shop.release("orders")
    stage.act("   … now its CI has")
    before = shop.folder / "before.yaml"
    before.write_text((shop.folder / LOCK).read_text())
    stage.run("lockflight", "lock", folder=shop.folder)
    stage.run("lockflight", "diff", "before.yaml", LOCK, folder=shop.folder)


def _found_wrong(stage: Stage, shop: Shop) -> None:
    stage.act(
        "8. Healthy, and wrong",
        "That commit forgot the quantity in the total. Every service is healthy with it, and every digest is as "
        "locked; the system tests see it before anybody deploys it.",
    )
    stage.run("git", "show", "--format=%s", "--unified=0", folder=shop.service("orders"))
    stage.run("lockflight", "stack", "test", folder=shop.folder, expect=1)


def _goes_back_by_itself(stage: Stage, shop: Shop) -> None:
    stage.act(
        "9. A bad release goes back by itself, and no further",
        "Somebody promotes it all the same. Its check in staging says no: the whole bundle goes back to the lock that "
        "was there. Production never opens for it.",
    )
    stage.run("lockflight", "promote", "staging", folder=shop.folder, expect=1)
    stage.run("lockflight", "promote", "production", folder=shop.folder, expect=1)


def _rolled_back(stage: Stage, shop: Shop) -> None:
    stage.act(
        "10. Rollback is one command",
        "The bug is mended, tested and promoted; then production goes back to the release before, by its archived "
        "lock. What was left does not come back by itself.",
    )
    shop.mend_orders()
    shop.bump("orders")
    shop.release("orders")
    for words in (("lock",), ("stack", "test"), ("promote", "staging"), ("promote", "production")):
        stage.run("lockflight", *words, folder=shop.folder, show=False)
    stage.run("lockflight", "rollback", "production", folder=shop.folder)
    stage.run("lockflight", "promote", "production", folder=shop.folder, expect=1)
