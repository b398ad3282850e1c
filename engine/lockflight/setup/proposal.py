"""Deciding what the manifest should say, from what was found and what a person answered. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lockflight.errors import Place, Problem
from lockflight.setup.compose_places import ComposeFiles
from lockflight.setup.image_templates import Naming, naming_of, pattern
from lockflight.setup.image_texts import PLACEHOLDER, read_image
from lockflight.setup.matching import Matched, Use, match
from lockflight.setup.naming import (
    Unique,
    is_service_name,
    is_usable_path,
    last_part,
    one_line,
    project_name,
    repository_name,
    same_name_key,
)
from lockflight.setup.survey import FoundSubmodule, Survey


class Asks(StrEnum):
    """What only a person can know."""

    REGISTRY = "registry"
    TAG = "tag"
    IMAGE = "image"  # whether a submodule has one
    IMAGE_NAME = "image name"


@dataclass(frozen=True, slots=True)
class ToDo:
    """Something that is left to be filled in; `subject` is the submodule or service that it is about."""

    asks: Asks
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said, by option or when asked."""

    registry: str | None = None
    project: str | None = None
    tag: str | None = None
    has_image: dict[str, bool] = field(default_factory=dict)  # by submodule
    images: dict[str, str] = field(default_factory=dict)  # templates, by service


@dataclass(frozen=True, slots=True)
class ProposedService:
    """One entry under `services`; `comments` stand above it, `suggestions` below it as settings to uncomment."""

    name: str
    submodule: str | None = None
    path: str | None = None
    compose: tuple[str, ...] | None = None
    image: str | bool | None = None
    tag: str | None = None
    comments: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A manifest to be, and why it is so."""

    project: str
    naming: Naming
    services: tuple[ProposedService, ...]
    exclude: tuple[tuple[str, str], ...] = ()
    compose: ComposeFiles = field(default_factory=ComposeFiles)
    third_party: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    todos: tuple[ToDo, ...] = ()
    warnings: tuple[Problem, ...] = ()
    has_schemas: bool = False
    is_example: bool = False

    @property
    def has_images(self) -> bool:
        return any(service.image is not False for service in self.services)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A service before it is known how images are named in general."""

    name: str
    uses: tuple[Use, ...]
    submodule: FoundSubmodule | None = None
    folder: str | None = None


def propose(survey: Survey, answers: Answers | None = None) -> Proposal:
    """The best manifest that can be made of what was found; what is unknown is listed in `todos`."""
    answers = answers or Answers()
    project = _project(survey, answers)
    modules, warnings = _usable(survey.submodules)
    uses = [Use(use, read_image(use.image, survey.variables) if use.image else None) for use in survey.uses]
    matched = match([use for use in uses if is_service_name(use.name)], modules, survey.dockerfiles, project)
    drafts = _drafts(matched, modules, survey, project)
    naming = naming_of(
        [(draft.name, use.image) for draft in drafts for use in draft.uses], answers.registry, answers.tag
    )
    made = [_service(draft, naming, answers) for draft in drafts]
    services = tuple(service for service, _ in made)
    todos = [*_general_todos(naming, services), *(todo for _, several in made for todo in several)]
    return Proposal(
        project=project,
        naming=naming,
        services=services or (ProposedService("example", path="."),),
        exclude=_excluded(matched.elsewhere, services),
        compose=_usable_files(survey.compose, warnings),
        third_party=tuple(sorted(use.name for use in matched.third_party)),
        notes=tuple(_notes(survey, drafts)),
        todos=tuple(todos) if services else (ToDo(Asks.REGISTRY, _NOTHING_FOUND),),
        warnings=tuple(dict.fromkeys((*survey.warnings, *warnings))),
        has_schemas=survey.has_schemas,
        is_example=not services,
    )


def _excluded(elsewhere: Sequence[Use], services: Sequence[ProposedService]) -> tuple[tuple[str, str], ...]:
    """Each with its reason; a name that a service has already cannot be excluded as well."""
    taken = {service.name for service in services}
    return tuple((use.name, _why_excluded(use)) for use in elsewhere if use.name not in taken)


