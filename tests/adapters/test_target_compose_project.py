"""What a deployment comes to, before any engine is asked: order, one-shot services, fingerprints, the override."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockflight.adapters.target_compose.project import (
    Project,
    in_dependency_order,
    is_one_shot,
    override_of,
    pinned_model,
    project_of,
)
from lockflight.adapters.target_compose.secret_values import Secrets
from lockflight.adapters.target_compose.surroundings import docker_environment
from lockflight.environments import ComposeSettings
from lockflight.errors import InputError
from lockflight.ports.target import ONE_SHOT, Deployment

PIN = "registry.example/shop/app@sha256:" + "a" * 64
COMPLETED = {"migration": {"condition": "service_completed_successfully"}}


def project(
    services: Mapping[str, Any], folder: Path, images: Mapping[str, str] | None = None, **model: Any
) -> Project:
    pins = dict.fromkeys(services, PIN) if images is None else images
    deployment = Deployment("staging", "shop", "b" * 64, pins, (folder / "compose.yaml",), root=folder)
    return project_of("shop-staging", deployment, {"name": "shop-staging", "services": services, **model}, {})


def fingerprint(
    service: Mapping[str, Any], folder: Path, values: Mapping[str, str] | None = None, **model: Any
) -> str:
    deployment = Deployment("staging", "shop", "b" * 64, {"app": PIN}, (), root=folder)
    return (
        project_of("x", deployment, {"services": {"app": service}, **model}, values or {})
        .wanted["app"]
        .fingerprint
    )


# --- order and one-shot services -------------------------------------------------------------------------------


def test_each_service_comes_after_what_it_needs_and_otherwise_by_name() -> None:
    services: dict[str, Any] = {
        "app": {"depends_on": {"store": {}, "cache": {}}},
        "store": {"depends_on": {"volume": {}}},
        "cache": {},
        "alone": {},
        "volume": {},
    }
    assert in_dependency_order(services) == ["alone", "cache", "volume", "store", "app"]


@pytest.mark.parametrize(
    ("service", "is_awaited", "expected"),
    [
        ({}, True, True),
        ({"restart": "no"}, True, True),
        ({"restart": "on-failure:3"}, True, True),
        ({"restart": "always"}, True, False),
        ({"deploy": {"restart_policy": {"condition": "none"}}}, True, True),
        ({"deploy": {"restart_policy": {"condition": "any"}}}, True, False),
        ({"restart": "no"}, False, False),
        ({"deploy": {"mode": "replicated-job"}}, False, True),
        ({"labels": {ONE_SHOT: "true"}}, False, True),
        ({"labels": {ONE_SHOT: "false"}}, True, False),
    ],
)
def test_a_service_is_one_shot_when_it_says_so_or_somebody_waits_for_its_end(
    service: dict[str, Any], is_awaited: bool, expected: bool
) -> None:
    app = (
        {"depends_on": COMPLETED}
        if is_awaited
        else {"depends_on": {"migration": {"condition": "service_started"}}}
    )
    assert is_one_shot("migration", {"migration": service, "app": app}) is expected


# --- the fingerprint -------------------------------------------------------------------------------------------


def test_what_makes_no_other_container_does_not_count(tmp_path: Path) -> None:
    plain = fingerprint({"command": ["run"]}, tmp_path)
    same: dict[str, Any]
    for same in (
        {"image": "other"},
        {"build": {"context": "."}},
        {"scale": 4},
        {"deploy": {"replicas": 4, "resources": {}}},
        {"profiles": ["more"]},
        {"depends_on": {"store": {}}},
        {"labels": {"dev.lockflight.lock": "c" * 64}},
    ):
        assert fingerprint({"command": ["run"], **same}, tmp_path) == plain, same
    for other in (
        {"command": ["walk"]},
        {"environment": {"GREETING": "hello"}},
        {"labels": {"traefik.enable": "true"}},
        {"ports": [{"target": 80}]},
        {"deploy": {"resources": {"limits": {"memory": "1g"}}}},
    ):
        assert fingerprint({"command": ["run"], **other}, tmp_path) != plain, other


def test_the_content_of_bound_files_counts_and_where_the_checkout_lies_does_not(tmp_path: Path) -> None:
    found = set()
    for place, text in (("one", "a"), ("two", "a"), ("three", "b")):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "app.conf").write_text(text)
        mount = {"type": "bind", "source": str(folder / "app.conf"), "target": "/app.conf"}
        found.add((text, fingerprint({"volumes": [mount]}, folder)))
    assert len(found) == 2


@pytest.mark.parametrize(("read_only", "counts"), [(True, True), (False, False)])
def test_a_folder_counts_when_the_service_cannot_write_to_it(
    tmp_path: Path, read_only: bool, counts: bool
) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "a.conf").write_text("one")
    service = {
        "volumes": [{"type": "bind", "source": str(folder), "target": "/conf.d", "read_only": read_only}]
    }
    before = fingerprint(service, tmp_path)
    (folder / "a.conf").write_text("two")
    assert (fingerprint(service, tmp_path) != before) is counts


def test_configs_count_with_their_content_and_secrets_with_their_definition_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one")
    definition = {"it": {"name": "shop_it", "file": str(tmp_path / "file")}}
    config = {"configs": [{"source": "it", "target": "/it"}]}
    secret = {"secrets": [{"source": "it", "target": "/it"}]}
    before = [
        fingerprint(config, tmp_path, configs=definition),
        fingerprint(secret, tmp_path, secrets=definition),
    ]
    (tmp_path / "file").write_text("two")
    after = [
        fingerprint(config, tmp_path, configs=definition),
        fingerprint(secret, tmp_path, secrets=definition),
    ]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
    elsewhere = {"it": {"name": "shop_it", "external": True}}
    assert fingerprint(secret, tmp_path, secrets=elsewhere) != after[1]


def test_a_config_that_is_made_of_a_variable_counts_with_its_value(tmp_path: Path) -> None:
    model = {"configs": {"it": {"environment": "SETTINGS"}}}
    service = {"configs": [{"source": "it"}]}
    one, two = (fingerprint(service, tmp_path, {"SETTINGS": value}, **model) for value in ("1", "2"))
    assert one != two


def test_networks_and_volumes_count_where_they_are_used(tmp_path: Path) -> None:
    service = {
        "networks": {"back": None},
        "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
    }

    def found(back: str, data: str, other: str) -> str:
        networks = {"back": {"name": back}, "other": {"name": other}}
        return fingerprint(service, tmp_path, networks=networks, volumes={"data": {"name": data}})

    plain = found("a", "b", "c")
    assert plain == found("a", "b", "changed")
    assert plain != found("changed", "b", "c")
    assert plain != found("a", "changed", "c")


@pytest.mark.parametrize(
    "tie", [{"network_mode": "service:app"}, {"pid": "service:app"}, {"volumes_from": ["app:ro"]}]
)
def test_a_service_that_is_tied_to_another_changes_with_it(tmp_path: Path, tie: dict[str, Any]) -> None:
    services = {"app": {}, "side": tie}
    before = project(services, tmp_path).wanted["side"].fingerprint
    images = {"app": PIN.replace("a" * 64, "c" * 64), "side": PIN}
    assert project(services, tmp_path, images).wanted["side"].fingerprint != before
    assert project({**services, "app": {"command": "x"}}, tmp_path).wanted["side"].fingerprint != before


# --- the override ----------------------------------------------------------------------------------------------


def test_the_override_pins_and_labels_and_does_nothing_else(tmp_path: Path) -> None:
    services = {"app": {"build": {"context": "."}, "depends_on": COMPLETED}, "migration": {}, "other": {}}
    found = project(services, tmp_path, {"app": PIN, "migration": PIN})
    app, migration = found.wanted["app"].fingerprint, found.wanted["migration"].fingerprint
    assert (
        override_of(found)
        == f"""\
