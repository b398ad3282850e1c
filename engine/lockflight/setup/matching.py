"""Which service of the compose files is built from which submodule or folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lockflight import names
from lockflight.setup.compose_reading import ComposeUse
from lockflight.setup.image_texts import ImageText, most_common
from lockflight.setup.naming import last_part, same_name_key
from lockflight.setup.survey import FoundSubmodule


@dataclass(frozen=True, slots=True)
class Use:
    """A compose service with its image taken apart, where it says one that can be read."""

    compose: ComposeUse
    image: ImageText | None = None

    @property
    def name(self) -> str:
        return self.compose.name

    @property
    def on_docker_hub(self) -> bool:
        return self.image is not None and (
            self.image.prefix.split("/")[0] == names.DOCKER_HUB or self.image.local
        )


@dataclass(slots=True)
class Matched:
    """Every compose service in exactly one of these."""

    by_submodule: dict[str, list[Use]] = field(default_factory=dict)
    by_folder: dict[str, list[Use]] = field(default_factory=dict)
    elsewhere: list[Use] = field(default_factory=list)  # built, but from no folder of this repository
    third_party: list[Use] = field(default_factory=list)


def match(
    uses: Sequence[Use], submodules: Sequence[FoundSubmodule], folders: Sequence[str], project: str
) -> Matched:
    """Sort compose services by what they are built from; `folders` are those with a Dockerfile."""
    matched = Matched({module.path: [] for module in submodules})
    by_name = {
        **_by_name(uses, [folder for folder in folders if folder != "."], project),
        **_by_name(uses, [module.path for module in submodules], project),
    }
    for use in uses:
        path = _submodule_around(use.compose, submodules) or by_name.get(use.name)
        if path in matched.by_submodule:
            matched.by_submodule[path].append(use)
        elif use.compose.builds and use.compose.context is not None:
            matched.by_folder.setdefault(folder_of(use.compose), []).append(use)
        elif path is not None:
            matched.by_folder.setdefault(path, []).append(use)
        elif use.compose.builds:
            matched.elsewhere.append(use)
        else:
            matched.third_party.append(use)
    return matched


def folder_of(use: ComposeUse) -> str:
    """The folder that a service's source lies in: where everything is built from the root, its Dockerfile's."""
    if use.context == "." and use.dockerfile and not use.dockerfile.startswith(".."):
        return str(PurePosixPath(use.dockerfile).parent)
    return use.context or "."


def _submodule_around(use: ComposeUse, submodules: Iterable[FoundSubmodule]) -> str | None:
    """The submodule that the build folder, or else the Dockerfile, lies in."""
    for place in (use.context, use.dockerfile):
        around = [
            m.path for m in submodules if place is not None and PurePosixPath(place).is_relative_to(m.path)
        ]
        if around:
            return max(around, key=len)
    return None


def _by_name(uses: Sequence[Use], sources: Sequence[str], project: str) -> dict[str, str]:
    """The sources of those services whose name, or whose image's name, says which one it is."""
    found = {}
    for use in uses:
        path = _named_like(use, sources, project)
        if path is not None and not _is_built_elsewhere(use):
            found[use.name] = path
    ours = _our_prefix(use for use in uses if use.name in found)
    # `redis` from Docker Hub is not built from the submodule config/redis.
    return {use.name: found[use.name] for use in uses if use.name in found and not _is_foreign(use, ours)}


def _is_built_elsewhere(use: Use) -> bool:
    """From a folder of this repository that is no submodule: its name says nothing then."""
    return use.compose.builds and use.compose.context not in (None, ".")


def _our_prefix(uses: Iterable[Use]) -> str | None:
    return most_common(use.image.prefix for use in uses if use.image is not None)


def _is_foreign(use: Use, ours: str | None) -> bool:
    if use.compose.builds or use.image is None or not use.on_docker_hub:
        return False
    if use.image.local:
        return use.image.tag is None
    return use.image.prefix != ours


def _named_like(use: Use, sources: Sequence[str], project: str) -> str | None:
    exact = [path for path in sources if last_part(path) == use.name]
    if len(exact) == 1:
        return exact[0]
    for text in (use.name, use.image.last if use.image else None):
        if text is not None:
            key = same_name_key(text, project)
            alike = [path for path in sources if same_name_key(last_part(path), project) == key]
            if len(alike) == 1:
                return alike[0]
    return None
