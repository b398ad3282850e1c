"""What a project tells beyond its images: files and their roles, mounts, origins of variables, places."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lockflight.compose_files.contents import configuration_files
from lockflight.compose_files.project import ComposeProject, Role, load_project
from lockflight.compose_files.variables import Origin, Variable
from lockflight.errors import InputError


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def load(directory: Path, files: dict[str, str], **options: Any) -> ComposeProject:
    write(directory, files)
    options.setdefault("environment", {"HOME": "/home/somebody"})
    return load_project([directory / "compose.yaml"], **options)


def refusal(directory: Path, files: dict[str, str], **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(directory, files, **options)
    return str(caught.value)


def roles(project: ComposeProject) -> dict[str, set[Role]]:
    found: dict[str, set[Role]] = {}
    for file in project.files:
        found.setdefault(os.path.relpath(file.path, project.directory), set()).add(file.role)
    return found


def test_every_file_of_a_project_is_listed_with_its_role(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {
            "compose.yaml": """
include: [{path: sub/compose.yaml, env_file: sub.env}]
services:
  web:
    extends: {file: base/base.yaml, service: base}
    env_file: [web.env, {path: optional.env, required: false}]
    label_file: labels.txt
    configs: [site]
    volumes: ["./site.conf:/site.conf", "./missing:/missing"]
configs: {site: {file: site.conf}, unused: {file: unused.conf}}
""",
            "base/base.yaml": "services: {base: {image: base, env_file: base.env}}",
            "sub/compose.yaml": "services: {db: {image: db, volumes: ['./init:/init']}}",
            "sub.env": "A=1",
            ".env": "B=1",
            "site.conf": "",
            "sub/init/one.sql": "",
        },
    )
    assert roles(project) == {
        "compose.yaml": {Role.COMPOSE},
        "base/base.yaml": {Role.EXTENDS},
        "sub/compose.yaml": {Role.INCLUDE},
        ".env": {Role.PROJECT_ENV},
        "sub.env": {Role.PROJECT_ENV},
        "web.env": {Role.SERVICE_ENV},
        "optional.env": {Role.SERVICE_ENV},
        "base/base.env": {Role.SERVICE_ENV},
        "labels.txt": {Role.LABELS},
        "site.conf": {Role.CONFIG, Role.BIND},
        "sub/init": {Role.BIND},
        "missing": {Role.BIND},
    }
    assert {file.path.name for file in project.files if not file.exists} == {
        *("web.env", "optional.env", "base.env", "labels.txt", "missing")
    }


def test_secrets_are_listed_apart_and_are_no_files_of_the_project(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {
            "compose.yaml": """
services: {a: {image: a, secrets: [token]}}
secrets: {token: {file: ./token.txt}, unused: {file: ./unused.txt}}
""",
            "token.txt": "secret",
        },
    )
    assert [(file.path.name, file.role, file.exists) for file in project.secret_files] == [
        ("token.txt", Role.SECRET, True),
        ("unused.txt", Role.SECRET, False),
    ]
    assert [file.path.name for file in project.files] == ["compose.yaml"]


def test_the_configuration_is_every_file_but_secrets_and_what_lies_outside(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write(tmp_path, {"outside.txt": ""})
    write(
        repository, {"conf/a/one": "", "conf/two": "", "conf/token": "", "conf/.git/index": "", "b.env": ""}
    )
    (repository / "conf/link").symlink_to(tmp_path / "outside.txt")
    project = load(
        repository,
        {
            "compose.yaml": """
services:
  a:
    image: a
    volumes: ["./conf:/conf", "./conf/two:/two", "../outside.txt:/o", "./missing:/m", "/etc/hosts:/h"]
    env_file: [b.env, b.env, {path: missing.env, required: false}]
    secrets: [token]
secrets: {token: {file: ./conf/token}}
"""
        },
    )
    assert [str(path.relative_to(repository)) for path in configuration_files(project)] == [
        *("b.env", "compose.yaml", "conf/a/one", "conf/two")
    ]


def test_missing_bind_sources_are_told_by_service_target_and_place(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {
            "compose.yaml": """services:
  a:
    image: a
    volumes:
      - ./here:/here
      - ./gone:/gone
