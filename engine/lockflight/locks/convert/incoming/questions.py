"""What the registries are asked for an import: every tag and image once, however many locks name it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lockflight.builds.labels import ImageFacts, inspect
from lockflight.concurrency import each
from lockflight.errors import OutsideError
from lockflight.names import ImageReference
from lockflight.ports.registry import Descriptor, Registry, WrongContent
from lockflight.progress import Progress

Answer = TypeVar("Answer")
# Asking may fail, and every service that needs the answer must hear of it.
Failure = OutsideError | WrongContent


@dataclass(frozen=True, slots=True)
class Answers:
    """What the registries said. `None` means: they answered, and it is not there."""

    tags: Mapping[ImageReference, Descriptor | Failure | None] = field(default_factory=dict)
    images: Mapping[ImageReference, ImageFacts | Failure | None] = field(default_factory=dict)

    def behind_tag(self, image: ImageReference) -> Descriptor | None:
        """What the tag of the image points at."""
        return _or_raise(self.tags[_tagged(image)])

    def facts(self, image: ImageReference) -> ImageFacts | None:
        """What the image says about itself, found by its digest."""
        return _or_raise(self.images[_digested(image)])


def ask(images: Iterable[ImageReference], registry: Registry, progress: Progress) -> Answers:
    """First where the tags point, then what lies at those digests and at the digests that the locks give."""
    listed = list(images)
    tagged = dict.fromkeys(_tagged(image) for image in listed if image.tag)
    tags = _asked(registry.resolve, tagged, progress, "resolving tags")
    resolved = [
        image.with_digest(answer.digest) for image, answer in tags.items() if isinstance(answer, Descriptor)
    ]
    given = [image for image in listed if image.digest]
    digested = dict.fromkeys(_digested(image) for image in (*resolved, *given))
    facts = _asked(lambda image: inspect(registry, image), digested, progress, "reading images")
    return Answers(tags, facts)


def _asked(
    question: Callable[[ImageReference], Answer],
    images: Iterable[ImageReference],
    progress: Progress,
    title: str,
) -> dict[ImageReference, Answer | Failure]:
    def attempt(image: ImageReference) -> tuple[ImageReference, Answer | Failure]:
        try:
            return image, question(image)
        except (OutsideError, WrongContent) as error:
            return image, error

    answers, _ = each(attempt, images, progress, title)
    return dict(answers)


def _or_raise(answer: Answer | Failure) -> Answer:
    if isinstance(answer, (OutsideError, WrongContent)):
        raise answer
    return answer


def _tagged(image: ImageReference) -> ImageReference:
    return ImageReference(image.registry, image.path, image.tag)


def _digested(image: ImageReference) -> ImageReference:
    return ImageReference(image.registry, image.path, None, image.digest)
