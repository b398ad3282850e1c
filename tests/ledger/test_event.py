"""An event says what its kind says, has a name of its own, and holds no secret."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import jsonschema
import pytest
from pydantic import ValidationError

from lockflight.adapters.ledger_files import event_path, event_text, read_event
from lockflight.errors import InputError
from lockflight.ports.ledger_event import Answer, Event, Kind, ServiceChange, in_order, next_number
from tests.ledger.builders import at, digest, event, lock

KINDS: tuple[Kind, ...] = get_args(Kind)
# What the builder gives an event besides what it needs.
OPTIONAL: dict[Kind, set[str]] = {"overridden": {"lock"}, "rolled-back": {"lock"}}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_every_kind_is_read_as_it_was_written(kind: Kind) -> None:
    one = event(kind, 7)
    assert read_event(event_path(one), event_text(one).encode()) == one


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_fits_its_schema_and_one_without_a_field_that_its_kind_needs_does_not(kind: Kind) -> None:
    schema = Event.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = event(kind).model_dump(mode="json", exclude_none=True, exclude_defaults=True) | {"version": 1}
    jsonschema.validate(data, schema)
    optional = {"version", "environment", "number", "kind", "time"} | OPTIONAL.get(kind, set())
    needed = data.keys() - optional
    for field in needed:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({key: value for key, value in data.items() if key != field}, schema)
        with pytest.raises(ValidationError):
            Event(**{key: value for key, value in event(kind).model_dump().items() if key != field})


def test_a_field_of_another_kind_is_refused_by_model_and_schema() -> None:
    data = event("approved").model_dump(mode="json", exclude_defaults=True) | {"version": 1, "tag": "v1.0.0"}
    with pytest.raises(ValidationError, match="is 'approved' and cannot say 'tag'"):
        Event(**data)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, Event.model_json_schema())


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"number": 100_000_000},
        {"environment": "../staging"},
        {"environment": ".staging"},
        {"reason": "two\nlines"},
        {"lock": "A" * 64},
        {"run": {"owner": ""}},
        {"who": "Ada"},
    ],
)
def test_what_does_not_belong_in_an_event_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event("started", **changes)


def test_names_sort_by_number_and_tell_persons_apart() -> None:
    assert event("started", 7).name == "00000007-started"
    ada, other = event("approved", 7, person="Ada L."), event("approved", 7, person="ada-l")
    assert ada.name.startswith("00000007-approved-ada-l-")
    assert other.name.startswith("00000007-approved-ada-l-")
    assert ada.name != other.name
    assert event("approved", 7, "b", person="Ada L.").name != ada.name
    assert "/" not in event("held", 7, person="../../etc/passwd").name
    assert event("held", 7, person="アダ").name.startswith("00000007-held-person-")


def test_a_name_is_never_longer_than_a_file_name_may_be() -> None:
    assert len(event("overridden", 7, person="ж" * 1000).name) < 100


def test_an_event_that_is_said_again_later_is_the_same() -> None:
    one = event("started", 7)
    assert one.says_the_same(event("started", 7, time=at(99)))
    assert not one.says_the_same(event("started", 7, "b"))


def test_a_password_in_what_others_wrote_is_not_kept() -> None:
    url = "cannot pull from https://ada:s3cret@registry.example/cart"
    one = event(
        "failed",
        reason=url,
        services={"cart": ServiceChange(outcome="failed", cause=url, detail=url)},
        checks={"smoke": Answer(outcome="refused", says=url)},
    )
    assert "s3cret" not in event_text(one)
    assert "https://registry.example/cart" in event_text(one)


def test_the_same_event_gives_the_same_bytes() -> None:
    names = ("b", "a", "c")
    texts = {
        event_text(event("started", 7, environment_files={name: digest(name) for name in order}))
        for order in itertools.permutations(names)
    }
    assert len(texts) == 1


def test_an_event_of_a_later_version_is_refused_by_its_version_alone() -> None:
    text = event_text(event("started", 7)).replace('"version": 1', '"version": 2, "moon": "full"')
    with pytest.raises(InputError) as raised:
        read_event("locks/ledger/staging/00000007-started.json", text.encode())
    assert [problem.message for problem in raised.value.problems] == [
        "is an event of version 2; this lockflight reads version 1"
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("locks/ledger/staging/00000008-started.json", event_text(event("started", 7))),
        ("locks/ledger/production/00000007-started.json", event_text(event("started", 7))),
        ("locks/ledger/staging/00000007-started.json", "{"),
        ("locks/ledger/staging/00000007-started.json", "[]"),
        ("locks/ledger/staging/00000007-started.json", '{"number": 7, "number": 7}'),
        ("locks/ledger/staging/00000007-started.json", event_text(event("started", 7)).replace("run", "rum")),
    ],
)
def test_a_file_that_is_not_the_event_it_is_named_for_is_refused_with_its_path(path: str, text: str) -> None:
    with pytest.raises(InputError) as raised:
        read_event(path, text.encode())
    assert all(problem.place.file == path for problem in raised.value.problems)


def test_the_order_is_that_of_numbers_and_kinds_whatever_the_clocks_say() -> None:
    told = [
        event("gated", 7, time=at(9)),
        event("started", 7, time=at(8)),
        event("deployed", 7, time=at(7)),
        event("succeeded", 7, time=at(6)),
        event("started", 8, time=at(1)),
    ]
    assert in_order(reversed(told)) == tuple(told)


def test_the_next_number_is_above_all_that_ledger_and_target_know() -> None:
    assert next_number([]) == 1
    assert next_number([event("started", 7), event("held", 9)]) == 10
    assert next_number([event("started", 7)], at_least=12) == 13
    assert lock("a") == event("started").lock
