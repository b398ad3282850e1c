"""Generated interpolations and env files mean to us what they mean to the real Compose.

Many expressions go into one compose file, an image each, so that few processes are needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockflight.compose_files.project import ComposeProject, load_project
from lockflight.errors import InputError
from tests.compose_files.compose_cli import compose

ENVIRONMENT = {"SET": "set", "EMPTY": "", "DOLLAR": "a$SET${X}", "BRACES": "{}}"}
NAMES = st.sampled_from(["SET", "EMPTY", "DOLLAR", "BRACES", "MISSING", "_under_2"])
# Before 5.1 Compose read words that it then did not use, and could fail over them. Nothing random goes there.
UNREADABLE_WORD = re.compile(r"\$\{\w+:?[-+?].*\$", re.DOTALL)

expressions = st.recursive(
    st.one_of(
        st.text("ab1:-+?/. é", max_size=6),
        NAMES.map("${}".format),
        NAMES.map("${{{}}}".format),
        st.just("$$"),
    ),
    lambda inner: st.one_of(
        st.tuples(NAMES, st.sampled_from([":-", "-", ":+", "+"]), inner).map(
            "${{{0[0]}{0[1]}{0[2]}}}".format
        ),
        st.tuples(st.sampled_from(["SET", "DOLLAR"]), st.sampled_from([":?", "?"])).map(
            "${{{0[0]}{0[1]}no}}".format
        ),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=8,
)
tokens = ["$", "${", "}", "{", "SET", "A1", ":-", "-", ":+", "?", "1", " ", "$$", "$SET", "${A}", "\n", "%"]
noise = (
    st.lists(st.sampled_from(tokens), max_size=7)
    .map("".join)
    .filter(lambda text: not UNREADABLE_WORD.search(text))
)


def bounded(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
    )


def project_of(directory: Path, images: list[str]) -> Path:
    file = directory / "compose.yaml"
    services = {f"s{number}": {"image": image} for number, image in enumerate(images)}
    file.write_text(json.dumps({"services": services}, ensure_ascii=False))
    return file


def our_images(directory: Path, images: list[str], environment: Mapping[str, str]) -> list[str | None] | None:
    """What we read, or None where we refuse."""
    try:
        project = load_project([project_of(directory, images)], environment=environment)
    except InputError:
        return None
    return [service.image for service in project.services.values()]


def their_images(directory: Path, images: list[str], environment: Mapping[str, str]) -> list[str] | None:
    project_of(directory, images)
    config = compose(directory, [], environment).config
    if config is None:
        return None
    return [config["services"][f"s{number}"]["image"] for number in range(len(images))]


@given(st.lists(expressions.map("x:{}".format), min_size=40, max_size=80))
@bounded(8)
def test_interpolations_are_read_as_compose_reads_them(images: list[str]) -> None:
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        assert our_images(directory, images, ENVIRONMENT) == their_images(directory, images, ENVIRONMENT)


@given(st.lists(noise.map("x:{}".format), min_size=30, max_size=60))
@bounded(8)
def test_nonsense_is_read_or_refused_as_by_compose(images: list[str]) -> None:
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        taken = [image for image in images if our_images(directory, [image], ENVIRONMENT)]
        refused = [image for image in images if image not in taken]
        assert our_images(directory, taken, ENVIRONMENT) == their_images(directory, taken, ENVIRONMENT)
        for image in refused[:3]:
            assert their_images(directory, [image], ENVIRONMENT) is None, image


keys = st.sampled_from(["K0", "K1", "K2", "K3", "INHERITED", "MISSING"])
values = st.lists(
    st.one_of(
        st.text("ab #'\"\\\t=:é", max_size=5),
        st.sampled_from(
            ["$K0", "${K1}", "${K2:-d}", "${INHERITED}", "$$", "\\n", "\\$K0", "\\0101", "\\t", "\\\\"]
        ),
    ),
    max_size=4,
).map("".join)
quoted = values.map(lambda text: text.replace('"', "").replace("'", ""))
unquoted = st.one_of(quoted, values.map("a{}".format))
statements = st.one_of(
    st.tuples(keys, st.sampled_from(["=", " = ", ": ", "="]), unquoted).map("".join),
    st.tuples(keys, quoted).map('{0[0]}="{0[1]}"'.format),
    st.tuples(keys, quoted).map("{0[0]}='{0[1]}'".format),
    st.tuples(keys, quoted, quoted).map('{0[0]}="{0[1]}\n{0[2]}" # after'.format),
    st.tuples(keys, unquoted).map("export {0[0]}={0[1]}".format),
    keys,
    st.sampled_from(["# comment", "", "   ", "export K1"]),
)
# Values without a name, and a bare name as the very end of a file, are refused by older versions of Compose
# and ignored by newer ones, and by us: nothing here makes them.
endings = st.sampled_from(["\n", "\nK3=end", '\nK3="end"', "\n# end"])
env_files = st.tuples(st.lists(statements, max_size=8).map("\n".join), endings).map("".join)


@given(env_files)
@bounded(30)
def test_env_files_are_read_as_compose_reads_them(text: str) -> None:
    environment = {"INHERITED": "inherited", "K1": "outside"}
    images = [f"x:${{{key}-unset}}" for key in ("K0", "K1", "K2", "K3", "INHERITED", "MISSING")]
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / ".env").write_bytes(text.encode())
        assert our_images(directory, images, environment) == their_images(directory, images, environment)


WHOLE: dict[str, Any] = {
    "name": "shop",
    "include": [{"path": ["b.yaml"], "project_directory": "sub", "env_file": ["a.env"]}],
    "services": {
        "base": {"image": "base", "build": {"context": "."}, "environment": {"A": "1"}},
        "web": {
            "extends": {"service": "base", "file": "a.yaml"},
            "image": "web",
            "platform": "linux/amd64",
            "profiles": ["debug"],
            "env_file": [{"path": "a.env"}],
            "label_file": ["labels"],
            "volumes": ["./a:/a", {"type": "bind", "source": "./b", "target": "/b"}, "data:/data"],
            "configs": ["one", {"source": "one", "target": "/one"}],
            "environment": ["A=2"],
            "logging": {"driver": "x"},
            "ulimits": {"nofile": {"soft": 1}},
            "build": {"args": ["A=1"]},
        },
        "child": {"extends": "web", "logging": {"driver": "y"}, "ulimits": {"nofile": 5}},
    },
    "volumes": {"data": {"driver": "local", "driver_opts": {"o": "bind", "device": "./data"}}},
    "configs": {"one": {"file": "./one"}},
    "secrets": {"two": {"file": "./two"}},
}
VALUES: list[Any] = [None, True, 5, 1.5, "", "text", "$", [], ["x"], [None], [[]], {}, {"x": None}, {"x": []}]


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in items for deeper in paths_of(item, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def read(texts: list[Any]) -> ComposeProject:
    """The project that these compose files make, with the files that `WHOLE` names beside them."""
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "a.yaml").write_text("services: {base: {image: a, volumes: ['./x:/x']}}")
        (directory / "b.yaml").write_text("services: {db: {image: db}}")
        (directory / "a.env").write_text("")
        files = [directory / f"{number}.yaml" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(json.dumps(text))
        return load_project(files, environment={})


def test_the_whole_project_is_read() -> None:
    assert set(read([WHOLE, WHOLE]).services) == {"base", "web", "child", "db"}


@given(st.sampled_from(paths_of(WHOLE)), st.sampled_from(VALUES), st.booleans())
@settings(max_examples=400, deadline=None)
def test_whatever_stands_anywhere_is_read_or_refused_with_its_place(
    path: tuple[Any, ...], new: Any, merged: bool
) -> None:
    try:
        read([changed(WHOLE, path, new), *([WHOLE] if merged else [])])
    except InputError as error:
        assert error.problems[0].place.file, str(error)
