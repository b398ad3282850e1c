"""The lock as data. The field names are a contract; DESIGN and `schemas/lock.schema.json` show them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from lockflight.builds.model import ApiSpec
from lockflight.models import (
    Commit,
    Digest,
    ImageName,
    Line,
    LockId,
    Model,
    Platform,
    ProjectName,
    ServiceName,
    Tag,
    UtcTime,
)


class Source(Model):
    """Where a lock was made; informs, and is not part of what the id covers."""

    repository: Line | None = None
    ref: Line | None = None
    commit: Commit | None = None
    pull_request: int | None = Field(None, ge=1)
    run: Line | None = None
    parent: LockId | None = Field(
        None, description="The lock that this one was derived from by `lock --from`."
    )


class LockedService(Model):
    """One service's exact build; one that is only configuration has a commit and nothing more."""

    commit: Commit
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
    origin: Line | None = Field(None, description="What vouches for the build: a record, a label or a tag.")

    @model_validator(mode="after")
    def _image_and_digest_go_together(self) -> LockedService:
        if (self.image is None) != (self.digest is None):
            missing, given = ("digest", "image") if self.digest is None else ("image", "digest")
            raise ValueError(f"has '{given}' but no '{missing}'; nothing is deployed by tag")
        return self


class LockedImage(Model):
    """A third-party image, by digest."""

    image: ImageName
    tag: Tag | None = None
    digest: Digest


class LockContent(Model):
    """Everything in a lock but its id."""

    version: Literal[1] = 1
    project: ProjectName
    created: UtcTime
    source: Source = Source()
    generator: Line
    services: dict[ServiceName, LockedService] = Field(min_length=1)
    images: dict[ServiceName, LockedImage] = Field(default_factory=dict)
    config: dict[Line, Digest] = Field(default_factory=dict)


class Lock(LockContent):
    """One immutable file: the exact build of every service. `id` is a hash of what is deployed."""

    id: LockId