""",
            "here/file": "",
        },
    )
    (missing,) = project.missing_bind_sources
    assert (missing.service, missing.source, missing.target) == ("a", tmp_path / "gone", "/gone")
    assert str(missing.place) == "compose.yaml:6: services.a.volumes[1]"


def test_what_lies_outside_of_the_repository_is_marked(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write(repository, {"inside/file": ""})
    (repository / "link").symlink_to(tmp_path)
    (repository / "circle").symlink_to(repository / "circle")
    mounts = ["./inside", "../up", "/etc", "~/home", "./link/x", "./circle"]
    volumes = ", ".join(f"'{mount}:/{number}'" for number, mount in enumerate(mounts))
    project = load(repository, {"compose.yaml": f"services: {{a: {{image: a, volumes: [{volumes}]}}}}"})
    assert [bind.inside for bind in project.bind_sources] == [True, False, False, False, False, False]
    assert project.bind_sources[3].source == Path("/home/somebody/home")
    outside = {file.path for file in project.files if not file.inside}
    assert {bind.source for bind in project.bind_sources[1:]} == outside


def test_a_root_above_the_project_directory_counts_as_inside_and_names_files(tmp_path: Path) -> None:
    project = load(
        tmp_path / "deploy",
        {"compose.yaml": "services: {a: {image: a, volumes: ['../shared:/shared']}}", "../shared/file": ""},
        root=tmp_path,
    )
    assert project.bind_sources[0].inside
    assert str(project.services["a"].place) == "deploy/compose.yaml:1: services.a.image"


def test_the_variables_of_an_image_tell_their_origin(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {
            "compose.yaml": """
services:
  a: {image: "${REGISTRY}/${NAME}:${TAG:-1}${SUFFIX}"}
  b: {image: "b:${DERIVED}"}
  c: {image: "c:${A:-${B:-${REGISTRY}}}"}
  d: {image: "${COMPOSE_PROJECT_NAME}:${REGISTRY:+x}"}
  e: {image: "e:1", labels: {l: "${REGISTRY}"}}
