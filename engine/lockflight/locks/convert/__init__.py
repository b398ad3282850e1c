"""The formats that a lock is written in for other tools, and (in `incoming`) those that it is read from.

To add one: a module with a pure `render`, a line in FORMATS, a test that gives the text to its real reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

from lockflight.locks.convert import (
    compose,
    cyclonedx,
    env_file,
    helm,
    imgpkg,
    kustomize,
    matrix,
    skaffold,
)
from lockflight.locks.convert.compose import StackNames
from lockflight.locks.convert.pinned import Naming

if TYPE_CHECKING:
    from lockflight.locks.model import Lock

__all__ = ["FORMATS", "Choices", "Format", "Naming", "StackNames"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What an export may want to know besides the lock; each format uses its own part of it."""

    stack: StackNames = field(default_factory=StackNames)
    naming: Naming = "image"
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """Whose it is, what it is for, how it is written, and which options it takes."""

    # Its docstring is what the reference says of the format.
    module: ModuleType
    purpose: str
    render: Callable[[Lock, Choices], str]
    takes: frozenset[str] = frozenset()


FORMATS: dict[str, Format] = {
    "compose": Format(
        compose,
        "compose override: 'docker compose -f stack.yaml -f FILE up' runs exactly the lock",
        lambda lock, choices: compose.render(lock, choices.stack),
    ),
    "env": Format(
        env_file,
        "variables for a shell, 'docker run --env-file' and compose: CART_IMAGE, CART_DIGEST, CART_COMMIT, …",
        lambda lock, _: env_file.render(lock),
    ),
    "imgpkg": Format(
        imgpkg,
        "ImagesLock of imgpkg and kbld",
        lambda lock, _: imgpkg.render(lock),
    ),
    "skaffold": Format(
        skaffold,
        "build artifacts for 'skaffold deploy --build-artifacts FILE'",
        lambda lock, choices: skaffold.render(lock, choices.naming),
        frozenset({"names"}),
    ),
    "helm": Format(
        helm,
        "values for 'helm upgrade -f FILE': services.<name>.image.{repository,tag,digest}",
        lambda lock, choices: helm.render(lock, choices.prefix),
        frozenset({"prefix"}),
    ),
    "kustomize": Format(
        kustomize,
        "the 'images' of a kustomization: a component to name under 'components'",
        lambda lock, choices: kustomize.render(lock, choices.naming),
        frozenset({"names"}),
    ),
    "matrix": Format(
        matrix,
        "one line of JSON for a GitHub matrix: 'matrix: ${{ fromJSON(…) }}'",
        lambda lock, _: matrix.render(lock),
    ),
    "cyclonedx": Format(
        cyclonedx,
        "CycloneDX 1.6 bill of materials, as JSON",
        lambda lock, _: cyclonedx.render(lock),
    ),
}
