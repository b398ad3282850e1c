"""How to get Docker and its parts: what doctor and the stack's engine both tell a person."""

from __future__ import annotations

import re

# The first with `!reset` and `!override` working as an override for a pinned project needs them.
OLDEST_COMPOSE = (2, 24, 4)
CLIENT = (
    "Debian: sudo apt-get install docker.io (docker-cli in newer releases); Ubuntu: sudo apt-get install docker.io;"
    " macOS: brew install --cask docker"
)
ENGINE = "sudo systemctl start docker, or 'sudo dockerd &'; macOS: open -a Docker. See also DOCKER_HOST"
PERMISSION = 'sudo usermod -aG docker "$USER", and log in again'
COMPOSE = (
    "Ubuntu: sudo apt-get install docker-compose-v2; Debian 13: sudo apt-get install docker-compose;"
    " elsewhere the compose plugin of Docker's own packages"
)
BUILDX = "Debian 13, Ubuntu: sudo apt-get install docker-buildx; elsewhere the buildx plugin of Docker's own packages"


def version_in(text: str) -> str | None:
    """The first version in what a program printed: `2.26.1-4` of 'Docker Compose version 2.26.1-4'."""
    found = re.search(r"\d+\.\d+[\w.+~-]*", text)
    return found[0] if found else None


def is_old_compose(version: str) -> bool:
    """Whether this Compose is older than what stacks need."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[: len(OLDEST_COMPOSE)])
    return numbers < OLDEST_COMPOSE[: len(numbers)]


def oldest_compose() -> str:
    return ".".join(str(number) for number in OLDEST_COMPOSE)
