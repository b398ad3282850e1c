"""Kinds of values that several parts of the manifest share."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from lockflight import durations, names
from lockflight.models import Line
from lockflight.places import MANIFEST


def is_inside(path: str) -> str:
    """A path below the manifest's folder, in one spelling."""
    if path.startswith(("/", "~")) or "\\" in path:
        raise ValueError(f"'{path}' must be relative to the folder of the manifest, written with '/'")
    if ".." in PurePosixPath(path).parts:
        raise ValueError(
            f"'{path}' leaves the folder of {MANIFEST}; the manifest stands at the root of the repository, "
            "and what is locked lies below it"
        )
    return path.removeprefix("./").rstrip("/") or "."


InsidePath = Annotated[
    Line, AfterValidator(is_inside), Field(description="A path inside the repository, with '/'.")
]
# An argument or a value: any text but NUL, which no process can be given.
Argument = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
ContainerPath = Annotated[Line, Field(pattern=r"^/[^:]*$", description="An absolute path in a container.")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="A variable's name.")]
SuiteName = Annotated[str, Field(pattern=f"^{names.SERVICE}$", description="A suite's name.")]
EnvironmentName = Annotated[
    str, Field(pattern=f"^{names.PROJECT}$", description="An environment's name, such as staging.")
]
Duration = Annotated[
    str, Field(pattern=f"^{durations.PATTERN}$", min_length=2, description="90s, 10m, 1h30m")
]
