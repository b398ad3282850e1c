"""A record: what one service's CI says about one build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from lockflight.models import (
    Commit,
    Digest,
    ImageName,
    Line,
    Model,
    Platform,
    ServiceName,
    Tag,
    UtcTime,
)
from lockflight.names import ImageReference


class ApiSpec(Model):
    """The API description that the build serves: where it lies in the service's tree, and its digest."""

    path: Line
    digest: Digest


class Record(Model):
    """Only `commit` and `image` are always known to `lockflight record`; other formats may lack even these.

    A field that a format does not carry is None; nothing is ever guessed while reading.
    """

    service: ServiceName | None = None
    commit: Commit | None = None
    repository: Line | None = None
    path: Line | None = None
    image: ImageName | None = None
    tag: Tag | None = None
    digest: Digest | None = None
    media_type: Line | None = None
    platforms: dict[Platform, Digest] = Field(default_factory=dict)
    version: Line | None = None
    built: UtcTime | None = None
    api: ApiSpec | None = None
    run: Line | None = None


class RecordFile(Record):
    """What `lockflight record` writes: a record, marked as one."""

    lockflight_record: Literal[1]


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and where it came from in the words of a lock: `record ci-outputs/cart.json`."""

    record: Record
    origin: str
    # What the build is called in its own file: a bake target, the id in an ImagesLock.
    target: str | None = None
    # Every name and tag that the build was given; the record itself can hold only one of them.
    references: tuple[ImageReference, ...] = ()
    # The file speaks of several builds, so that one which is no service of ours is nothing unusual.
    shared: bool = False
    # False where the file says that the image was never pushed; such a record has no digest.
    pushed: bool = True
