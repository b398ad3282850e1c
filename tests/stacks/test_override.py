"""The compose file on top, read back."""

from __future__ import annotations

from lockflight.stacks.override import Override, Reset, merged, render


def test_the_text_is_stable_and_sorted() -> None:
    sections = {
        "services": {
            "web": {
                "image": "x@sha256:1",
                "build": Reset(),
                "labels": {"dev.lockflight.lock": "ab"},
                "ports": Override(
                    ({"target": 80, "host_ip": "127.0.0.1"}, {"target": 53, "protocol": "udp"})
                ),
                "networks": {"front": {"aliases": ["my-web"]}},
            },
            "cart": {},
        },
        "networks": {},
        "volumes": {"data": {"external": Reset(), "name": "own_data"}},
    }
    assert render("a line", sections) == (
        "# a line\n"
        "services:\n"
        "  cart: {}\n"
        "  web:\n"
        "    image: x@sha256:1\n"
        "    build: !reset null\n"
        "    labels:\n"
        "      dev.lockflight.lock: ab\n"
        "    ports: !override\n"
        "      - target: 80\n"
        '        host_ip: "127.0.0.1"\n'
        "      - target: 53\n"
        "        protocol: udp\n"
        "    networks:\n"
        "      front:\n"
        "        aliases:\n"
        "          - my-web\n"
        "volumes:\n"
        "  data:\n"
        "    external: !reset null\n"
        "    name: own_data\n"
    )


def test_a_dollar_sign_is_no_variable() -> None:
    assert "$$HOME" in render("x", {"services": {"a": {"image": "$HOME"}}})


def test_parts_of_one_service_are_joined() -> None:
    joined = merged({"a": {"labels": {"x": "1"}, "image": "i"}}, {"a": {"labels": {"y": "2"}}, "b": {}})
    assert joined == {"a": {"labels": {"x": "1", "y": "2"}, "image": "i"}, "b": {}}
