"""The lock from end to end: real git, a real registry, the real command."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.support.registry_process import RealRegistry
from tests.support.repositories import commit_file, git
from tests.support.shop import Shop


@pytest.fixture
def shop(tmp_path: Path, real_registry: RealRegistry) -> Shop:
    return Shop(tmp_path, f"{real_registry.host}/{uuid.uuid4().hex[:12]}")


def test_a_lock_is_made_verified_shown_and_compared(shop: Shop) -> None:
    digests = shop.push_all()
    made = shop.run("lock", "--json").json
    assert (made["written"], made["services"], made["images"], made["config"]) == (True, 3, 1, 2)
    shown = shop.run("show", "--json").json
    assert shown["services"]["cart"]["digest"] == digests["cart"]
    assert shown["services"]["cart"]["commit"] == shop.commit("cart")
    assert set(shown["services"]["cart"]["platforms"]) == {"linux/amd64", "linux/arm64"}
    assert set(shown["services"]["settings"]) == {"commit", "path", "repository"}
    assert set(shown["config"]) == {"nginx.conf", "stack.yaml"}
    assert made["id"] in shop.run("verify").out
    assert "the same lock" in shop.run("diff", "locks/current.yaml", "locks/current.yaml").out


def test_the_same_inputs_give_the_same_bytes_and_an_unchanged_lock_is_not_rewritten(shop: Shop) -> None:
    shop.push_all()
    shop.run("lock")
    shop.run("lock", "-o", "other.yaml")
    assert (shop.root / "other.yaml").read_bytes() == shop.lock.read_bytes()
    before = shop.lock.stat().st_mtime_ns
    assert shop.run("lock", "--json").json["unchanged"]
    assert shop.lock.stat().st_mtime_ns == before


def test_no_checkout_of_a_submodule_is_needed(shop: Shop, tmp_path: Path) -> None:
    digests = shop.push_all()
    image = f"{shop.prefix}/cart:{shop.commit('cart')}@{digests['cart']}"
    shop.run(
        "-C",
        str(shop.source("cart")),
        "record",
        "--service",
        "cart",
        "--image",
        image,
        "--api",
        "openapi.yaml",
        "--push",
    )
    made = shop.run("lock", "--json").json
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(shop.root), str(clone))
    assert not list((clone / "services" / "cart").iterdir())
    again = shop.run("-C", str(clone), "lock", "--json").json
    assert again["id"] == made["id"]


def test_a_lock_does_not_depend_on_what_is_checked_out(shop: Shop, tmp_path: Path) -> None:
    shop.push_all()
    shop.run("lock")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(shop.root), str(clone))
    refused = shop.run("-C", str(clone), "lock", code=1)
    assert "[api-unknown] cart" in refused.err


def test_records_in_files_and_folders_are_used(shop: Shop) -> None:
    digests = shop.push_all()
    shop.record("cart", digests["cart"], version="1.4.2")
    shop.run("lock", "--records", "ci")
    cart = shop.run("show", "--json").json["services"]["cart"]
    assert (cart["version"], cart["origin"]) == ("1.4.2", "record ci/cart.json")


def test_a_record_that_was_pushed_is_found_in_the_registry(shop: Shop) -> None:
    digests = shop.push_all()
    source = shop.source("cart")
    image = f"{shop.prefix}/cart:{shop.commit('cart')}@{digests['cart']}"
    shop.run(
        "-C",
        str(source),
        "record",
        "--service",
        "cart",
        "--image",
        image,
        "--version",
        "3.1.4",
        "--api",
        "openapi.yaml",
        "--push",
    )
    shop.run("lock")
    cart = shop.run("show", "--json").json["services"]["cart"]
    assert cart["version"] == "3.1.4"
    assert cart["origin"].startswith("record registry:sha256:")
    assert cart["api"]["path"] == "openapi.yaml"


def test_every_finding_of_a_run_is_told_and_nothing_is_written(shop: Shop) -> None:
    digests = shop.push_all()
    shop.record("cart", digests["cart"], commit="f" * 40)
    shop.record("orders", "sha256:" + "0" * 64)
    refused = shop.run("lock", "--records", "ci", "--json", code=1)
    assert {(f["code"], f["subject"]) for f in refused.json["findings"]} >= {
        ("commit-mismatch", "cart"),
        ("tag-moved", "orders"),
        ("digest-missing", "orders"),
    }
    assert not shop.lock.exists()
    assert not list(shop.root.glob("**/.*.tmp"))


def test_check_names_every_reason(shop: Shop) -> None:
    shop.push_all()
    shop.run("lock")
    assert shop.run("lock", "--check", "--json").json["up_to_date"]
    shop.change("cart", "services/cart", "second of cart")
    (shop.root / "nginx.conf").write_text("worker_processes 2;\n")
    (shop.root / "stack.yaml").write_text((shop.root / "stack.yaml").read_text().replace(":-16", ":-17"))
    stale = shop.run("lock", "--check", "--json", code=1).json
    assert {(f["code"], f["subject"]) for f in stale["findings"] if not f["note"]} == {
        ("commit-changed", "cart"),
        ("config-changed", "nginx.conf"),
        ("config-changed", "stack.yaml"),
        ("image-changed", "db"),
    }


def test_a_submodule_with_local_commits_is_refused_by_name(shop: Shop) -> None:
    shop.push_all()
    commit_file(shop.root / "services" / "cart", "local.txt", "x", "local")
    refused = shop.run("lock", code=1)
    assert "cart: the submodule services/cart is not as committed" in refused.err
    assert not shop.lock.exists()


def test_check_does_not_take_an_unreachable_repository_for_a_removed_service(shop: Shop) -> None:
    shop.push_all()
    manifest = shop.root / "lockflight.yaml"
    text = manifest.read_text()
    manifest.write_text(
        text.replace("{submodule: services/orders}", f"{{repository: '{shop.source('orders')}', ref: main}}")
    )
    shop.run("lock")
    shop.source("orders").rename(shop.folder / "elsewhere")
    failed = shop.run("lock", "--check", code=3)
    assert "orders" in failed.err
    assert "service-removed" not in failed.err


def test_a_lock_never_overwrites_what_is_no_lock(shop: Shop) -> None:
    shop.push_all()
    before = (shop.root / "nginx.conf").read_bytes()
    for target in ("nginx.conf", "lockflight.yaml"):
        assert "is no lock, and is not overwritten" in shop.run("lock", "-o", target, code=2).err
    assert (shop.root / "nginx.conf").read_bytes() == before


def test_a_lock_can_go_to_stdout(shop: Shop) -> None:
    shop.push_all()
    text = shop.run("lock", "-o", "-").out
    shop.run("lock")
    assert text.splitlines()[0] == "version: 1"
    assert text == shop.lock.read_text()


def test_a_lock_that_check_finds_stale_is_written_anew(shop: Shop) -> None:
    shop.push_all()
    shop.run("lock")
    shop.push("postgres", "17", {})
    (shop.root / ".env").write_text("PG=17\n")
    shop.run("lock", "--check", code=1)
    assert shop.run("lock", "--json").json["written"]
    shop.run("lock", "--check")


def test_a_time_that_is_none_is_refused(shop: Shop) -> None:
    shop.push_all()
    shop.environment["SOURCE_DATE_EPOCH"] = "17321760000000000"
    assert "SOURCE_DATE_EPOCH is no time" in shop.run("lock", code=2).err


def test_a_hotfix_lock_names_its_parent_and_changes_one_service(shop: Shop) -> None:
    shop.push_all()
    parent = shop.run("lock", "--json").json["id"]
    new = commit_file(shop.source("cart"), "fix.txt", "fix", "fix the cart")
    image = f"{shop.prefix}/cart:{new}@{shop.push('cart')}"
    shop.run("-C", str(shop.source("cart")), "record", "--image", image, "--api", "openapi.yaml", "--push")
    derived = shop.run(
        "lock", "--from", "locks/current.yaml", "--set", f"cart={new}", "-o", "hotfix.yaml", "--json"
    ).json
    assert derived["parent"] == parent
    changed = shop.run("diff", "locks/current.yaml", "hotfix.yaml", "--json").json
    assert [service["service"] for service in changed["services"]] == ["cart"]
    assert "derived from" in shop.run("show", "hotfix.yaml").out


def test_a_moved_tag_is_found_by_verify(shop: Shop) -> None:
    shop.push_all()
    shop.run("lock")
    shop.push(
        "cart",
        shop.commit("cart"),
        {"org.opencontainers.image.revision": shop.commit("cart"), "other": "build"},
    )
    refused = shop.run("verify", code=1)
    assert "[tag-moved] cart" in refused.err
    assert "do not deploy this lock" in refused.err


def test_the_diff_tells_the_commits_between_from_the_checkout(shop: Shop) -> None:
    shop.push_all()
    shop.run("lock", "-o", "old.yaml")
    shop.change("cart", "services/cart", "Sell bread too")
    shop.push("cart")
    shop.run("lock")
    for form in ([], ["--markdown"]):
        assert "Sell bread too" in shop.run("diff", "old.yaml", "locks/current.yaml", *form).out


def test_a_lock_needs_no_docker(shop: Shop) -> None:
    shop.push_all()
    shop.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    shop.run("lock")


def test_only_without_any_lock_says_what_to_do(shop: Shop) -> None:
    refused = shop.run("lock", "--only", "cart", code=2)
    assert "there is no locks/current.yaml" in refused.err
    assert "make a whole one first" in refused.err


def test_in_github_actions_the_lock_is_an_output_and_findings_are_annotations(
    shop: Shop, tmp_path: Path
) -> None:
    shop.push_all()
    shop.environment.update(
        CI="true", GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(tmp_path / "out"), GITHUB_STEP_SUMMARY=str(tmp_path / "summary"),
        GITHUB_SERVER_URL="https://github.example", GITHUB_REPOSITORY="acme/shop", GITHUB_RUN_ID="7",
        GITHUB_REF="refs/pull/57/merge", GITHUB_HEAD_REF="bump-cart", GITHUB_EVENT_NAME="push", GITHUB_SHA="a" * 40,
    )  # fmt: skip
    made = shop.run("lock", "--json").json
    assert f"lock-id={made['id']}" in (tmp_path / "out").read_text()
    source = shop.run("show", "--json").json["source"]
    assert (source["pull_request"], source["ref"], source["run"]) == (
        57, "bump-cart", "https://github.example/acme/shop/actions/runs/7",
    )  # fmt: skip
    shop.record("cart", "sha256:" + "0" * 64)
    refused = shop.run("lock", "--records", "ci", "-o", "other.yaml", code=1)
    assert "::error title=digest-missing::" in refused.err
    assert "digest-missing" in (tmp_path / "summary").read_text()


def test_progress_and_findings_stay_out_of_the_result(shop: Shop) -> None:
    shop.push_all()
    made = shop.run("lock", "--json")
    json.loads(made.out)
    assert made.err == ""


def test_what_a_new_record_tells_is_written_although_the_same_is_deployed(shop: Shop) -> None:
    digests = shop.push_all()
    before = shop.run("lock", "--json").json
    shop.record("cart", digests["cart"], version="1.4.2")
    after = shop.run("lock", "--records", "ci", "--json").json
    assert (after["id"], after["written"]) == (before["id"], True)
    cart = shop.run("show", "--json").json["services"]["cart"]
    assert (cart["version"], cart["origin"]) == ("1.4.2", "record ci/cart.json")
    assert shop.run("lock", "--records", "ci", "--json").json["unchanged"]


def test_which_lock_was_there_before_changes_nothing(shop: Shop) -> None:
    digests = shop.push_all()
    shop.run("lock")
    shop.record("cart", digests["cart"], version="1.4.2")
    shop.run("lock", "--records", "ci")
    shop.run("lock", "--records", "ci", "-o", "fresh.yaml")
    assert (shop.root / "fresh.yaml").read_bytes() == shop.lock.read_bytes()


def test_set_alone_derives_from_the_lock_that_is_there(shop: Shop) -> None:
    shop.push_all()
    parent = shop.run("lock", "--json").json["id"]
    kept = shop.run("show", "--json").json["services"]["orders"]
    new = commit_file(shop.source("cart"), "fix.txt", "fix", "fix the cart")
    git(shop.root / "services/cart", "fetch", "--quiet")
    shop.push("cart")
    shop.change("orders", "services/orders", "not wanted yet")
    streamed = shop.run("lock", "--set", f"cart={new}", "-o", "-").out
    assert f"parent: {parent}" in streamed
    assert shop.run("lock", "--set", f"cart={new}", "--json").json["parent"] == parent
    services = shop.run("show", "--json").json["services"]
    assert (services["cart"]["commit"], services["orders"]) == (new, kept)


def test_set_without_any_lock_makes_a_whole_one(shop: Shop) -> None:
    shop.push_all()
    made = shop.run("lock", "--set", f"cart={shop.commit('cart')}", "--json").json
    assert (made["written"], made["parent"], made["services"]) == (True, None, 3)


def test_quiet_says_that_a_lock_is_out_of_date_and_why(shop: Shop) -> None:
    shop.push_all()
    assert "written" in shop.run("-q", "lock").out
    (shop.root / "nginx.conf").write_text("worker_processes 2;\n")
    assert "locks/current.yaml is out of date" in shop.run("-q", "lock", "--check", code=1).err