""",
            ".env": "NAME=web\nREGISTRY=file\nDERIVED=${REGISTRY}-1\n",
        },
        environment={"REGISTRY": "outside"},
        project_name="shop",
    )
    env = tmp_path / ".env"
    registry = Variable("REGISTRY", Origin.ENVIRONMENT)
    assert {name: service.variables for name, service in project.services.items()} == {
        "a": (
            registry,
            Variable("NAME", Origin.ENV_FILE, env),
            Variable("TAG", Origin.DEFAULT),
            Variable("SUFFIX", Origin.UNSET),
        ),
        "b": (Variable("DERIVED", Origin.ENV_FILE, env), registry),
        "c": (Variable("A", Origin.DEFAULT), Variable("B", Origin.DEFAULT), registry),
        "d": (Variable("COMPOSE_PROJECT_NAME", Origin.PROJECT), registry),
        "e": (),
    }


def test_an_unused_default_is_not_read(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {"compose.yaml": 'services: {a: {image: "x:${TAG:-${OTHER:?no}}"}}'},
        environment={"TAG": "1"},
    )
    assert project.services["a"].image == "x:1"
    assert [variable.name for variable in project.services["a"].variables] == ["TAG"]


def test_unset_variables_are_warnings_with_their_place(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {"compose.yaml": "services:\n  a:\n    image: x:$TAG\n    user: $OWNER\n", ".env": "A=$B\n"},
    )
    assert [(str(warning.place), warning.message.split(";")[0]) for warning in project.warnings] == [
        (".env", "the variable B is not set"),
        ("compose.yaml:3: services.a.image", "the variable TAG is not set"),
        ("compose.yaml:4: services.a.user", "the variable OWNER is not set"),
    ]


def test_an_image_that_comes_out_empty_is_none(tmp_path: Path) -> None:
    project = load(tmp_path, {"compose.yaml": "services: {a: {image: $NOTHING, build: .}}"})
    assert project.services["a"].image is None
    assert project.services["a"].has_build


def test_the_place_of_an_image_is_where_it_was_last_written(tmp_path: Path) -> None:
    write(tmp_path, {"over.yaml": "services:\n  a:\n    image: a:2\n"})
    write(tmp_path, {"compose.yaml": "services:\n  a: {image: a}\n  b:\n    build: .\n"})
    files = [tmp_path / "compose.yaml", tmp_path / "over.yaml"]
    project = load_project(files, environment={})
    assert str(project.services["a"].place) == "over.yaml:3: services.a.image"
    assert str(project.services["b"].place) == "compose.yaml:3: services.b"


def test_no_env_file_is_read_when_none_is_wanted(tmp_path: Path) -> None:
    files = {"compose.yaml": 'services: {a: {image: "x:${TAG:-none}"}}', ".env": "TAG=1"}
    assert load(tmp_path, files, env_files=[]).services["a"].image == "x:none"


def test_names_of_projects_come_from_folders_as_compose_makes_them(tmp_path: Path) -> None:
    project = load(tmp_path / "_My Shop.2", {"compose.yaml": "services: {a: {image: a}}"})
    assert project.name == "myshop2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "services: {a: {image: a}}\n---\nservices: {b: {image: b}}\n",
            "compose.yaml:2: holds several documents",
        ),
        ("networks: {}\n", "compose.yaml: has no services"),
        (
            "services: {a: {extends: {file: 'https://example.org/base.yaml', service: b}}}",
            "not on this machine",
        ),
        ("include: ['oci://example.org/project']\nservices: {}", "not on this machine"),
        ("services: {a: {extends: {file: compose.yaml}}}", "services.a.extends.service: must be a text"),
        ("services: {a: {extends: [b]}}", "services.a.extends: must be a mapping"),
        ("services: {a: {image: a, volumes: {a: b}}}", "services.a.volumes: must be a list"),
        ("services: {a: {image: a, volumes: [{type: bind, target: /a}]}}", "a bind mount needs a source"),
        ("services: {a: {image: a, volumes: [5]}}", "compose.yaml:1: services.a.volumes: must be a text"),
        ("services: {a: {image: a, env_file: 5}}", "services.a.env_file.path: must be a text"),
        ("services: {a: {image: a, profiles: debug}}", "services.a.profiles: must be a list"),
        ("services: {a: {image: [a]}}", "compose.yaml:1: services.a.image: must be a text"),
        ("services: {a: {image: a}}\nconfigs: {c: {file: [x]}}", "configs.c.file: must be a text"),
        ("include: [5]\nservices: {}", "include.path: must be a text"),
        ("include: [{}]\nservices: {}", "include needs a path"),
        ("services: {a: {image: '" + "${A:-" * 100 + "'}}", "is not a valid interpolation"),
        ("services: {a: {image: '" + "${A:-" * 100 + "}" * 100 + "'}}", "nests its defaults too deeply"),
    ],
)
def test_what_is_malformed_is_refused_in_words_and_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    assert words in refusal(tmp_path, {"compose.yaml": text})


def test_a_folder_as_an_env_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.env").mkdir()
    words = refusal(
        tmp_path, {"compose.yaml": "services: {a: {image: a}}"}, env_files=[tmp_path / "folder.env"]
    )
    assert words.startswith("folder.env: the env file cannot be read")


def test_long_chains_are_refused_and_do_not_overflow(tmp_path: Path) -> None:
    links = "".join(f"  s{number}: {{extends: s{number + 1}}}\n" for number in range(2000))
    words = refusal(tmp_path, {"compose.yaml": f"services:\n{links}  s2000: {{image: a}}\n"})
    assert "more than 50 services extend each other" in words
    files = {f"{number}.yaml": f"include: [{number + 1}.yaml]" for number in range(60)}
    words = refusal(tmp_path, {"compose.yaml": "include: [0.yaml]\nservices: {}", **files, "60.yaml": "{}"})
    assert "more than 50 files include each other" in words


def test_many_expressions_on_one_line_do_not_overflow(tmp_path: Path) -> None:
    project = load(tmp_path, {"compose.yaml": "services: {a: {image: '" + "${A:-x}" * 3000 + "'}}"})
    assert project.services["a"].image == "x" * 3000


def test_the_content_of_a_secret_never_shows_in_a_message(tmp_path: Path) -> None:
    files = {"compose.yaml": "services: {a: {image: 'x:$PASSWORD${'}}", ".env": "PASSWORD=hunter2\n"}
    assert "hunter2" not in refusal(tmp_path, files)
