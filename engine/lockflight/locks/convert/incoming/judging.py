"""One service of a foreign lock, held against what the registries answered. Nothing here asks or writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lockflight.builds.labels import ImageFacts, labelled
from lockflight.builds.model import Record
from lockflight.errors import OutsideError
from lockflight.findings import NOTHING, Finding, FindingsAbout, refusals
from lockflight.locks.convert.incoming.foreign import ForeignService
from lockflight.locks.convert.incoming.questions import Answers
from lockflight.locks.convert.incoming.tags import TagSays, tag_says
from lockflight.locks.model import LockedImage, LockedService
from lockflight.locks.verify import wrong_content
from lockflight.names import ImageReference, is_commit
from lockflight.ports.registry import WrongContent


@dataclass(frozen=True, slots=True)
class Judged:
    """The entry where there can be one, all that was noticed, and why a registry did not answer."""

    name: str
    entry: LockedService | None
    findings: tuple[Finding, ...]
    failure: OutsideError | None = None


def judge(service: ForeignService, answers: Answers | None, origin: str) -> Judged:
    """`answers` None means that nobody was to be asked: then only the file's own word counts."""
    case = _Case(service, answers, origin)
    try:
        entry = case.entry()
    except OutsideError as failure:
        return Judged(service.name, None, case.all_findings(), failure)
    except WrongContent as error:
        case.findings.append(wrong_content(service.name, error))
        entry = None
    findings = case.all_findings()
    return Judged(service.name, None if refusals(findings) else entry, findings)


def judge_image(
    name: str, image: ImageReference, answers: Answers | None
) -> tuple[LockedImage | None, Finding | None]:
    """A third party's image by the digest that the file gives. Its tag may have moved on: that is its way."""
    try:
        missing = answers is not None and answers.facts(image) is None
    except WrongContent as error:
        return None, wrong_content(name, error)
    if missing or image.digest is None:
        message = f"the registry has no {image}"
        return None, Finding("digest-missing", name, message, image.digest, NOTHING, _GONE)
    return LockedImage(image=image.name, tag=image.tag, digest=image.digest), None


