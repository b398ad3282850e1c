"""Two locks side by side, as a reviewer wants to see them."""

from __future__ import annotations

import json

import pytest

from lockflight.builds.model import ApiSpec
from lockflight.cli import diff_view
from lockflight.locks.diff import LockDiff, compare
from lockflight.locks.model import Lock, LockedImage
from lockflight.ports.git import CommitLine

from . import builders

NEWER = builders.service(
    "cart", commit=builders.commit("newer"), digest=builders.digest("newer"), version="1.5.0"
)
COMMITS = (CommitLine("b" * 40, "Ada", "Second | <b>bold</b> @ada"), CommitLine("a" * 40, "Bob", "First"))


def no_history(service: str, old: str, new: str) -> None:
    return None


def forwards(service: str, old: str, new: str) -> tuple[CommitLine, ...]:
    return COMMITS if old == builders.commit("cart") else ()


def with_services(**services: object) -> Lock:
    return builders.lock(services=services)


OLD = with_services(cart=builders.service("cart"), orders=builders.service("orders"))


def changed(history: object = forwards) -> LockDiff:
    return compare(OLD, with_services(cart=NEWER, orders=builders.service("orders")), history)  # type: ignore[arg-type]


def test_the_same_lock_has_no_difference() -> None:
    assert compare(OLD, OLD, no_history).is_empty
    assert diff_view.as_text(compare(OLD, OLD, no_history)).startswith("the same lock: 2 services unchanged")


def test_services_added_removed_and_changed_are_told_apart() -> None:
    new = with_services(cart=NEWER, web=builders.service("web"))
    difference = compare(OLD, new, no_history)
    assert [(c.service, c.kind) for c in difference.services] == [
        ("cart", "changed"),
        ("orders", "removed"),
        ("web", "added"),
    ]
    assert diff_view.as_text(difference).startswith("1 added, 1 removed, 1 changed, 0 unchanged\n")


def test_what_only_informs_is_no_change() -> None:
    same = with_services(
        cart=builders.service("cart", origin="tag", built=None), orders=builders.service("orders")
    )
    assert compare(OLD, same, no_history).is_empty


def test_the_commits_between_are_shown_where_a_checkout_tells_them() -> None:
    text = diff_view.as_text(changed())
    assert "cart (2 commits)" in text
    assert "bbbbbbbbbbbb Second | <b>bold</b> @ada (Ada)" in text


def test_without_a_checkout_that_is_said() -> None:
    assert "cart: no checkout at hand to name the commits between" in diff_view.as_text(changed(no_history))


def test_a_service_that_goes_back_is_named_so_with_what_it_loses() -> None:
    difference = compare(with_services(cart=NEWER), with_services(cart=builders.service("cart")), forwards)
    (change,) = difference.services
    assert change.goes_back
    text = diff_view.as_text(difference)
    assert "goes back" in text
    assert "cart loses (2 commits)" in text


def test_a_changed_api_description_is_shown() -> None:
    other = builders.service("cart", api=ApiSpec(path="openapi.yaml", digest=builders.digest("other")))
    difference = compare(OLD, with_services(cart=other, orders=builders.service("orders")), no_history)
    assert difference.services[0].fields == ("api",)
    assert diff_view.as_text(difference).splitlines()[4].endswith("changed")


def test_third_party_images_and_configuration_are_compared() -> None:
    new = builders.lock(
        images={
            "postgres": LockedImage(
                image="docker.io/library/postgres", tag="17", digest=builders.digest("17")
            )
        },
        config={"compose/stack.yaml": builders.digest("new")},
    )
    text = diff_view.as_text(compare(builders.lock(), new, no_history))
    assert "postgres:16-alpine" in text
    assert "postgres:17" in text
    assert "compose/stack.yaml  changed" in text


def test_a_subject_cannot_break_out_of_the_markdown() -> None:
    text = diff_view.as_markdown(changed())
    assert "\\|" in text
    assert "<b>" not in text.replace("<details>", "")
    assert "@ada" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1


def test_the_data_for_programs_is_json() -> None:
    data = json.loads(json.dumps(diff_view.as_data(changed())))
    (service,) = data["services"]
    assert service["fields"] == ["commit", "digest", "version"]
    assert [line["author"] for line in service["commits"]] == ["Ada", "Bob"]


def differing(**changes: object) -> LockDiff:
    other = builders.service("orders", **changes)
    return compare(OLD, with_services(cart=builders.service("cart"), orders=other), no_history)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": "ghcr.io/acme/other"}, ["image", "ghcr.io/acme/orders → ghcr.io/acme/other"]),
        ({"tag": "v2"}, ["tag", f"{builders.commit('orders')} → v2"]),
        ({"media_type": "x/y"}, ["media type", "index.v1+json → x/y"]),
        (
            {"platforms": {"linux/amd64": builders.digest("ordersamd64")}},
            ["platforms removed", "linux/arm64"],
        ),
        (
            {
                "platforms": {
                    "linux/amd64": builders.digest("x"),
                    "linux/arm64": builders.digest("ordersarm64"),
                }
            },
            ["linux/amd64", f"→ {builders.digest('x')[7:19]}"],
        ),
        (
            {"api": ApiSpec(path="api.yaml", digest=builders.digest("ordersapi"))},
            ["api path", "openapi.yaml → api.yaml"],
        ),
    ],
)
def test_what_stands_in_no_column_is_told_in_words(changes: dict[str, object], said: list[str]) -> None:
    for text in (diff_view.as_text(differing(**changes)), diff_view.as_markdown(differing(**changes))):
        (line,) = [line for line in text.splitlines() if "orders" in line and said[1] in line]
        assert said[0] in line


def test_a_tag_that_moves_on_with_its_commit_is_no_news() -> None:
    moved = differing(tag="v2", commit=builders.commit("next"))
    assert "tag" not in diff_view.as_text(moved)


LONG = "localhost:44231/0123456789ab"


@pytest.mark.parametrize("width", [80, 200])
def test_on_a_terminal_no_old_and_no_new_value_is_cut(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    images = [
        {"db": LockedImage(image=f"{LONG}/{name}", tag="16-alpine", digest=builders.digest(name))}
        for name in ("postgres", "mirror/postgres")
    ]
    old = builders.lock(services=OLD.services, images=images[0])
    new = builders.lock(services={**OLD.services, "cart": NEWER}, images=images[1])
    text = diff_view.as_text(compare(old, new, no_history))
    assert max(map(len, text.splitlines())) <= width
    for whole in (
        f"{LONG}/postgres:16-alpine {builders.digest('postgres')[7:19]}",
        f"→ {LONG}/mirror/postgres:16-alpine {builders.digest('mirror/postgres')[7:19]}",
        f"{builders.commit('cart')[:12]} → {builders.commit('newer')[:12]}",
        f"{builders.digest('cart')[7:19]} → {builders.digest('newer')[7:19]}",
        "1.4.2 → 1.5.0",
    ):
        assert whole in text
