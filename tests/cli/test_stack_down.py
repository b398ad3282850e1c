"""`stack down --all` where several clones of one project share an engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockflight.cli import stack_down
from lockflight.cli.context import Context
from lockflight.ports import stack_engine as port
from lockflight.stacks.naming import home_of
from lockflight.testing.stack_containers import Behaviour, FakeContainer
from tests.stacks.stages import Stage, stage

ALL = argparse.Namespace(all=True, name=None, lock=None)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = stage(tmp_path)
    monkeypatch.setattr(stack_down, "surroundings", lambda _: made.here)
    return made


def put_up(shop: Stage, name: str, home: str | None, **more: str) -> None:
    labels = {port.STACK: name, port.PROJECT: "shop", port.LOCK: shop.lock.id, port.PURPOSE: "up"} | more
    if home is not None:
        labels[port.HOME] = home
    shop.engine.there[name] = FakeContainer(name, name, "image", Behaviour(), labels)


def test_all_means_all_of_this_clone(shop: Stage) -> None:
    put_up(shop, "ours", home_of(shop.here.root))
    put_up(shop, "older", None)
    put_up(shop, "theirs", "another")
    said: list[str] = []
    results: list[Any] = []
    context = SimpleNamespace(say=said.append, json=results.append, as_json=True)

    assert stack_down.run(cast(Context, context), ALL) == 0

    assert [found.name for found in shop.engine.stacks()] == ["theirs"]
    assert results == [{"taken_down": ["older", "ours"]}]
    (note,) = [line for line in said if "theirs" in line]
    assert "left alone: it was put up from another clone" in note
    assert "'lockflight stack down --name theirs'" in note


def test_what_a_killed_test_of_another_clone_left_is_taken_down(shop: Stage) -> None:
    from lockflight.stacks.owner import this_process

    gone = this_process().rsplit("/", 2)[0] + "/1/1"
    put_up(shop, "left", "another", **{port.PURPOSE: "test", port.OWNER: gone})
    context = SimpleNamespace(say=[].append, json=print, as_json=False)
    assert stack_down.run(cast(Context, context), ALL) == 0
    assert shop.left() == []
