"""One service's entry of the lock: what was said of the build, held against what the registry holds.

Every disagreement is a named finding with both values. Nothing here raises for a disagreement, so that all
of them, of all services, can be reported in one go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lockflight import names
from lockflight.builds.labels import ImageFacts, inspect, labelled
from lockflight.builds.model import ApiSpec, Record
from lockflight.builds.shelf import disagreements, find_records
from lockflight.errors import OutsideError
from lockflight.findings import NOTHING, Finding, FindingsAbout
from lockflight.locks.model import LockedService
from lockflight.locks.verify import other_revisions, wrong_content
from lockflight.locks.wanted import Wanted
from lockflight.names import ImageReference
from lockflight.ports.git import Git
from lockflight.ports.registry import Registry, WrongContent


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says of a service's build, and who: a record, or nobody (then the tag is asked)."""

    record: Record | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The entry, where there can be one, and everything that was noticed."""

    service: str
    entry: LockedService | None
    findings: tuple[Finding, ...]
    # What could not be asked, beside what was found.
    failures: tuple[OutsideError, ...] = ()


def resolve_service(
    wanted: Wanted, claim: Claim, registry: Registry, git: Git, accept: frozenset[str]
) -> Resolved:
    """Cross-check one service and make its entry."""
    resolution = _Resolution(wanted, registry, git, accept)
    try:
        return resolution.run(claim)
    except WrongContent as error:
        return Resolved(wanted.service, None, (wrong_content(wanted.service, error),))


class _Resolution(FindingsAbout):
    """The questions that are asked of one service, in order; each may add findings."""

    def __init__(self, wanted: Wanted, registry: Registry, git: Git, accept: frozenset[str]) -> None:
        super().__init__(wanted.service)
        self._wanted = wanted
        self._registry = registry
        self._git = git
        self._accept = accept

    def run(self, claim: Claim) -> Resolved:
        entry = self._entry(claim) if self._wanted.image else self._without_image(claim)
        failures: tuple[OutsideError, ...] = ()
        try:
            self._check_branch()
        except OutsideError as error:
            failures = (error,)
        return Resolved(self._wanted.service, entry, tuple(self.findings), failures)

    def _without_image(self, claim: Claim) -> LockedService:
        if claim.record is not None:
            self._check_record(claim.record, claim.origin)
        wanted = self._wanted
        return LockedService(commit=wanted.commit, repository=wanted.repository, path=wanted.path)

    def _entry(self, claim: Claim) -> LockedService | None:
        # What a record says of another image must not be held against this one's tag.
        if claim.record is not None and not self._check_record(claim.record, claim.origin):
            return None
        digest = self._digest(claim.record)
        if digest is None:
            return None
        image = self._image(claim.record).with_digest(digest)
        if claim.record is None:
            claim = self._claim_from_shelf(image)
            self._check_record(claim.record or Record(), claim.origin)
        return self._checked(claim, image)

    def _checked(self, claim: Claim, image: ImageReference) -> LockedService | None:
        """Record and image held against each other."""
        record = claim.record or Record()
        facts = inspect(self._registry, image)
        if facts is None:
            self._say_no_digest(image, str(image.digest))
            return None
        labels, doubts = labelled(facts, image)
        self._pass_on([*facts.findings, *doubts])
        strength = self._check_revision(record, facts, image)
        self._check_platforms(record, facts)
        return self._locked(record, labels.record, facts, image, claim.origin or strength)

    def _pass_on(self, findings: Iterable[Finding]) -> None:
        """What was found about an image, told of the service whose image it is."""
        self.findings += [replace(finding, subject=self._wanted.service) for finding in findings]

    def _image(self, record: Record | None) -> ImageReference:
        """Where the image is: as the manifest says, with the tag that the record knows better."""
        wanted = self._wanted.image
        assert wanted is not None  # noqa: S101 - services without an image never come here
        return wanted.with_tag(record.tag) if record is not None and record.tag else wanted

    def _digest(self, record: Record | None) -> str | None:
        """The digest that counts: the record's, once the tag was found to agree; else the tag's."""
        image = self._image(record)
        behind_tag = self._registry.resolve(image)
        if record is None or record.digest is None:
            if behind_tag is None:
                message = f"the registry has no {image}"
                self._say("image-missing", message, str(image), NOTHING, hint=_PUSHED)
            return behind_tag.digest if behind_tag else None
        if behind_tag is not None and behind_tag.digest != record.digest:
            message = f"the tag {image.tag} points at another image than the record"
            self._say("tag-moved", message, record.digest, behind_tag.digest, hint=_MOVED)
        if behind_tag is None and record.tag is not None:
            self._say("tag-missing", f"the registry has no tag {image}", record.tag, NOTHING, hint=_KEPT)
        if behind_tag is None or behind_tag.digest != record.digest:
            return self._digest_that_exists(image, record.digest)
        return record.digest

    def _digest_that_exists(self, image: ImageReference, digest: str) -> str | None:
        if self._registry.resolve(image.with_digest(digest)) is None:
            self._say_no_digest(image, digest)
            return None
        return digest

    def _say_no_digest(self, image: ImageReference, digest: str) -> None:
        message = f"the registry has no {image.name}@{digest}"
        self._say("digest-missing", message, digest, NOTHING, hint=_PUSHED)

    def _claim_from_shelf(self, image: ImageReference) -> Claim:
        """A record that lies in the registry beside the image; one of this commit before any other."""
        shelf = find_records(self._registry, image)
        self._pass_on(shelf.findings)
        of_this_commit = [found for found in shelf.records if found.record.commit == self._wanted.commit]
        candidates = of_this_commit or shelf.records
        self._pass_on(disagreements(candidates))
        for found in reversed(candidates):
            return Claim(found.record, found.origin)
        return Claim()

    def _check_record(self, record: Record, origin: str | None) -> bool:
        """Whether the record is of this service's image; its commit is compared as well."""
        wanted = self._wanted
        if record.commit is not None and record.commit != wanted.commit:
            message = f"the {origin or 'record'} is of another commit"
            self._disagree("commit-mismatch", message, record.commit, hint=_STALE_RECORD)
        is_of_image = record.image is None or wanted.image is None or record.image == wanted.image.name
        if wanted.image is not None and not is_of_image:
            message = f"the {origin or 'record'} is of another image than the manifest names"
            self._say("image-mismatch", message, wanted.image.name, record.image)
        return is_of_image

    def _check_revision(self, record: Record, facts: ImageFacts, image: ImageReference) -> str:
        """Whether the image says that it was built from this commit; answers what vouches for it."""
        for other in other_revisions(facts, self._wanted.commit):
            message = f"the revision label of {image.name}@{image.digest} is another commit"
            self._disagree("revision-mismatch", message, other, hint=_REBUILD)
        strength = _strength(record, facts)
        if not any(facts.revisions.values()):
            hint = "let the build set the label org.opencontainers.image.revision"
            self._say("revision-absent", "the image does not say which commit it is of", hint=hint, note=True)
        if strength not in self._accept:
            message = (
                f"the manifest accepts only a {' or '.join(sorted(self._accept))}; here is only a {strength}"
            )
            hint = f"push a record ('lockflight record --push'), or add '{strength}' to 'accept'"
            self._say("not-accepted", message, hint=hint)
        return strength

    def _check_platforms(self, record: Record, facts: ImageFacts) -> None:
        for platform in self._wanted.platforms:
            if platform not in facts.platforms:
                has = ", ".join(sorted(facts.platforms)) or NOTHING
                self._say(
                    "platform-missing", "the image lacks a platform", platform, has, hint=LACKS_PLATFORM
                )
        for platform, digest in record.platforms.items():
            actual = facts.platforms.get(platform)
            if actual != digest:
                message = f"the record names another image for {platform} than the index"
                self._say("platform-mismatch", message, digest, actual or NOTHING)

    def _check_branch(self) -> None:
        wanted = self._wanted
        if wanted.branch is None:
            return
        answer = self._git.on_branch(wanted.commit, wanted.branch, wanted.checkout, wanted.url)
        if answer is False:
            self._say_not_on(wanted.branch)
        if answer is None:
            message = f"neither a checkout nor the repository can tell whether it lies on '{wanted.branch}'"
            self._say("branch-unknown", message, note=True)

    def _say_not_on(self, branch: str) -> None:
        wanted = self._wanted
        known = self._git.branches(wanted.url) if wanted.url else None
        if known is not None and branch not in known:
            hint = names.did_you_mean(branch, known) or "is 'branch' in the manifest right?"
            message = f"the repository has no branch '{branch}'"
            self._say("branch-missing", message, branch, _listed(known), hint=hint)
            return
        message = f"the commit {wanted.commit[:12]} does not lie on the branch '{branch}'"
        hint = "merge it first, or change 'branch' in the manifest"
        self._say("branch-mismatch", message, branch, wanted.commit, hint=hint)

    def _locked(
        self, record: Record, labels: Record, facts: ImageFacts, image: ImageReference, origin: str
    ) -> LockedService:
        wanted = self._wanted
        return LockedService(
            commit=wanted.commit,
            repository=record.repository or wanted.repository or labels.repository,
            path=wanted.path or record.path,
            image=image.name,
            tag=image.tag,
            digest=image.digest,
            media_type=facts.media_type,
            platforms=facts.platforms,
            version=record.version or labels.version,
            built=record.built or labels.built,
            api=self._api(record),
            origin=origin,
        )

    def _api(self, record: Record) -> ApiSpec | None:
        """The API description's digest: the record's, held against the file where its commit is at hand."""
        path = self._wanted.api or (record.api.path if record.api else None)
        if path is None:
            return None
        here = self._api_at_hand(path)
        if record.api is None:
            if here is None:
                # Left out, the lock would depend on whether this machine has a checkout.
                message = f"no record tells the digest of {path}, and its commit is not at hand"
                hint = "let the service's CI record it (--api), or check the submodule out"
                self._say("api-unknown", message, hint=hint)
            return here
        if self._wanted.api is not None and record.api.path != self._wanted.api:
            self._say("api-mismatch", "the record is of another API file", self._wanted.api, record.api.path)
        elif here is not None and here.digest != record.api.digest:
            message = f"{path} in the commit is not the API description of the record"
            self._say("api-mismatch", message, here.digest, record.api.digest)
        return record.api

    def _api_at_hand(self, path: str) -> ApiSpec | None:
        wanted = self._wanted
        inside = path if wanted.checkout != "." or not wanted.path else f"{wanted.path}/{path}"
        body = self._git.file_at(wanted.checkout, wanted.commit, inside)
        return (
            None if body is None else ApiSpec(path=path, digest=f"sha256:{hashlib.sha256(body).hexdigest()}")
        )

    def _disagree(self, code: str, message: str, found: str | None, hint: str | None = None) -> None:
        """A finding about another commit than the one that the tree wants."""
        self._say(code, message, self._wanted.commit, found, hint=hint)


_MOST_LISTED = 5
LACKS_PLATFORM = "build for it (--platform), or take it out of 'platforms'"
_PUSHED = "was it built and pushed, under this name? does its clean-up keep it?"
_MOVED = "somebody pushed over the tag; build again, or find out which of the two was tested"
_KEPT = "an image without a tag is what a registry's clean-up removes first: tag it again"
_REBUILD = "the image was built from something else: build this commit and push it"
_STALE_RECORD = (
    "is it left from an earlier build, or is the submodule's bump missing? build this commit again"
)


def _listed(branches: Sequence[str]) -> str:
    more = [f"… and {len(branches) - _MOST_LISTED} more"] if len(branches) > _MOST_LISTED else []
    return ", ".join([*branches[:_MOST_LISTED], *more]) or NOTHING


def _strength(record: Record, facts: ImageFacts) -> str:
    if record.commit is not None:
        return "record"
    return "label" if any(facts.revisions.values()) else "tag"