def _project(survey: Survey, answers: Answers) -> str:
    if answers.project:
        return answers.project
    name = survey.compose_project or repository_name(survey.repository) or survey.folder
    return project_name(name)


def _usable(modules: Iterable[FoundSubmodule]) -> tuple[list[FoundSubmodule], list[Problem]]:
    """Submodules that a manifest can name, and a word on each of the others."""
    usable, warnings = [], []
    for module in modules:
        if is_usable_path(module.path) and module.inside:
            usable.append(module)
        else:
            message = "the submodule is left out: a manifest cannot name this path"
            warnings.append(Problem(message, Place(one_line(module.path))))
    return usable, warnings


def _usable_files(files: ComposeFiles, warnings: list[Problem]) -> ComposeFiles:
    def kept(paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(path for path in paths if is_usable_path(path))

    bad = [path for path in files.stack if not is_usable_path(path)]
    message = "the compose file is left out: a manifest cannot name this path"
    warnings += [Problem(message, Place(one_line(path))) for path in bad]
    return ComposeFiles(kept(files.stack), kept(files.variants), kept(files.others))


def _drafts(
    matched: Matched, modules: Sequence[FoundSubmodule], survey: Survey, project: str
) -> list[_Draft]:
    """A draft for each image of each submodule and folder, under names of their own."""
    unique = Unique()
    drafts = []
    # A service is in the stack by its own name unless it says otherwise, so none may have another's.
    in_stack = {
        use.name for uses in (*matched.by_submodule.values(), *matched.by_folder.values()) for use in uses
    }

    def others(uses: Sequence[Use]) -> set[str]:
        return in_stack - {use.name for use in uses}

    for module in modules:
        groups = _by_image(matched.by_submodule[module.path], last_part(module.path), project) or [[]]
        for position, uses in enumerate(groups):
            wish = uses[0].name if position else _called(module, uses)
            drafts.append(
                _Draft(unique.name(wish, module.path, avoid=others(uses)), tuple(uses), submodule=module)
            )
    for folder, uses in matched.by_folder.items():
        if is_usable_path(folder):
            for group in _by_image(uses, last_part(folder), project):
                drafts.append(
                    _Draft(unique.name(group[0].name, avoid=others(group)), tuple(group), folder=folder)
                )
    for folder in () if survey.compose.stack else survey.dockerfiles:
        if is_usable_path(folder):
            name = last_part(folder) or project
            drafts.append(_Draft(unique.name(name, folder, avoid=in_stack), (), folder=folder))
    return drafts


def _called(module: FoundSubmodule, uses: Sequence[Use]) -> str:
    """By its folder; by its name in the stack where the image is called so, too: nothing else needs saying then."""
    name, image = last_part(module.path), uses[0].image if uses else None
    if image is not None and pattern(name, image.last) is None and pattern(uses[0].name, image.last):
        return uses[0].name
    return name


def _by_image(uses: Sequence[Use], like: str, project: str) -> list[list[Use]]:
    """Compose services that run the same image, the one named like its source first.

    One that is built and has no image of its own runs the same as the first, but for a target of its own.
    """
    key = same_name_key(like, project)
    ordered = sorted(uses, key=lambda use: (use.image is None, same_name_key(use.name, project) != key))
    groups: dict[str | None, list[Use]] = {}
    for use in ordered:
        name = use.image.name if use.image else use.compose.target or next(iter(groups), None)
        groups.setdefault(name, []).append(use)
    return list(groups.values())


def _service(draft: _Draft, naming: Naming, answers: Answers) -> tuple[ProposedService, list[ToDo]]:
    names = tuple(use.name for use in draft.uses)
    service = ProposedService(
        name=draft.name,
        submodule=draft.submodule.path if draft.submodule else None,
        path=draft.folder,
        compose=names if names and names != (draft.name,) else None,
    )
    if draft.submodule and not draft.uses:
        service, todos = _without_compose(service, draft.submodule, answers)
    else:
        service, todos = _with_image(service, draft, naming, answers)
    return _with_suggestions(service, draft.submodule), todos


def _without_compose(
    service: ProposedService, module: FoundSubmodule, answers: Answers
) -> tuple[ProposedService, list[ToDo]]:
    """A submodule that no compose service runs: an image of its own, or mere configuration?"""
    said = answers.has_image.get(module.path)
    if said is not None:
        return replace(service, image=None if said else False), []
    if module.bound_in:
        comment = "only configuration: the stack binds files of it in, and nothing runs it"
        return replace(service, image=False, comments=(comment,)), []
    if module.has_dockerfile:
        return replace(service, comments=("has a Dockerfile, but no service of the stack runs it",)), []
    if module.checked_out:
        comment = "only configuration: it has no Dockerfile, and no service of the stack runs it"
        return replace(service, image=False, comments=(comment,)), []
    comment = "TODO: not checked out here, and no service of the stack runs it; has it an image?"
    todo = ToDo(
        Asks.IMAGE,
        f"services.{service.name}: has the submodule {one_line(module.path)} an image? if not: 'image: false'",
        module.path,
    )
    return replace(service, comments=(comment,), suggestions=("image: false",)), [todo]


def _with_image(
    service: ProposedService, draft: _Draft, naming: Naming, answers: Answers
) -> tuple[ProposedService, list[ToDo]]:
    given = answers.images.get(draft.name)
    if given is not None:
        return replace(service, image=given), []
    image = next((use.image for use in draft.uses if use.image), None)
    if image is not None:
        own_image = naming.image_of(draft.name, image)
        return replace(service, image=own_image, tag=naming.tag_of(image)), []
    hidden = next((use.compose.image for use in draft.uses if use.compose.image), None)
    if hidden is None:
        return service, []
    written = one_line(hidden)
    comment = f"TODO: {written} does not tell the image's name without its variables"
    todo = ToDo(
        Asks.IMAGE_NAME, f"services.{service.name}: is its image named otherwise? {written}", service.name
    )
    return replace(service, comments=(comment,)), [todo]


def _with_suggestions(service: ProposedService, module: FoundSubmodule | None) -> ProposedService:
    if module is None:
        return service
    comments, suggestions = list(service.comments), list(service.suggestions)
    if not module.committed:
        comments.append("is in .gitmodules, but not committed yet: commit it before 'lockflight lock'")
    if module.branch and is_usable_path(module.branch):
        suggestions.append(f"branch: {module.branch}")
    if module.api and is_usable_path(module.api) and service.image is not False:
        suggestions.append(f"api: {module.api}")
    return replace(service, comments=tuple(comments), suggestions=tuple(suggestions))


def _general_todos(naming: Naming, services: Sequence[ProposedService]) -> Iterator[ToDo]:
    if all(service.image is False for service in services):
        return
    if naming.is_placeholder:
        yield ToDo(Asks.REGISTRY, f"image: where the images are, wherever {PLACEHOLDER} stands")
    if naming.tag_is_unknown:
        yield ToDo(
            Asks.TAG, f"tag: how tags are made of the commit; the compose files say {naming.tag_written}"
        )
    elif naming.tag_is_guess:
        yield ToDo(
            Asks.TAG,
            f"tag: is it {naming.tag}? the compose files say {naming.tag_written};"
            " a commit cut to its first digits is {sha:7}",
        )


def _why_excluded(use: Use) -> str:
    if use.compose.remote:
        return f"built from {one_line(use.compose.remote)}: give it 'repository' and 'ref' to lock it"
    return "built from a folder outside of this repository"


def _notes(survey: Survey, drafts: Sequence[_Draft]) -> Iterator[str]:
    """What was seen and not used."""
    used = {draft.folder for draft in drafts}
    for folder in survey.dockerfiles if survey.compose.stack else ():
        if folder not in used:
            yield f"{one_line(folder)} has a Dockerfile, but no service of the stack is built from it"


_NOTHING_FOUND = "services: nothing was found to lock; replace the example, and say where the images are"
