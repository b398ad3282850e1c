"""The `tcp` gate, asked of real sockets on loopback."""

from __future__ import annotations

import socket

import pytest

from lockflight.errors import InputError
from lockflight.promotions.gates import tcp
from lockflight.testing.clock import FakeClock
from tests.promotions.gates.questions import ask, gate, question, with_urls


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_port_that_accepts_says_yes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = ask("tcp", {"host": "127.0.0.1", "port": port})
    assert (answer.verdict, answer.reason) == ("yes", f"127.0.0.1:{port} accepts connections")


def test_a_port_that_refuses_is_tried_until_the_time_is_over() -> None:
    clock, port = FakeClock(), closed_port()
    answer = ask("tcp", {"host": "127.0.0.1", "port": port, "within": "3s"}, question(clock=clock))
    assert (answer.verdict, answer.reason) == (
        "no",
        f"127.0.0.1:{port} cannot be reached: connection refused",
    )
    assert (sum(clock.slept), answer.details["tries"]) == (2.5, 6)


def test_a_port_that_opens_meanwhile_says_yes() -> None:
    port = closed_port()
    opened: list[socket.socket] = []

    class Opening(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            opened.append(socket.create_server(("127.0.0.1", port)))

    assert ask("tcp", {"host": "127.0.0.1", "port": port}, question(clock=Opening())).verdict == "yes"
    for server in opened:
        server.close()


def test_a_name_that_is_not_known_here_is_unknown() -> None:
    answer = ask("tcp", {"host": "nowhere.invalid", "port": 5432, "within": "0s"})
    assert (answer.verdict, answer.reason) == ("unknown", "the name nowhere.invalid is not known here")


def test_the_host_may_be_that_of_one_of_the_environments_urls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        about = with_urls(question(), gateway="http://127.0.0.1:8080")
        wanted = {"host": "{host.gateway}", "port": server.getsockname()[1]}
        assert ask("tcp", wanted, about).verdict == "yes"
        assert tcp.problems(gate(tcp=wanted).settings, about) == []


def test_a_service_that_has_no_url_is_the_manifests_fault() -> None:
    wanted = {"host": "{host.gateway}", "port": 80}
    with pytest.raises(InputError):
        ask("tcp", wanted)
    assert tcp.problems(gate(tcp=wanted).settings, question())


def test_the_sentence_for_a_plan_names_the_port() -> None:
    assert (
        tcp.explain(gate(tcp={"host": "db", "port": 5432}).settings)
        == "db:5432 accepts connections within 10 s"
    )
