"""The manifest: is there one, can it be read, and is it filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lockflight.config import MANIFEST, Manifest, read_manifest
from lockflight.errors import InputError
from lockflight.places import manifest_folder
from lockflight.setup.checks.model import Checked, Surroundings, missing, note, ok
from lockflight.setup.image_texts import PLACEHOLDER


def load(folder: Path) -> tuple[Path, Manifest | None, Checked]:
    """The manifest's folder, the manifest, and how that went; without one the machine alone is looked at."""
    try:
        where = manifest_folder(folder)
    except InputError as error:
        return folder, None, _wrong(error, folder / MANIFEST)
    if where is None:
        return folder, None, note("manifest", f"there is no {MANIFEST} here", "'lockflight init' writes one")
    path = where / MANIFEST
    try:
        manifest = read_manifest(path)
    except InputError as error:
        return path.parent, None, _wrong(error, path)
    services = len(manifest.services)
    counted = f"{services} service{'s' if services != 1 else ''}"
    return path.parent, manifest, ok("manifest", f"{path}: {counted}")


def _wrong(error: InputError, path: Path) -> Checked:
    found = "; ".join(str(problem) for problem in error.problems)
    hint = next((problem.hint for problem in error.problems if problem.hint), None)
    return missing("manifest", found, hint or f"correct {path}")


def manifest(surroundings: Surroundings) -> Iterator[Checked]:
    if surroundings.manifest_state is not None:
        yield surroundings.manifest_state


def placeholder(surroundings: Surroundings) -> Iterator[Checked]:
    """What `init` could not know, and nobody has filled in yet."""
    found = surroundings.manifest
    if found is None:
        return
    texts = {"image": found.image}
    texts |= {f"services.{name}.image": service.image or None for name, service in found.services.items()}
    for path, text in texts.items():
        if isinstance(text, str) and is_placeholder(text):
            yield missing(
                "registry", f"{path} is still the placeholder {text}", f"say in {MANIFEST} where images are"
            )


def is_placeholder(image: str) -> bool:
    return image.startswith(PLACEHOLDER.split("/")[0] + "/")