class _Case(FindingsAbout):
    """The questions about one service, in order; each may add findings."""

    def __init__(self, service: ForeignService, answers: Answers | None, origin: str) -> None:
        super().__init__(service.name, service.findings)
        self._service = service
        self._answers = answers
        self._origin = origin
        self._tag_was_checked = False

    def all_findings(self) -> tuple[Finding, ...]:
        """With what the tag alone tells where no image could be looked at: it may be cleaned up long since."""
        if not self._tag_was_checked and self._service.image is not None:
            self._check_tag_speaks(self._service.image, proven=False)
        return tuple(self.findings)

    def entry(self) -> LockedService | None:
        service = self._service
        if service.image is not None:
            return self._with_image(service.image)
        if service.has_image or service.commit is None:
            return None
        return LockedService(
            commit=service.commit, repository=service.repository, path=service.path, origin=self._origin
        )

    def _with_image(self, image: ImageReference) -> LockedService | None:
        if image.tag is None and image.digest is None:
            if not refusals(self.findings):  # a malformed one was named already
                self._say("no-tag", f"neither a tag nor a digest is given for {image.name}")
            return None
        if self._answers is None:
            return self._unasked(image)
        digest = self._digest(image, self._answers)
        if digest is None:
            return None
        facts = self._answers.facts(image.with_digest(digest))
        if facts is None:
            message = f"the registry has no {image.name}@{digest}"
            self._say("digest-missing", message, digest, NOTHING, hint=_GONE)
            return None
        return self._with_facts(image.with_digest(digest), facts)

    def _unasked(self, image: ImageReference) -> LockedService | None:
        if self._service.commit is None:
            self._no_commit()
        if image.digest is None:
            self._say("digest-unknown", f"no digest is given for {image}", hint=_ASK)
        self._check_tag(image, None)
        return self._locked(image, self._service.commit, None, Record())

    def _digest(self, image: ImageReference, answers: Answers) -> str | None:
        """The file's own digest, or the one that its tag points at now."""
        if image.tag is None:
            return image.digest
        behind = answers.behind_tag(image)
        tagged = image.with_tag(image.tag)
        if behind is None and image.digest is None:
            self._say("image-missing", f"the registry has no {tagged}", str(tagged), NOTHING, hint=_GONE)
        elif behind is None:
            self._say("tag-missing", f"the registry has no tag {tagged}", image.tag, NOTHING, hint=_KEPT)
        elif image.digest not in (None, behind.digest):
            message = f"the tag {image.tag} points at another image than the lock"
            self._say("tag-moved", message, image.digest, behind.digest)
        return image.digest or (behind.digest if behind else None)

    def _with_facts(self, image: ImageReference, facts: ImageFacts) -> LockedService | None:
        found, findings = labelled(facts, image)
        name = self._service.name
        self.findings += [replace(finding, subject=name) for finding in (*facts.findings, *findings)]
        label = found.record.commit
        self._check_commit(facts, label)
        self._check_tag(image, label)
        commit = self._service.commit or (label if self._service.commit_from_label else None)
        return self._locked(image, commit, facts, found.record)

    def _check_commit(self, facts: ImageFacts, label: str | None) -> None:
        commit = self._service.commit
        if commit is None:
            self._name_the_commit(label)
            return
        said = {revision for revision in facts.revisions.values() if revision and is_commit(revision)}
        for other in sorted(said - {commit}):
            message = f"the revision label of {facts.digest[:19]}… is another commit"
            self._say("revision-mismatch", message, commit, other, hint=_OTHER_BUILD)

    def _name_the_commit(self, label: str | None) -> None:
        """A format without commits takes the label's; a malformed one gets it as a hint only."""
        if self._service.commit_from_label:
            if label is None:
                self._no_commit()
            return
        if label is not None:
            hint = f"the image's revision label says {label}"
            self.findings = [
                replace(finding, hint=hint) if finding.code in _COMMIT_CODES else finding
                for finding in self.findings
            ]

    def _check_tag(self, image: ImageReference, label: str | None) -> None:
        """Something must tie the image to its commit: its label, its tag, or at least the file's digest."""
        commit = self._service.commit
        says = self._check_tag_speaks(image, proven=label is not None and label == commit)
        if says is None or label is not None or self._answers is None:
            return
        given = self._service.image.digest if self._service.image else None
        if says is TagSays.NOTHING and given is None:
            message = f"neither the tag {image.tag} nor a label says of which commit the image is"
            self._say("commit-unproven", message, commit, hint=_MOVING)
        else:
            self._say("revision-absent", "the image does not say of which commit it is", note=True)

    def _check_tag_speaks(self, image: ImageReference, *, proven: bool) -> TagSays | None:
        """Of which commit the tag speaks, which it does with or without the image; None where there is no tag."""
        self._tag_was_checked = True
        commit = self._service.commit
        if commit is None or image.tag is None:
            return None
        says = tag_says(image.tag, commit)
        if says is TagSays.ANOTHER:
            message = f"the tag {image.tag} speaks of another commit"
            hint = "the revision label says that the image is of the right commit" if proven else _OTHER_BUILD
            self._say("tag-not-of-commit", message, commit, image.tag, hint=hint, note=proven)
        return says

    def _locked(
        self, image: ImageReference, commit: str | None, facts: ImageFacts | None, label: Record
    ) -> LockedService | None:
        if commit is None or image.digest is None or refusals(self.findings):
            return None
        service = self._service
        return LockedService(
            commit=commit,
            repository=service.repository or label.repository,
            path=service.path,
            image=image.name,
            tag=image.tag,
            digest=image.digest,
            media_type=facts.media_type if facts else None,
            platforms=facts.platforms if facts else {},
            version=label.version,
            built=label.built,
            origin=self._origin,
        )

    def _no_commit(self) -> None:
        if not any(finding.code in _COMMIT_CODES for finding in self.findings):
            self._say("no-commit", "neither the file nor the image says of which commit it is", hint=_LABEL)


_COMMIT_CODES = frozenset({"no-commit", "short-commit", "malformed-commit"})
_GONE = "was it removed by a clean-up? is this the registry that it was pushed to?"
_KEPT = "an image without a tag is what a registry's clean-up removes first: tag it again"
_ASK = "leave --offline away, and the registry is asked"
_OTHER_BUILD = "which of the two was tested? a lock must not name a commit that the image was not built from"
_LABEL = "let the build set the label org.opencontainers.image.revision"
_MOVING = "where such a tag points today need not be what the lock meant when it was made"
