"""Placeholders tell a suite where services are, by the names that it expects; what cannot be filled is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.config import Suite
from lockflight.errors import InputError
from lockflight.stacks.addresses import AddressedPort, Addresses
from lockflight.stacks.suites.placeholders import Values, fill, filled, problems_of


def port(host: str, target: int, number: int, protocol: str = "tcp") -> AddressedPort:
    return AddressedPort(target, protocol, host, number, f"http://{host}:{number}")


LOCK = "ab" * 32
HERE = Values(
    Addresses(
        {
            "gateway": (port("127.0.0.1", 8080, 41000), port("127.0.0.1", 9090, 41001)),
            "api": (port("127.0.0.1", 80, 41002), port("127.0.0.1", 2, 41003)),
            "api.2": (port("127.0.0.1", 80, 41004),),
            "dns_1-a": (port("127.0.0.1", 53, 41005, "udp"), port("127.0.0.1", 53, 41006)),
            "store": (),
        }
    ),
    LOCK,
    "shop-1",
)
INSIDE = Values(Addresses({"gateway": (port("gateway", 8080, 8080),), "store": ()}), LOCK, "shop-1", True)
SERVICES = list(HERE.addresses.services)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{url.gateway}", "http://127.0.0.1:41000"),
        ("{url.gateway.9090}/v1", "http://127.0.0.1:41001/v1"),
        ("{host.gateway}:{port.gateway}", "127.0.0.1:41000"),
        ("{port.gateway.9090}", "41001"),
        ("{port.api.2}", "41004"),  # the longest name wins: the service api.2, not port 2 of api
        ("{port.api.2.80}", "41004"),
        ("{port.api.80}", "41002"),
        ("{port.dns_1-a.53}", "41006"),  # TCP, where both are published
        ("{stack} {lock.id}", f"shop-1 {LOCK}"),
        ("{{url.gateway}}", "{url.gateway}"),
        ("{{{stack}}}", "{shop-1}"),
        ('{{"a": "{stack}"}}', '{"a": "shop-1"}'),
        ("nothing to fill, 100 %", "nothing to fill, 100 %"),
    ],
)
def test_a_placeholder_becomes_what_it_says(text: str, value: str) -> None:
    assert fill(text, HERE) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{url.gateway}", "http://gateway:8080"),
        ("{host.store}", "store"),
        ("{host.store}:{port.store.6379}", "store:6379"),
        ("{url.gateway.8443}", "https://gateway:8443"),
    ],
)
def test_in_the_network_every_port_of_a_service_is_reached_by_its_name(text: str, value: str) -> None:
    assert fill(text, INSIDE) == value


def problems(text: str, values: Values = HERE) -> list[str]:
    suite = Suite.model_validate({"command": ["true"], "env": {"BASE_URL": text}})
    try:
        filled("smoke", suite, values)
    except InputError as error:
        return [f"{problem} | {problem.hint}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{url.gatway}", "{url.gatway}: the stack has no service 'gatway'", "did you mean 'gateway'?"),
        ("{url.zzz.80}", "{url.zzz.80}: the stack has no service 'zzz'", "the services are: api, api.2, dns_1-a"),
        ("{url.gateway.81}", "'gateway' does not publish its port 81 to this machine, only 8080, 9090", "publish it in the compose file"),
        ("{port.store}", "'store' publishes no port to this machine", "or let the suite run in the stack's network"),
        ("{url.store.6379}", "'store' does not publish its port 6379 to this machine", "publish it in the compose file"),
        ("{lock}", "unknown placeholder {lock}; known are {url.SERVICE}", "did you mean 'lock.id'?"),
        ("{uri.gateway}", "unknown placeholder {uri.gateway}", "did you mean 'url'?"),
        ('{"a": 1}', 'unknown placeholder {"a": 1}', "a brace that is meant is written twice"),
        ("{}", "unknown placeholder {}", "written twice"),
        ("{url}", "unknown placeholder {url}", "did you mean 'url'?"),
        ("{url.}", "the stack has no service ''", "the services are"),
        ("{stack", "a '{' stands alone", "written twice"),
        ("stack}", "a '}' stands alone", "written twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_filled_is_told_with_what_to_do(text: str, message: str, hint: str) -> None:
    (found,) = problems(text)
    assert found.startswith("lockflight.yaml: stack.suites.smoke.env.BASE_URL: ")
    assert message in found
    assert hint in found.partition(" | ")[2]


def test_in_the_network_a_service_without_a_known_port_wants_it_named() -> None:
    (found,) = problems("{url.store}", INSIDE)
    assert "the compose files name no port of 'store' | say which one: {url.store.8080}" in found


def test_every_problem_is_told_at_once() -> None:
    suite = Suite.model_validate({"command": ["true"], "env": {"A": "{x}", "B": "{stack}", "C": "{"}})
    assert len(problems_of("smoke", suite, SERVICES)) == 2


def test_before_anything_starts_only_names_and_braces_can_be_wrong() -> None:
    texts = {"A": "{url.store}", "B": "{url.gateway.81}", "C": "{stack}"}
    suite = Suite.model_validate({"command": ["true"], "env": texts})
    assert problems_of("smoke", suite, SERVICES) == []


PIECES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="{}"), max_size=8).map(lambda text: (text, text)),
        st.sampled_from([("{{", "{"), ("}}", "}"), ("{stack}", "shop-1"), ("{port.api.80}", "41002")]),
    ),
    max_size=12,
)


@given(PIECES)
def test_pieces_are_filled_each_for_itself(pieces: list[tuple[str, str]]) -> None:
    text, value = ("".join(parts) for parts in zip(*pieces, strict=True)) if pieces else ("", "")
    assert fill(text, HERE) == value


@given(st.text())
def test_any_text_with_its_braces_doubled_stays_what_it_is(text: str) -> None:
    assert fill(text.replace("{", "{{").replace("}", "}}"), HERE) == text


@given(st.text(alphabet="{}.ablo123urlstackgatewy"))
def test_any_text_is_filled_or_refused_and_nothing_else(text: str) -> None:
    suite = Suite.model_validate({"command": ["true"], "env": {"A": text}})
    early = problems_of("smoke", suite, SERVICES)
    try:
        fill(text, HERE)
    except ValueError as error:
        assert str(error)
    else:
        assert early == []