# runs lock {"b" * 64} in staging
services:
  migration:
    image: {PIN}
    labels:
      dev.lockflight.environment: staging
      dev.lockflight.lock: {"b" * 64}
      dev.lockflight.fingerprint: {migration}
      dev.lockflight.one-shot: "true"
  app:
    image: {PIN}
    build: !reset null
    labels:
      dev.lockflight.environment: staging
      dev.lockflight.lock: {"b" * 64}
      dev.lockflight.fingerprint: {app}
"""
    )


def test_the_raw_model_is_pinned_and_leaves_out_what_is_not_deployed(tmp_path: Path) -> None:
    found = project(
        {"app": {"build": {"context": "."}, "image": "app:1"}, "other": {}}, tmp_path, {"app": PIN}
    )
    raw = pinned_model(found)
    assert set(raw["services"]) == {"app"}
    assert raw["services"]["app"]["image"] == PIN
    assert "build" not in raw["services"]["app"]


def test_an_image_of_docker_hub_is_wanted_under_the_name_that_the_engine_tells(tmp_path: Path) -> None:
    found = project({"store": {}}, tmp_path, {"store": "postgres@sha256:" + "a" * 64})
    assert found.wanted["store"].reference == "docker.io/library/postgres@sha256:" + "a" * 64


# --- secrets and surroundings ----------------------------------------------------------------------------------


def test_secrets_that_are_not_set_are_all_named() -> None:
    secrets = Secrets(("TOKEN", "PASSWORD", "KEY"), {"KEY": "x", "PASSWORD": ""})
    with pytest.raises(InputError, match="TOKEN, PASSWORD"):
        secrets.demand()
    Secrets(("KEY",), {"KEY": "x"}).demand()


def test_values_of_secrets_are_covered_line_by_line() -> None:
    secrets = Secrets(
        ("KEY", "PASSWORD"), {"KEY": "begin\nmiddle\nend", "PASSWORD": "begins", "OTHER": "open"}
    )
    assert secrets.covered("begins, begin; middle. open end") == "***, ***; ***. open end"


INHERITED = {"DOCKER_HOST": "unix:///a", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/a", "PATH": "/bin"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ComposeSettings(), INHERITED),
        (ComposeSettings(context="prod"), {"PATH": "/bin", "DOCKER_CONTEXT": "prod"}),
        (ComposeSettings(host="ssh://deploy@host"), {"PATH": "/bin", "DOCKER_HOST": "ssh://deploy@host"}),
    ],
)
def test_the_settings_alone_say_where_the_engine_is(
    settings: ComposeSettings, expected: dict[str, str]
) -> None:
    assert docker_environment(settings, INHERITED) == expected


def test_certificates_lie_where_a_variable_says() -> None:
    settings = ComposeSettings(host="tcp://host:2376", tls="CERTIFICATES")
    found = docker_environment(settings, {"CERTIFICATES": "/certs"})
    assert found == {
        "CERTIFICATES": "/certs",
        "DOCKER_HOST": "tcp://host:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/certs",
    }
    with pytest.raises(InputError, match="CERTIFICATES"):
        docker_environment(settings, {})


def test_a_deployment_of_another_lock_differs_in_its_label_only(tmp_path: Path) -> None:
    found = project({"app": {}}, tmp_path)
    other = replace(found, deployment=replace(found.deployment, lock_id="c" * 64))
    assert override_of(other) == override_of(found).replace("b" * 64, "c" * 64)
