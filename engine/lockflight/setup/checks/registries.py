"""Each registry that a lock asks: does it answer, and who does it take us for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lockflight import names
from lockflight.config import Manifest
from lockflight.errors import InputError, LockflightError
from lockflight.locks.stack_files import read_stack
from lockflight.locks.third_party import third_party_images
from lockflight.names import ImageReference
from lockflight.ports.registry import Registry, RegistryDenied
from lockflight.setup.checks.manifest import is_placeholder
from lockflight.setup.checks.model import Checked, Surroundings, missing, ok
from lockflight.setup.checks.parallel import answers_within

# Less than what all checks together may take: one registry that hangs must not hide the others.
_SECONDS = 45.0


def registries(surroundings: Surroundings) -> Iterator[Checked]:
    """Ask every registry about one image: the cheapest question that needs address, TLS and credentials."""
    manifest = surroundings.manifest
    samples = {} if manifest is None else _samples(manifest, surroundings)
    if not samples:
        return
    registry = surroundings.open_registry()
    tasks = [
        (f"registry {host}", partial(_look, registry, image, surroundings))
        for host, image in sorted(samples.items())
    ]
    yield from answers_within(_SECONDS, tasks, surroundings.clock)


def _look(registry: Registry, image: ImageReference, surroundings: Surroundings) -> Iterator[Checked]:
    name = f"registry {image.registry}"
    credentials = surroundings.credentials(image.registry)
    try:
        behind = registry.resolve(image)
    except RegistryDenied as error:
        advice = f"docker login {image.registry}"
        yield missing(name, f"{error.problems[0].message} ({credentials})", advice)
    except LockflightError as error:
        yield missing(name, error.problems[0].message, error.problems[0].hint)
    else:
        has = "has" if behind is not None else "answers; it has not (yet)"
        yield ok(name, f"{has} {image.path}{_tag(image)} ({credentials})")


def _tag(image: ImageReference) -> str:
    tag = image.tag or ""
    return f":{tag[:12]}" if names.is_commit(tag) else f":{tag}" if tag else ""


def _samples(manifest: Manifest, surroundings: Surroundings) -> dict[str, ImageReference]:
    """One image of each registry: a service's at its commit, or a third-party image of the stack."""
    commits = _commits(manifest, surroundings)
    images = [manifest.image_of(name, commits.get(name, "0" * 40)) for name in manifest.services]
    found = [image for image in images if image is not None and not is_placeholder(image.name)]
    found += _third_party(manifest, surroundings)
    samples: dict[str, ImageReference] = {}
    for image in found:
        samples.setdefault(image.registry, image)
    return samples


def _commits(manifest: Manifest, surroundings: Surroundings) -> dict[str, str]:
    try:
        modules = {module.path: module.commit for module in surroundings.git.submodules()}
    except LockflightError:  # the check of the repository says why
        return {}
    wanted = {name: service.submodule for name, service in manifest.services.items()}
    return {name: modules[path] for name, path in wanted.items() if path is not None and path in modules}


def _third_party(manifest: Manifest, surroundings: Surroundings) -> list[ImageReference]:
    try:
        project = read_stack(manifest, surroundings.folder, surroundings.environment)
    except InputError:  # the check of the stack says why
        return []
    images, _ = third_party_images(manifest, project)
    return [image for image in images.values() if not is_placeholder(image.name)]
