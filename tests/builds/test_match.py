"""Records find their service, complete each other, and say where they disagree."""

from __future__ import annotations

from typing import Any

from lockflight.builds.match import Matched, ServiceNames, match
from lockflight.builds.model import Found, Record
from lockflight.names import parse_reference

A, B = "a" * 40, "b" * 40
DIGEST, OTHER_DIGEST = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
SERVICES = (
    ServiceNames("cart", ("cart-api", "cart-worker"), "ghcr.io/acme/cart"),
    ServiceNames("web", ("web",), "ghcr.io/acme/web"),
    ServiceNames("settings", ("settings",)),
)


def found(origin: str = "record a.json", *, target: str | None = None, shared: bool = False,
          pushed: bool = True, references: tuple[str, ...] = (), **fields: Any) -> Found:  # fmt: skip
    names = tuple(parse_reference(text) for text in references)
    return Found(Record.model_validate(fields), origin, target, names, shared, pushed)


def matched(*parts: Found, ignored: tuple[str, ...] = ()) -> Matched:
    return match(parts, SERVICES, ignored=ignored)


def test_a_record_finds_its_service_by_name() -> None:
    assert matched(found(service="cart", commit=A)).records["cart"].record.commit == A


def test_a_record_may_use_the_compose_name() -> None:
    record = matched(found(service="cart-api", commit=A)).records["cart"].record
    assert record.service == "cart"


def test_a_bake_target_is_a_service_or_a_compose_name() -> None:
    result = matched(found(target="cart-worker", digest=DIGEST), found(target="web", digest=OTHER_DIGEST))
    assert {name: one.record.digest for name, one in result.records.items()} == {
        "cart": DIGEST,
        "web": OTHER_DIGEST,
    }


def test_an_image_leads_to_its_service() -> None:
    result = matched(found(image="ghcr.io/acme/web", digest=DIGEST))
    assert list(result.records) == ["web"]
    assert result.findings == ()


def test_an_image_pushed_under_several_names_is_shown_under_the_service_s_own() -> None:
    references = ("docker.io/acme/cart:latest", "ghcr.io/acme/cart:latest", f"ghcr.io/acme/cart:sha-{A[:7]}")
    record = (
        matched(
            found(image="docker.io/acme/cart", tag="latest", commit=A, digest=DIGEST, references=references)
        )
        .records["cart"]
        .record
    )
    assert (record.image, record.tag) == ("ghcr.io/acme/cart", f"sha-{A[:7]}")


def test_two_services_may_run_the_same_image() -> None:
    services = [ServiceNames("api", (), "ghcr.io/acme/app"), ServiceNames("worker", (), "ghcr.io/acme/app")]
    result = match([found(image="ghcr.io/acme/app", digest=DIGEST)], services)
    assert [one.record.service for one in result.records.values()] == ["api", "worker"]


def test_an_unknown_service_is_a_finding_with_a_hint() -> None:
    result = matched(found("record ci/crat.json", service="crat"))
    (finding,) = result.findings
    assert (finding.code, finding.subject, finding.note) == ("unknown-service", "record ci/crat.json", False)
    assert finding.hint == "did you mean 'cart'?"
    assert result.records == {}


def test_an_unknown_image_in_a_file_of_its_own_is_a_finding() -> None:
    (finding,) = matched(found(image="ghcr.io/acme/crat")).findings
    assert (finding.note, finding.hint) == (False, "did you mean 'ghcr.io/acme/cart'?")


def test_an_unknown_target_among_others_is_only_noted() -> None:
    (finding,) = matched(found(target="migrations", shared=True)).findings
    assert finding.note


def test_an_excluded_name_is_passed_over() -> None:
    result = matched(found(service="legacy"), found(target="tools"), ignored=("legacy", "tools"))
    assert result.findings == ()


