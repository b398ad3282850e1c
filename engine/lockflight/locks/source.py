"""Where and when a lock is made, as far as git and the CI around it tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from lockflight import names
from lockflight.builds.ci import clean, running_build
from lockflight.errors import InputError
from lockflight.locks.model import Source
from lockflight.ports.clock import Clock
from lockflight.ports.git import Head

# The variable by which reproducible builds agree on a time.
_EPOCH = "SOURCE_DATE_EPOCH"


def source_of(environment: Mapping[str, str], head: Head | None) -> Source:
    """The source of a lock; it informs, and changes nothing that is deployed."""
    try:
        build = running_build(environment)
    except InputError:
        build = None  # a pull request's event that tells nothing is no reason to make no lock
    build = clean(build) if build else None
    return Source(
        repository=(build.repository if build else None) or (head.repository if head else None),
        ref=_ref(environment) or (head.ref if head else None),
        # The head of the pull request rather than the merge that CI made for it and nobody sees again.
        commit=(build.commit if build else None) or (head.commit if head else None),
        pull_request=_pull_request(environment),
        run=build.run if build else None,
    )


def created_of(environment: Mapping[str, str], head: Head | None, clock: Clock) -> datetime:
    """The time of the commit that the lock is made from, so that the same input gives the same bytes."""
    epoch = environment.get(_EPOCH, "")
    if epoch:
        try:
            return datetime.fromtimestamp(int(epoch), UTC)
        except (ValueError, OverflowError, OSError) as error:
            hint = "write whole seconds since 1970, or leave it out"
            raise InputError(f"{_EPOCH} is no time: '{epoch}'", hint=hint) from error
    return head.committed if head else clock.now()


def _ref(environment: Mapping[str, str]) -> str | None:
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME"):
        if environment.get(name):
            return names.without_credentials(environment[name])
    return None


def _pull_request(environment: Mapping[str, str]) -> int | None:
    match = re.fullmatch(r"refs/pull/([1-9][0-9]*)/(?:merge|head)", environment.get("GITHUB_REF", ""))
    number = match.group(1) if match else environment.get("CI_MERGE_REQUEST_IID", "")
    return int(number) if number.isdigit() and int(number) else None
