"""Third-party images: those that the stack uses and no service of the manifest makes."""

from __future__ import annotations

from collections.abc import Iterator

from lockflight import names
from lockflight.builds.labels import inspect
from lockflight.compose_files.project import ComposeProject, ComposeService
from lockflight.compose_files.variables import Origin
from lockflight.config import Manifest
from lockflight.findings import NOTHING, Finding
from lockflight.locks.model import LockedImage
from lockflight.locks.resolve import LACKS_PLATFORM
from lockflight.locks.verify import wrong_content
from lockflight.names import ImageReference
from lockflight.ports.registry import Registry, WrongContent


def third_party_images(
    manifest: Manifest, project: ComposeProject | None
) -> tuple[dict[str, ImageReference], list[Finding]]:
    """The references of all third-party images by compose name, and what is wrong with the stack's names."""
    found = {name: _tagged(names.parse_reference(text)) for name, text in manifest.images.items()}
    findings: list[Finding] = []
    if project is None:
        return found, findings
    own = manifest.services_by_image()
    ours = {name for service in manifest.services for name in manifest.compose_names(service)}
    findings += _names_that_are_not_there(manifest, project)
    for name, service in sorted(project.services.items()):
        if name in ours or name in manifest.exclude or name in found:
            continue
        reference = _reference(name, service, own, findings)
        if reference is not None:
            found[name] = reference
    return dict(sorted(found.items())), findings


def _reference(
    name: str, service: ComposeService, own: dict[str, str], findings: list[Finding]
) -> ImageReference | None:
    try:
        reference = names.parse_reference(service.image) if service.image else None
    except ValueError as error:
        findings.append(Finding("image-invalid", name, f"{service.place}: {error}", hint=_unset(service)))
        return None
    if reference is not None and reference.name in own:
        message = f"runs the image of the service '{own[reference.name]}' and is pinned with it"
        hint = f"name it under 'compose' of '{own[reference.name]}', so that exports pin it as well"
        findings.append(Finding("same-image", name, message, hint=hint, note=True))
        return None
    findings.extend(_of_this_machine(name, service))
    if service.has_build or reference is None:
        findings.append(Finding("unlocked-service", name, _built(service), hint=_NAME_IT))
        return None
    return _tagged(reference)


def _tagged(reference: ImageReference) -> ImageReference:
    """What a reference without tag and digest means everywhere with Docker."""
    return reference if reference.tag or reference.digest else reference.with_tag("latest")


def _built(service: ComposeService) -> str:
    how = "is built from source" if service.has_build else "has no image"
    return f"the stack's service {how} and is no service of the manifest ({service.place})"


def _unset(service: ComposeService) -> str | None:
    missing = sorted(variable.name for variable in service.variables if variable.origin is Origin.UNSET)
    return f"not set: {', '.join(missing)}" if missing else None


def _of_this_machine(name: str, service: ComposeService) -> Iterator[Finding]:
    """A variable that only this machine's environment sets makes another lock elsewhere."""
    for variable in service.variables:
        if variable.origin is Origin.ENVIRONMENT:
            message = f"the image depends on the variable {variable.name} of this machine's environment"
            hint = "set it in an env file of the stack, so that the same lock comes out everywhere"
            yield Finding("machine-variable", name, message, hint=hint, note=True)


def _names_that_are_not_there(manifest: Manifest, project: ComposeProject) -> Iterator[Finding]:
    for service, settings in manifest.services.items():
        if settings.image is False:
            continue
        for name in manifest.compose_names(service):
            if name not in project.services:
                hint = names.did_you_mean(name, project.services) or "see 'compose' of the service"
                message = f"the stack has no service '{name}'"
                yield Finding("not-in-stack", service, message, hint=hint, note=True)


def resolve_image(
    name: str, reference: ImageReference, platforms: list[str], registry: Registry
) -> tuple[LockedImage | None, list[Finding]]:
    """The image by digest, as its tag resolves now."""
    try:
        return _resolve_image(name, reference, platforms, registry)
    except WrongContent as error:
        return None, [wrong_content(name, error)]


def _resolve_image(
    name: str, reference: ImageReference, platforms: list[str], registry: Registry
) -> tuple[LockedImage | None, list[Finding]]:
    behind = registry.resolve(reference)
    if behind is None:
        hint = "is the name right, and may this user see it?"
        message = f"the registry has no {reference}"
        return None, [Finding("image-missing", name, message, str(reference), NOTHING, hint)]
    if registry.resolve(reference.with_digest(behind.digest)) is None:
        message = f"the registry names {behind.digest} for {reference}, and does not have it"
        return None, [Finding("digest-missing", name, message, behind.digest, NOTHING)]
    locked = LockedImage(image=reference.name, tag=reference.tag, digest=behind.digest)
    findings: list[Finding] = []
    facts = inspect(registry, reference.with_digest(behind.digest)) if platforms else None
    if facts is not None:
        missing = [platform for platform in platforms if platform not in facts.platforms]
        has = ", ".join(sorted(facts.platforms)) or NOTHING
        findings = [
            Finding("platform-missing", name, "the image lacks a platform", platform, has, LACKS_PLATFORM)
            for platform in missing
        ]
    return locked, findings


_NAME_IT = "add it to 'services', or to 'exclude' when it is deliberately not locked"
