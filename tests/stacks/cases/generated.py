"""Projects that nobody wrote: services with any of the features that the written cases have one by one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.stacks.cases.locked_case import Case

Settings = dict[str, Any]

_TEXT = st.text("aB1 é☃🎉\n\t\"'\\#:{}%&*!|>@`,-?~=", max_size=8)
# A dollar sign is written twice, or begins a variable.
texts = st.lists(
    st.one_of(_TEXT, st.sampled_from(["$$", "${SET}", "${UNSET:-d}", "${SET:+${UNSET-}x}"])), max_size=3
).map("".join)
_PORTS: list[Any] = [
    "80",
    "8080:80",
    "127.0.0.1:8443:443",
    "53:53/udp",
    "9000-9002:9000-9002",
    3000,
    {"target": 90, "published": "90", "app_protocol": "http"},
]
_MOUNTS: list[Any] = [
    "data:/data",
    "./conf:/conf:ro",
    "/anonymous",
    "outside:/outside",
    {"type": "tmpfs", "target": "/t", "tmpfs": {"size": 1024}},
    {"type": "bind", "source": "./conf", "target": "/again"},
]
_BUILDS: list[Any] = [
    ".",
    {"context": ".", "args": {"A": "${SET}"}},
    {"context": "./sub", "target": "t"},
    {"dockerfile_inline": "FROM scratch"},
    {"context": ".", "secrets": ["token"]},
]
_NETWORKS: list[Any] = [
    ["front"],
    ["back", "shared"],
    {"front": {"aliases": ["alias", "other"]}, "back": None},
    {"default": None},
]


def _some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique_by=str)


# What a service may say; `images` and builds are said by `services`.
_FEATURES: dict[str, st.SearchStrategy[Any]] = {
    "environment": st.one_of(
        st.dictionaries(st.sampled_from(["A", "B", "on", "1"]), st.one_of(texts, st.none(), st.integers(), st.booleans())),
        st.lists(texts.map("A={}".format), max_size=1),
    ),
    "labels": st.one_of(
        st.dictionaries(st.sampled_from(["a", "b.c", "1", "on", "x y"]), st.one_of(texts, st.integers(), st.booleans(), st.floats(0, 9).map(lambda x: round(x, 2)))),
        st.lists(texts.map("l={}".format), max_size=1),
    ),
    "command": st.one_of(texts.map(json.dumps), st.lists(texts, max_size=3)),
    "ports": _some(_PORTS),
    "volumes": _some(_MOUNTS),
    "networks": st.sampled_from(_NETWORKS),
    "profiles": _some(["active", "passive"]),
    "healthcheck": st.sampled_from([{"test": "true"}, {"disable": True}, {"test": ["CMD", "x", "$$1"], "interval": "1m30s"}]),
    "deploy": st.sampled_from([{"replicas": 1}, {"resources": {"limits": {"cpus": "0.5", "memory": "50M"}}}]),
    "logging": st.sampled_from([{"driver": "none"}, {"driver": "json-file", "options": {"max-size": "1m"}}]),
    "secrets": st.sampled_from([["token"], [{"source": "token", "target": "t", "mode": 256}]]),
    "configs": st.just(["conf"]),
    "env_file": st.sampled_from([["a.env"], ["a.env", {"path": "absent.env", "required": False}]]),
    "pull_policy": st.sampled_from(["always", "missing", "build"]),
    "platform": st.sampled_from(["linux/amd64", "linux/arm64"]),
    "ulimits": st.sampled_from([{"nofile": 5}, {"nofile": {"soft": 1, "hard": 2}}]),
    "extra_hosts": st.just(["h:1.2.3.4"]),
    "tmpfs": st.just("/run"),
    "init": st.booleans(),
    "restart": st.sampled_from(["always", "no", "on-failure:3"]),
    "x-more": st.just({"a": [1, None]}),
}  # fmt: skip
_settings = st.fixed_dictionaries({}, optional=_FEATURES)
_names = st.lists(
    st.sampled_from(["web", "on", "123", "1e3", "Web.API", "a-b_c", "null", "build", "x.build", "x", "y"]),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip
_TOP: Settings = {
    "networks": {
        "front": {"name": "fixed-front", "labels": ["x=y"]},
        "back": None,
        "shared": {"external": True},
    },
    "volumes": {"data": {"labels": {"n": 1}}, "outside": {"external": True, "name": "theirs"}},
    "secrets": {"token": {"environment": "SET"}},
    "configs": {"conf": {"content": "a=$$b ${SET}\n"}},
}


@st.composite
def projects(draw: st.DrawFn) -> Case:
    """One to six services, some made from others, some changed by a second file."""
    names = draw(_names)
    services = {name: draw(_service(name, names[:number])) for number, name in enumerate(names)}
    # Something is active whatever the profiles are.
    services[names[0]].pop("profiles", None)
    changed = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    above = {name: draw(_settings) for name in changed}
    for settings in above.values():
        settings.pop("profiles", None)
    return Case(
        why="nobody wrote it",
        compose=["compose.yaml", "over.yaml"],
        profiles=["active"],
        environment={"SET": "set $$ 'x'"},
        files={
            "compose.yaml": _written({**_TOP, "services": services}),
            "over.yaml": _written({"services": above}),
            "a.env": "A=1\nE='$x'\n",
            "conf/a": "",
        },
    )


def _written(document: Settings) -> str:
    """Every JSON document is a YAML document."""
    return json.dumps(document, ensure_ascii=False, indent=1)


@st.composite
def _service(draw: st.DrawFn, name: str, before: list[str]) -> Settings:
    """With an image, a build or both; from an earlier one or by itself."""
    settings: Settings = dict(draw(_settings))
    kind = draw(st.sampled_from(["image", "build", "both"]))
    if kind != "build":
        settings["image"] = draw(
            st.sampled_from(["redis", "acme/web:${SET:+1}", "localhost:5000/a/b:v1", f"acme/{len(before)}"])
        )
    if kind != "image":
        settings["build"] = draw(st.sampled_from(_BUILDS))
    is_made_from_another: bool = draw(st.booleans())
    if before and is_made_from_another:
        settings["extends"] = draw(st.sampled_from([before[-1], {"service": before[0]}]))
    # Compose wants each name of a container once, and takes those of what a service extends.
    if draw(st.booleans()) or "extends" in settings:
        settings["container_name"] = f"the-{name}"
    return settings
