"""Home-made locks become ours: what is resolved, what is refused, and what is carried over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockflight.locks.file import render
from lockflight.ports.registry import RegistryUnavailable
from lockflight.testing.registry import FakeRegistry
from tests.locks.builders import commit, digest
from tests.locks.convert.foreign_locks import (
    METADATA,
    NOW,
    codes,
    document,
    entry,
    import_folder,
    import_one,
    write,
)

REVISION = "org.opencontainers.image.revision"


@pytest.fixture
def registry() -> FakeRegistry:
    """Cart and orders, tagged and labelled with the commits of `foreign_locks.entry`."""
    registry = FakeRegistry()
    for name in ("cart", "orders"):
        registry.add_image(f"ghcr.io/acme/{name}", commit(name), labels={REVISION: commit(name)})
    return registry


def both(**changes: Any) -> dict[str, Any]:
    return document({"cart": {**entry("cart"), **changes}, "orders": entry("orders")})


def test_missing_digests_are_resolved_through_the_registry(tmp_path: Path, registry: FakeRegistry) -> None:
    imported = import_one(tmp_path, both(), registry)

    assert imported.findings == ()
    assert imported.lock is not None
    cart = imported.lock.services["cart"]
    assert cart.digest == registry.repository("ghcr.io/acme/cart").tags[commit("cart")]
    assert (cart.commit, cart.tag, cart.path) == (commit("cart"), commit("cart"), "services/cart")
    assert cart.platforms == {"linux/amd64": cart.digest}
    assert cart.origin == "import lock.json"
    assert (imported.services, imported.resolved) == (2, 2)


def test_metadata_is_carried_over(tmp_path: Path, registry: FakeRegistry) -> None:
    lock = import_one(tmp_path, both(), registry).lock

    assert lock is not None
    assert lock.project == "shop"
    assert lock.created.isoformat() == "2026-05-04T03:02:01+00:00"
    assert lock.source.model_dump(exclude_none=True) == {
        "repository": METADATA["repository"],
        "ref": "main",
        "commit": commit("shop"),
        "run": METADATA["run_url"],
    }


def test_the_same_file_gives_the_same_bytes(tmp_path: Path, registry: FakeRegistry) -> None:
    first, second = (import_one(tmp_path, both(), registry).lock for _ in range(2))

    assert first is not None
    assert second is not None
    assert render(first) == render(second)


def test_yaml_and_json_give_the_same_lock(tmp_path: Path, registry: FakeRegistry) -> None:
    cart = entry("cart")
    (tmp_path / "lock.yaml").write_text(
        f"metadata: {{project: shop}}\nservices:\n  cart:\n    git_sha: {cart['git_sha']}\n"
        f"    image: {{repository: ghcr.io/acme/cart, tag: {cart['image']['tag']}}}\n"
    )
    write(tmp_path / "lock.json", {"metadata": {"project": "shop"}, "services": {"cart": cart}})

    from_json, from_yaml = import_folder(tmp_path, registry)

    assert from_json.lock is not None
    assert from_yaml.lock is not None
    assert from_json.lock.id == from_yaml.lock.id


def test_each_tag_is_asked_for_once_over_a_whole_folder(tmp_path: Path, registry: FakeRegistry) -> None:
    for number in range(20):
        write(tmp_path / f"lock-{number:02}.json", both())

    imported = import_folder(tmp_path, registry)

    assert all(one.lock is not None for one in imported)
    assert len(imported) == 20
    assert len(registry.asked) == len(set(registry.asked))
    assert sum(question.startswith("resolve") for question in registry.asked) == 2


def test_one_service_that_cannot_be_resolved_forbids_the_whole_lock(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    imported = import_one(tmp_path, document({"cart": entry("cart"), "gone": entry("gone")}), registry)

    assert imported.lock is None
    assert codes(imported) == [("gone", "image-missing")]
    assert (imported.services, imported.resolved) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"git_sha": commit("cart")[:7]}, "short-commit"),
        ({"git_sha": "unknown"}, "no-commit"),
        ({"git_sha": None}, "no-commit"),
        ({"git_sha": commit("cart").upper()}, "malformed-commit"),
        ({"git_sha": ["x"]}, "malformed-commit"),
        ({"image": {"repository": "ghcr.io/Acme/cart", "tag": "x"}}, "malformed-image"),
        ({"image": {"repository": "ghcr.io/acme/cart:1", "tag": commit("cart")}}, "malformed-image"),
        ({"image": {"repository": "https://ghcr.io/acme/cart", "tag": "x"}}, "malformed-image"),
        ({"image": {"tag": "x"}}, "malformed-image"),
        ({"image": {"repository": "ghcr.io/acme/cart"}}, "no-tag"),
        ({"image": {"repository": "ghcr.io/acme/cart", "tag": "a b"}}, "malformed-tag"),
        ({"image": {**entry("cart")["image"], "digest": "sha256:12"}}, "malformed-digest"),
    ],
)
def test_malformed_values_are_named_findings(
    tmp_path: Path, registry: FakeRegistry, changes: dict[str, Any], code: str
) -> None:
    imported = import_one(tmp_path, both(**changes), registry)

    assert codes(imported) == [("cart", code)]
    assert imported.lock is None
    assert imported.resolved == 1


def test_a_shortened_commit_is_told_what_the_label_says(tmp_path: Path, registry: FakeRegistry) -> None:
    imported = import_one(tmp_path, both(git_sha=commit("cart")[:7]), registry)

    assert imported.findings[0].hint == f"the image's revision label says {commit('cart')}"


def test_a_tag_of_another_commit_is_refused(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.add_image("ghcr.io/acme/cart", commit("other"))

    imported = import_one(tmp_path, both(image=entry("cart", tag=commit("other"))["image"]), registry)

    assert codes(imported) == [("cart", "tag-not-of-commit")]
    finding = imported.findings[0]
    assert (finding.expected, finding.found) == (commit("cart"), commit("other"))


def test_a_tag_of_another_commit_is_only_noted_where_the_label_proves_the_right_one(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    """Such is a tag made of the merge commit of a pull request, of which only the label tells the head."""
    registry.add_image("ghcr.io/acme/cart", commit("merge"), labels={REVISION: commit("cart")})

    imported = import_one(tmp_path, both(image=entry("cart", tag=commit("merge"))["image"]), registry)

    assert imported.lock is not None
    assert codes(imported, notes=True) == [("cart", "tag-not-of-commit")]


def test_a_label_of_another_commit_is_refused(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.add_image("ghcr.io/acme/cart", commit("cart"), labels={REVISION: commit("other")})

    imported = import_one(tmp_path, both(), registry)

    assert codes(imported) == [("cart", "revision-mismatch")]
    assert imported.findings[0].found == commit("other")


def test_a_moving_tag_without_a_label_proves_nothing(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.add_image("ghcr.io/acme/cart", "latest")

    imported = import_one(tmp_path, both(image=entry("cart", tag="latest")["image"]), registry)

    assert codes(imported) == [("cart", "commit-unproven")]


def test_a_moving_tag_with_the_right_label_is_as_good_as_any(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.add_image("ghcr.io/acme/cart", "latest", labels={REVISION: commit("cart")})

    assert import_one(tmp_path, both(image=entry("cart", tag="latest")["image"]), registry).findings == ()


def test_a_digest_that_the_tag_no_longer_points_at_is_refused(tmp_path: Path, registry: FakeRegistry) -> None:
    old = registry.repository("ghcr.io/acme/cart").tags[commit("cart")]
    registry.add_image("ghcr.io/acme/cart", commit("cart"), labels={REVISION: commit("cart"), "x": "y"})

    imported = import_one(tmp_path, both(image=entry("cart", digest=old)["image"]), registry)

    assert codes(imported) == [("cart", "tag-moved")]
    assert imported.findings[0].expected == old


def test_a_digest_that_no_registry_has_is_refused(tmp_path: Path, registry: FakeRegistry) -> None:
    imported = import_one(
        tmp_path, both(image=entry("cart", tag=None, digest=digest("never pushed"))["image"]), registry
    )

    assert codes(imported) == [("cart", "digest-missing")]


def test_a_service_without_an_image_is_locked_by_its_commit(tmp_path: Path, registry: FakeRegistry) -> None:
    settings = {"git_sha": commit("settings"), "submodule_path": "settings"}

    lock = import_one(tmp_path, document({"settings": settings}), registry).lock

    assert lock is not None
    assert lock.services["settings"].image is None
    assert registry.asked == []


def test_offline_asks_nobody_and_takes_only_what_has_a_digest(tmp_path: Path) -> None:
    good = entry("cart", digest=digest("cart"))

    imported = import_one(tmp_path, document({"cart": good}), None)
    refused = import_one(tmp_path, document({"cart": good, "orders": entry("orders")}), None)

    assert imported.lock is not None
    assert imported.lock.services["cart"].digest == digest("cart")
    assert codes(imported, notes=True) == [("lock", "not-verified")]
    assert codes(refused) == [("orders", "digest-unknown")]


def test_a_registry_that_is_down_hides_nothing_about_the_others(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    registry.failures["ghcr.io/acme/orders"] = RegistryUnavailable("ghcr.io: connection refused")

    imported = import_one(tmp_path, both(git_sha="unknown"), registry)

    assert imported.lock is None
    assert codes(imported) == [("cart", "no-commit")]
    assert [str(failure) for failure in imported.failures] == ["ghcr.io: connection refused"]


def test_content_that_is_not_what_its_digest_says_is_a_finding(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    old = registry.repository("ghcr.io/acme/cart").tags[commit("cart")]
    registry.tamper("ghcr.io/acme/cart", old, b"{}")

    assert codes(import_one(tmp_path, both(), registry)) == [("cart", "wrong-content")]


def test_without_any_project_there_is_no_lock(tmp_path: Path, registry: FakeRegistry) -> None:
    data = document({"cart": entry("cart")}, project=None)

    assert codes(import_one(tmp_path, data, registry)) == [("lock", "no-project")]
    lock = import_one(tmp_path, data, registry, project="store").lock
    assert lock is not None
    assert lock.project == "store"


def test_a_time_that_is_missing_is_that_of_the_newest_image(tmp_path: Path) -> None:
    registry = FakeRegistry()
    labels = {REVISION: commit("cart"), "org.opencontainers.image.created": "2026-03-02T01:00:00Z"}
    registry.add_image("ghcr.io/acme/cart", commit("cart"), labels=labels)
    data = document({"cart": entry("cart")}, generated_at=None)

    imported = import_one(tmp_path, data, registry)

    assert imported.lock is not None
    assert imported.lock.created.isoformat() == "2026-03-02T01:00:00+00:00"
    assert codes(imported, notes=True) == [("lock", "created-unknown")]


def test_without_any_time_it_is_now(tmp_path: Path, registry: FakeRegistry) -> None:
    lock = import_one(tmp_path, document({"cart": entry("cart")}, generated_at="yesterday"), registry).lock

    assert lock is not None
    assert lock.created == NOW


def test_a_lock_without_services_is_none(tmp_path: Path, registry: FakeRegistry) -> None:
    assert codes(import_one(tmp_path, document({}), registry)) == [("services", "no-services")]


@pytest.mark.parametrize("name", ["", "my cart", "../cart", "-cart", "c" * 129])
def test_a_name_that_compose_could_not_have_is_refused(
    tmp_path: Path, registry: FakeRegistry, name: str
) -> None:
    imported = import_one(tmp_path, document({name: entry("cart")}), registry)

    assert codes(imported) == [(name, "malformed-name")]


def test_services_that_are_no_mappings_are_findings_and_no_crash(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    services = {"cart": entry("cart"), "orders": 5, "pay": None, "shop": ["x"]}

    imported = import_one(tmp_path, document(services), registry)

    assert codes(imported) == [("orders", "no-commit"), ("pay", "no-commit"), ("shop", "no-commit")]
    assert imported.lock is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([commit("cart"), digest("cart")]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
images = values | st.fixed_dictionaries({}, optional={"repository": values, "tag": values, "digest": values})
services = values | st.fixed_dictionaries(
    {}, optional={"git_sha": values, "submodule_path": values, "image": images}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    first=st.fixed_dictionaries({"git_sha": values, "image": images}),
    others=st.dictionaries(st.text(), services, max_size=3),
    metadata=st.dictionaries(st.sampled_from(["repository", "ref", "project", "created"]), values),
)
def test_no_file_whatever_makes_it_fail(
    tmp_path: Path, registry: FakeRegistry, first: Any, others: Any, metadata: Any
) -> None:
    data = {"metadata": metadata, "services": {**others, "cart": first}}

    imported = import_one(tmp_path, data, registry, project="shop")

    if imported.lock is not None:
        assert render(imported.lock).encode()
    assert (imported.lock is None) == (imported.refused or bool(imported.failures))


@pytest.mark.parametrize("image", [{}, {"digest": digest("long gone")}])
def test_a_tag_of_another_commit_is_told_even_when_the_image_is_gone(
    image: dict[str, str], tmp_path: Path, registry: FakeRegistry
) -> None:
    other = commit("another")
    gone = entry("gone", tag=other, **image)
    imported = import_one(tmp_path, document({"gone": gone}), registry)

    assert ("gone", "tag-not-of-commit") in codes(imported)
    found = {finding.code: (finding.expected, finding.found) for finding in imported.findings}
    assert found["tag-not-of-commit"] == (commit("gone"), other)
    assert {found.get("image-missing", found.get("digest-missing", ("", "")))[1]} == {"nothing"}


def test_a_tag_of_another_commit_is_told_once_even_when_the_registry_is_down(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    registry.failures["ghcr.io/acme/cart"] = RegistryUnavailable("down")
    imported = import_one(tmp_path, both(image=entry("cart", tag=commit("another"))["image"]), registry)

    assert codes(imported) == [("cart", "tag-not-of-commit")]
    assert imported.failures
