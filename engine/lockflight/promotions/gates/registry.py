"""Can everything that runs in this environment be had from its registry, each platform's image included?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lockflight.builds.labels import inspect
from lockflight.concurrency import each
from lockflight.environments import Nothing
from lockflight.locks.model import Lock
from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import Registry, WrongContent
from lockflight.progress import Silent
from lockflight.promotions.gates.model import Question, Reply, no, unknown, yes


def ask(_settings: Nothing, question: Question) -> Reply:
    """All that is missing is named; a registry that is down does not hide what another one has lost."""
    platforms = _platforms(question.lock)
    references = sorted(set(question.images.values()))
    answers, failures = each(
        lambda reference: _missing(reference, platforms.get(reference, {}), question.registry),
        references,
        Silent(),
        "asking the registries",
    )
    missing = [one for found in answers for one in found]
    details = {"images": references, "missing": missing, "failures": [str(failure) for failure in failures]}
    if missing:
        return no(f"{len(missing)} missing: {', '.join(missing)}", **details)
    if failures:
        return unknown("; ".join(dict.fromkeys(str(failure) for failure in failures)), **details)
    return yes(f"the registry has all {len(references)} images", **details)


def explain(_settings: Nothing) -> str:
    return "every image that runs here can be had from its registry by digest, for each of its platforms"


def _platforms(lock: Lock) -> Mapping[str, Mapping[str, str]]:
    """What the lock knows of the images in an index, by the reference of the index."""
    return {
        f"{service.image}@{service.digest}": service.platforms
        for service in lock.services.values()
        if service.image is not None
    }


def _missing(reference: str, platforms: Mapping[str, str], registry: Registry) -> list[str]:
    try:
        return list(_asked(reference, platforms, registry))
    except WrongContent as error:
        return [f"{reference} ({error})"]


def _asked(reference: str, platforms: Mapping[str, str], registry: Registry) -> Iterator[str]:
    image = parse_reference(reference)
    if registry.resolve(image) is None:
        yield reference
        return
    known = platforms or _found_platforms(image, registry)
    for platform, digest in sorted(known.items()):
        # Bytes behind a digest may come from memory; whether they are still there is asked.
        if registry.resolve(image.with_digest(digest)) is None:
            yield f"{image.name}@{digest} ({platform})"


def _found_platforms(image: ImageReference, registry: Registry) -> dict[str, str]:
    """A third party's image, of which the lock only has the digest of the index."""
    facts = inspect(registry, image)
    return facts.platforms if facts is not None else {}
