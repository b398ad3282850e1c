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

    path: Line = Field(description="Its path in the service's tree.")
    digest: Digest = Field(description="The sha256 of the file's content.")


class Record(Model):
    """Only `commit` and `image` are always known to `lockflight record`; other formats may lack even these.

    A field that a format does not carry is None; nothing is ever guessed while reading.
    """

    service: ServiceName | None = Field(None, description="The service's name in the manifest.")
    commit: Commit | None = Field(
        None, description="The full commit that was built; of a pull request its head, never the merge."
    )
    repository: Line | None = Field(
        None, description="The URL of the repository that the commit is in, without credentials."
    )
    path: Line | None = Field(
        None, description="The service's folder, where its repository holds several services."
    )
    image: ImageName | None = Field(
        None, description="The image's registry and path, such as `ghcr.io/acme/cart`."
    )
    tag: Tag | None = Field(None, description="The tag that the image was pushed under.")
    digest: Digest | None = Field(
        None, description="What is deployed: the digest of the index, where there is an index."
    )
    media_type: Line | None = Field(None, description="The media type of what the digest names.")
    platforms: dict[Platform, Digest] = Field(
        default_factory=dict, description="The digest of each platform's own image."
    )
    version: Line | None = Field(None, description="The service's own version.")
    built: UtcTime | None = Field(None, description="When it was built, in UTC: `2026-11-20T17:12:09Z`.")
    api: ApiSpec | None = Field(None, description="The API description that the build serves.")
    run: Line | None = Field(None, description="The URL of the CI run that built it.")


class RecordFile(Record):
    """What `lockflight record` writes: a record, marked as one."""

    lockflight_record: Literal[1] = Field(
        description="The version of this format; by this key a record is recognised."
    )


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
