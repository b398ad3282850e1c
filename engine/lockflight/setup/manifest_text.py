"""The manifest as a text that a person goes on writing: every part with a word on what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lockflight import __version__
from lockflight.config import MANIFEST, Manifest
from lockflight.models import validate
from lockflight.setup.compose_places import variant_of
from lockflight.setup.naming import one_line
from lockflight.setup.proposal import Asks, Proposal, ProposedService
from lockflight.yaml_source import parse_document
from lockflight.yaml_text import scalar


def render(proposal: Proposal) -> str:
    """The text of lockflight.yaml; it always loads, whatever the names were that it was made from."""
    parts = [
        _head(proposal),
        _images(proposal),
        _services(proposal),
        _excluded(proposal),
        _stack(proposal),
        _further(proposal),
    ]
    text = "\n".join("".join(f"{line}\n" for line in part) for part in map(list, parts) if part)
    validate(Manifest, parse_document(text, MANIFEST))
    return text


def _head(proposal: Proposal) -> Iterator[str]:
    if proposal.has_schemas:
        yield "# yaml-language-server: $schema=schemas/manifest.schema.json"
    yield f"# What lockflight locks, and where it runs. Written by 'lockflight init' {__version__}; yours from here on."
    if proposal.todos:
        yield "# Left to fill in: see the lines marked TODO. 'lockflight doctor' says what is missing."
    yield "version: 1"
    yield f"project: {scalar(proposal.project)}"


def _images(proposal: Proposal) -> Iterator[str]:
    naming = proposal.naming
    yield "# How images are named and tagged, unless a service says otherwise."
    yield "# {service} is the service's name, {sha} its commit, {sha:7} the commit's first seven digits."
    if not proposal.has_images:
        yield f"# image: {scalar(naming.image)}"
        return
    if naming.is_placeholder:
        yield "# TODO: your registry, and your folder in it, such as ghcr.io/acme"
    yield f"image: {scalar(naming.image)}"
    if any(todo.asks is Asks.TAG for todo in proposal.todos):
        yield f"# TODO: is this how your CI tags images? the compose files say {naming.tag_written}"
    yield f"tag: {scalar(naming.tag)}"


def _services(proposal: Proposal) -> Iterator[str]:
    yield "# Each service, and where its commit comes from: a submodule, a path in this repository,"
    yield "# or another repository with its ref."
    yield "services:"
    if proposal.is_example:
        yield from _EXAMPLES
    for service in proposal.services:
        yield from _service(service)


def _service(service: ProposedService) -> Iterator[str]:
    yield from (f"  # {comment}" for comment in service.comments)
    yield f"  {scalar(service.name)}:"
    if service.submodule is not None:
        yield f"    submodule: {scalar(service.submodule)}"
    if service.path is not None:
        yield f"    path: {scalar(service.path)}"
    if service.compose is not None:
        yield f"    compose: [{', '.join(map(scalar, service.compose))}]"
    if service.image is not None:
        yield f"    image: {scalar(service.image)}"
    if service.tag is not None:
        yield f"    tag: {scalar(service.tag)}"
    yield from (f"    # {suggestion}" for suggestion in service.suggestions)


def _excluded(proposal: Proposal) -> Iterator[str]:
    if not proposal.exclude:
        return
    yield "# Compose services that are deliberately not locked."
    yield "exclude:"
    for name, why in proposal.exclude:
        yield f"  - {scalar(name)} # {why}"


def _stack(proposal: Proposal) -> Iterator[str]:
    files = proposal.compose
    if not files.stack:
        yield "# The compose files of the stack that the services run in. None was found here."
        yield "# stack:"
        yield "#   files:"
        yield "#     - compose.yaml"
        return
    yield "# The stack that the services run in. Third-party images in it are found, and locked, without being named."
    if proposal.third_party:
        yield f"# Here: {', '.join(proposal.third_party)}."
    yield "stack:"
    yield "  files:"
    yield from (f"    - {scalar(path)}" for path in files.stack)
    yield from (f"    # - {scalar(path)} # {_why_not(path)}" for path in files.variants)
    yield from (f"    # - {scalar(path)}" for path in files.others)


def _why_not(path: str) -> str:
    if variant_of(path) in ("override", "local"):
        return "for a developer's machine; the lock's stack is the same for all"
    return "a variant; add it if it is part of the stack"


def _further(proposal: Proposal) -> Iterator[str]:
    for note in proposal.notes:
        yield f"# Seen, and left out: {one_line(note)}."
    if proposal.notes:
        yield ""
    yield from _FURTHER


_EXAMPLES: Iterable[str] = (
    "  # TODO: nothing was found here (no submodule, compose file or Dockerfile), so this is only an example.",
    "  # cart:",
    "  #   submodule: services/cart",
    "  # web:",
    "  #   path: web",
    "  # payments:",
    "  #   repository: https://github.com/acme/payments",
    "  #   ref: main",
    "  # settings:",
    "  #   submodule: settings",
    "  #   image: false    # only configuration: locked by its commit alone",
)
_FURTHER = (
    "# What else can be said here, for all services; most of it for one service as well:",
    "# branch: main                # every commit must lie on this branch",
    "# platforms: [linux/amd64]    # every image must have these",
    "# accept: [record, label]     # what may vouch for a build; by default its tag alone does, too",
    "# config: [nginx/*.conf]      # further configuration files to lock",
)
