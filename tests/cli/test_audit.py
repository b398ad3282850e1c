"""`lockflight audit` as a schedule runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockflight.builds.labels import inspect
from lockflight.errors import EXIT_OUTSIDE, EXIT_REFUSED
from lockflight.ledger.archive import archive_of
from lockflight.locks.file import seal
from lockflight.locks.model import Lock, LockedImage
from lockflight.names import parse_reference
from lockflight.ports.registry import RegistryUnavailable
from tests.cli.test_status import Scene, scene
from tests.ledger.builders import event
from tests.locks import builders

PLATFORMS = ("linux/amd64", "linux/arm64")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    return scene(tmp_path, monkeypatch, capsys)


def archived(here: Scene, number: int = 1) -> Lock:
    """A lock that ran in staging, with everything that it names in the registry."""
    cart = here.registry.add_image("ghcr.io/acme/cart", labels={"n": str(number)}, platforms=PLATFORMS)
    redis = here.registry.add_image("docker.io/library/redis", platforms=PLATFORMS)
    lock = seal(
        builders.content(
            services={
                "cart": builders.service(digest=cart, platforms=children(here, "ghcr.io/acme/cart", cart))
            },
            images={"redis": LockedImage(image="docker.io/library/redis", tag="7", digest=redis)},
            config={},
        )
    )
    here.ledger.archive(archive_of(lock, here.root))
    here.ledger.write(event("started", number, None, lock=lock.id))
    here.ledger.write(event("succeeded", number, None, lock=lock.id))
    return lock


def children(here: Scene, name: str, digest: str) -> dict[str, str]:
    facts = inspect(here.registry, parse_reference(f"{name}@{digest}"))
    assert facts is not None
    return facts.platforms


def codes(here: Scene) -> list[str]:
    return [one["code"] for one in here.answers("audit", code=EXIT_REFUSED)["findings"]]


def test_everything_whole_and_there_is_exit_0(here: Scene) -> None:
    archived(here, 1)
    archived(here, 2)
    assert here.says("audit") == "2 archived locks, 3 images: all whole, and all there\n"
    assert here.answers("audit")["whole"] is True


def test_nothing_archived_is_nothing_lost(here: Scene) -> None:
    assert "0 archived locks, 0 images" in here.says("audit")


def test_a_digest_that_a_clean_up_removed_is_named_with_who_needs_it(here: Scene) -> None:
    lock = archived(here)
    here.registry.delete("ghcr.io/acme/cart", str(lock.services["cart"].digest))

    said = here.says("audit", code=EXIT_REFUSED)

    assert f"the registry has no ghcr.io/acme/cart@{lock.services['cart'].digest}" in said
    assert f"needed by lock {lock.id[:12]} (staging)" in said
    assert "1 finding; not everything of the past can be deployed again" in said


@pytest.mark.parametrize("name", ["ghcr.io/acme/cart", "docker.io/library/redis"])
def test_an_image_within_an_index_that_is_gone_is_named(here: Scene, name: str) -> None:
    lock = archived(here)
    digest = lock.services["cart"].digest if name.endswith("cart") else lock.images["redis"].digest
    here.registry.delete(name, children(here, name, str(digest))["linux/arm64"])

    assert codes(here) == ["incomplete-image"]
    assert "not its image for linux/arm64" in here.says("audit", code=EXIT_REFUSED)


def test_one_image_that_many_locks_need_is_one_finding(here: Scene) -> None:
    locks = [archived(here, number) for number in range(1, 6)]
    here.registry.delete("docker.io/library/redis", locks[0].images["redis"].digest)

    said = here.says("audit", code=EXIT_REFUSED)
    assert codes(here) == ["digest-missing"]
    assert f"needed by locks {locks[-1].id[:12]} (staging), " in said
    assert "and 2 more" in said


def test_what_only_a_bad_lock_needs_is_a_note(here: Scene) -> None:
    lock = archived(here)
    here.registry.delete("ghcr.io/acme/cart", str(lock.services["cart"].digest))
    here.ledger.write(event("marked", 2, None, lock=lock.id))
    assert "note: [digest-missing]" in here.says("audit")
    assert here.answers("audit")["whole"] is True


def test_a_registry_that_cannot_be_asked_is_no_loss(here: Scene) -> None:
    archived(here)
    here.registry.failures["ghcr.io"] = RegistryUnavailable("ghcr.io does not answer")
    assert "not everything could be" in here.says("audit", code=EXIT_OUTSIDE)


def test_a_loss_weighs_more_than_a_registry_that_cannot_be_asked(here: Scene) -> None:
    lock = archived(here)
    here.registry.failures["ghcr.io"] = RegistryUnavailable("ghcr.io does not answer")
    here.registry.delete("docker.io/library/redis", lock.images["redis"].digest)
    assert codes(here) == ["digest-missing"]


def test_an_archived_lock_that_was_edited_is_named(here: Scene) -> None:
    lock = archived(here)
    path = here.root / f"locks/archive/{lock.id}/lock.yaml"
    os.chmod(path, 0o644)  # noqa: PTH101
    path.write_text(path.read_text().replace("1.4.2", "1.4.3").replace(builders.commit("cart"), "a" * 40))
    assert "archive-changed" in codes(here)


def test_a_lock_that_ran_and_is_not_archived_is_named(here: Scene) -> None:
    here.ledger.write(event("started", 1))
    assert codes(here) == ["not-archived"]


def test_an_event_that_was_edited_does_not_hide_what_else_is_lost(here: Scene) -> None:
    lock = archived(here)
    path = next((here.root / "locks/ledger/staging").glob("*-started.json"))
    os.chmod(path, 0o644)  # noqa: PTH101
    path.write_text(path.read_text().replace('"started"', '"stared"'))
    here.registry.delete("docker.io/library/redis", lock.images["redis"].digest)
    assert codes(here) == ["digest-missing", "event-damaged"]


def test_an_event_that_was_taken_away_is_noticed(here: Scene) -> None:
    archived(here)
    next((here.root / "locks/ledger/staging").glob("*-started.json")).unlink()
    assert codes(here) == ["event-missing"]


def test_a_job_has_the_findings_in_its_summary(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here.root / "summary.md"))
    here.ledger.write(event("started", 1))
    here.says("audit", code=EXIT_REFUSED)
    assert "`not-archived`" in (here.root / "summary.md").read_text()
