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

    repository: Line | None = Field(None, description="The repository that holds the manifest.")
    ref: Line | None = Field(None, description="The branch or tag that it was made on.")
    commit: Commit | None = Field(None, description="The commit that it was made from.")
    pull_request: int | None = Field(None, ge=1, description="The pull request that it was made for.")
    run: Line | None = Field(None, description="The URL of the CI run that made it.")
    parent: LockId | None = Field(
        None,
        description="The id of the lock that this one was derived from (`lock --from`, `--only`, `--set`).",
    )


class LockedService(Model):
    """One service's exact build; one that is only configuration has a commit and nothing more."""

    commit: Commit = Field(description="The full commit that the image was built from.")
    repository: Line | None = Field(None, description="The URL of the repository that the commit is in.")
    path: Line | None = Field(
        None, description="The submodule, or the service's folder in the manifest's repository."
    )
    image: ImageName | None = Field(
        None, description="The image's registry and path; absent where the service is only configuration."
    )
    tag: Tag | None = Field(
        None, description="The tag at which the image was found; nothing is deployed by it."
    )
    digest: Digest | None = Field(
        None, description="What is deployed: the digest of the index, where there is an index."
    )
    media_type: Line | None = Field(None, description="The media type of what the digest names.")
    platforms: dict[Platform, Digest] = Field(
        default_factory=dict, description="The digest of each platform's own image."
    )
    version: Line | None = Field(None, description="The service's own version.")
    built: UtcTime | None = Field(None, description="When it was built.")
    api: ApiSpec | None = Field(None, description="The API description that the build serves.")
    origin: Line | None = Field(None, description="What vouches for the build: a record, a label or a tag.")

    @model_validator(mode="after")
    def _image_and_digest_go_together(self) -> LockedService:
        if (self.image is None) != (self.digest is None):
            missing, given = ("digest", "image") if self.digest is None else ("image", "digest")
            raise ValueError(f"has '{given}' but no '{missing}'; nothing is deployed by tag")
        return self


class LockedImage(Model):
    """A third-party image, by digest."""

    image: ImageName = Field(description="The image's registry and path.")
    tag: Tag | None = Field(None, description="The tag that the stack names; it may move on by design.")
    digest: Digest = Field(description="What is deployed: the digest of the index, where there is an index.")


class LockContent(Model):
    """Everything in a lock but its id."""

    version: Literal[1] = Field(1, description="The version of this format.")
    project: ProjectName = Field(description="The manifest's project.")
    created: UtcTime = Field(description="The time of the commit that it was made from.")
    source: Source = Field(default_factory=Source, description="Where it was made.")
    generator: Line = Field(description="What made it, with its version.")
    services: dict[ServiceName, LockedService] = Field(
        min_length=1, description="The exact build of every service of the manifest."
    )
    images: dict[ServiceName, LockedImage] = Field(
        default_factory=dict, description="Third-party images of the stack, by their compose service."
    )
    config: dict[Line, Digest] = Field(
        default_factory=dict, description="The digest of each file that the stack and the environments share."
    )


class Lock(LockContent):
    """One immutable file: the exact build of every service. `id` is a hash of what is deployed."""

    id: LockId = Field(description="The sha256 of what is deployed, see above.")