def test_records_of_one_service_complete_each_other() -> None:
    labels = found("record meta.json", image="ghcr.io/acme/cart", tag="latest", commit=A, version="1.4.2",
                   references=("ghcr.io/acme/cart:latest", f"ghcr.io/acme/cart:sha-{A[:7]}"))  # fmt: skip
    build = found("record build.json", image="ghcr.io/acme/cart", tag="latest", digest=DIGEST,
                  references=(f"ghcr.io/acme/cart:sha-{A[:7]}", "ghcr.io/acme/cart:latest"))  # fmt: skip
    for parts in ((labels, build), (build, labels)):
        result = matched(*parts)
        record = result.records["cart"].record
        assert result.findings == ()
        assert (record.commit, record.version, record.digest) == (A, "1.4.2", DIGEST)
        assert record.tag == f"sha-{A[:7]}"
    assert matched(labels, build).records["cart"].origin == "record meta.json, record build.json"


def test_the_same_record_twice_is_one_record() -> None:
    one = found("record a.json", service="cart", commit=A, digest=DIGEST)
    other = found("record b.json", service="cart", commit=A, digest=DIGEST)
    assert matched(one, other).findings == ()


def test_records_that_disagree_are_named_with_both_values_and_both_origins() -> None:
    result = matched(
        found("record old.json", service="cart", commit=A, digest=DIGEST),
        found("record new.json", service="cart", commit=B, digest=OTHER_DIGEST),
    )
    assert [(one.code, one.subject, one.expected, one.found) for one in result.findings] == [
        ("records-disagree", "cart", A, B),
        ("records-disagree", "cart", DIGEST, OTHER_DIGEST),
    ]
    assert result.findings[0].message == f"record old.json says commit {A}, record new.json says {B}"


def test_every_value_of_many_that_disagree_is_named() -> None:
    versions = [found(f"record {n}.json", service="cart", version=f"1.{n}") for n in range(3)]
    assert [one.found for one in matched(*versions).findings] == ["1.1", "1.2"]


def test_platforms_that_disagree_are_named() -> None:
    parts = [found(service="cart", platforms={"linux/amd64": digest}) for digest in (DIGEST, OTHER_DIGEST)]
    (finding,) = matched(*parts).findings
    assert "digest for linux/amd64" in finding.message


def test_times_of_two_steps_may_differ() -> None:
    parts = [
        found(service="cart", commit=A, built=f"2026-11-20T17:1{n}:00Z", run=f"https://ci/{n}")
        for n in (0, 1)
    ]
    assert matched(*parts).findings == ()


def test_two_tags_of_one_digest_are_both_right() -> None:
    parts = [
        found(service="cart", image="ghcr.io/acme/cart", tag=tag, digest=DIGEST, commit=A)
        for tag in ("latest", A)
    ]
    result = matched(*parts)
    assert result.findings == ()
    assert result.records["cart"].record.tag == A


def test_two_images_for_one_service_disagree() -> None:
    parts = [
        found(service="cart", image=f"{host}/acme/cart", digest=DIGEST) for host in ("a.example", "b.example")
    ]
    (finding,) = matched(*parts).findings
    assert (finding.expected, finding.found) == ("a.example/acme/cart", "b.example/acme/cart")


def test_a_service_that_was_built_without_push_is_named() -> None:
    part = found("record bake.json#cart", target="cart", shared=True, pushed=False)
    (finding,) = matched(part).findings
    assert (finding.code, finding.subject, finding.note) == ("built-without-push", "cart", False)


def test_a_target_that_is_no_service_need_not_be_pushed() -> None:
    (finding,) = matched(found("record bake.json#lint", target="lint", shared=True, pushed=False)).findings
    assert finding.note


def test_the_origin_of_many_records_stays_short() -> None:
    parts = [found(f"record {n}.json", service="cart", commit=A) for n in range(9)]
    assert matched(*parts).records["cart"].origin == "record 0.json, record 1.json, record 2.json and 6 more"


def test_services_come_in_the_order_of_the_manifest() -> None:
    result = matched(found(service="web"), found(service="cart"))
    assert list(result.records) == ["cart", "web"]


def test_a_build_that_names_neither_service_nor_image_is_told_how_to_name_it() -> None:
    (finding,) = matched(found("record outputs.json", digest=DIGEST)).findings
    assert finding.message == "names no service and no image"
    assert "--service" in str(finding.hint)
    assert "'services'" not in str(finding.hint)
