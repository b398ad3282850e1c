"""Which compose files make the stack, and which are only looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.setup.compose_places import candidates, choose, variant_of


def test_the_file_that_compose_would_take_is_the_stack_and_variants_are_not() -> None:
    files = choose(["compose.override.yml", "compose.yaml", "compose.prod.yaml", "docker-compose.dev.yml"])
    assert files.stack == ("compose.yaml",)
    assert files.variants == ("compose.override.yml", "compose.prod.yaml", "docker-compose.dev.yml")


def test_the_root_comes_before_other_folders() -> None:
    files = choose(["docker-compose.yml", "deploy/compose.yaml"])
    assert files.stack == ("docker-compose.yml",)
    assert files.others == ("deploy/compose.yaml",)


def test_several_files_of_a_compose_folder_make_the_stack_together() -> None:
    files = choose(["compose/databases.yaml", "compose/stack.dev.yaml", "compose/stack.yaml"])
    assert files.stack == ("compose/databases.yaml", "compose/stack.yaml")
    assert files.variants == ("compose/stack.dev.yaml",)


def test_where_there_are_only_variants_production_is_the_stack() -> None:
    files = choose(["docker-compose.dev.yml", "docker-compose.prod.yml"])
    assert files.stack == ("docker-compose.prod.yml",)
    assert files.variants == ("docker-compose.dev.yml",)


def test_nothing_found_is_no_stack() -> None:
    assert choose([]).stack == ()


@pytest.mark.parametrize(
    ("path", "variant"),
    [
        ("compose.yaml", None),
        ("compose.override.yml", "override"),
        ("deploy/docker-compose-dev.yml", "dev"),
        ("docker-compose.ci.services.yml", "ci"),
        ("compose/stack.yaml", None),
        ("docker-compose.databases.yml", None),
    ],
)
def test_a_variant_is_known_by_a_word_of_its_name(path: str, variant: str | None) -> None:
    assert variant_of(path) == variant


def test_a_link_that_leads_out_is_no_candidate(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("services: {}\n")
    repository = tmp_path / "shop"
    repository.mkdir()
    (repository / "compose.yaml").symlink_to(tmp_path / "outside.yaml")
    assert candidates(repository) == ()


def test_other_yaml_files_count_only_in_folders_for_compose_files(tmp_path: Path) -> None:
    for name in (
        "compose.yaml",
        "values.yaml",
        "compose/stack.yaml",
        "infra/values.yaml",
        "infra/compose.yml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert candidates(tmp_path) == ("compose.yaml", "compose/stack.yaml", "infra/compose.yml")
