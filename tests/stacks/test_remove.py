"""Whose a stack is: of this repository's clone, of another one, or of nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.adapters.stack_engine import stacks
from lockflight.errors import InputError
from lockflight.ports import stack_engine as port
from lockflight.stacks.bring_up import _check_name
from lockflight.stacks.naming import KEPT, UP, home_of, labels_of
from lockflight.stacks.prepare import Request
from lockflight.stacks.remove import is_of_another_home, remove_orphans
from tests.stacks.stages import Stage, stage


@pytest.fixture(autouse=True)
def _a_machine_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("machine")))


@pytest.fixture
def shop(tmp_path: Path) -> Stage:
    return stage(tmp_path)


def put_up(shop: Stage, home: str | None, **labels: str) -> str:
    """A stack that is there, as one of this home."""
    name = shop.test(purpose=KEPT).running.prepared.name
    own = {} if home is None else {port.HOME: home}
    for container in shop.engine.there.values():
        kept = {key: text for key, text in container.labels.items() if key != port.HOME}
        container.labels = {**kept, **own, **labels}
    for there in (shop.engine.networks_there, shop.engine.volumes_there):
        for key, found in there.items():
            kept = {label: text for label, text in found.items() if label != port.HOME}
            there[key] = {**kept, **own, **labels}
    return name


def test_a_home_is_a_user_and_a_real_folder_and_says_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    found = home_of(tmp_path / "a")
    assert found == home_of(tmp_path / "link")
    assert found != home_of(tmp_path)
    assert len(found) == 12
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert home_of(tmp_path / "a") != found


def test_the_home_stands_on_everything_and_is_found_again(shop: Stage) -> None:
    labels = labels_of("one", shop.lock, UP, alone=False, home="abc")
    (found,) = stacks.found([labels], [])
    assert (labels[port.HOME], found.home) == ("abc", "abc")
    (older,) = stacks.found([labels_of("one", shop.lock, UP, alone=False)], [])
    assert older.home is None


def test_a_name_that_another_home_has_is_refused(shop: Stage) -> None:
    name = put_up(shop, "another")
    (found,) = shop.engine.stacks()
    assert found.home == "another"
    assert is_of_another_home(found, shop.here.root)
    with pytest.raises(InputError, match="another clone of this repository") as failure:
        _check_name(shop.here, Request(shop.lock, name, UP))
    assert "--name" in str(failure.value.problems[0].hint)


@pytest.mark.parametrize("ours", [True, False])
def test_a_stack_of_this_home_and_one_without_a_label_are_ours(shop: Stage, ours: bool) -> None:
    name = put_up(shop, home_of(shop.here.root) if ours else None)
    _check_name(shop.here, Request(shop.lock, name, UP))


def test_what_a_killed_test_left_is_removed_whatever_its_home(shop: Stage) -> None:
    from lockflight.stacks.owner import this_process

    here = this_process().rsplit("/", 2)[0]
    name = put_up(shop, "another", **{port.PURPOSE: "test", port.OWNER: f"{here}/1/1"})
    assert [orphan.name for orphan in remove_orphans(shop.here)] == [name]
    assert shop.left() == []
