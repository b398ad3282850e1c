"""Following redirects, with the secrets left behind where another host begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lockflight.adapters.registry_oci.addresses import Address, BadAddress
from lockflight.adapters.registry_oci.deadline import Deadline
from lockflight.adapters.registry_oci.http import Answer, ExchangeFailed, Request, Transport

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST = 5


def follow(transport: Transport, request: Request, deadline: Deadline) -> Answer:
    """The answer at the end of the redirects. Only reading is redirected; a push goes where it was sent."""
    answer = transport.exchange(request, deadline)
    if answer.status not in REDIRECTS:
        return answer
    if request.method not in ("GET", "HEAD"):
        raise ExchangeFailed(
            f"{request.address.netloc} redirects a push, which is not followed", lasting=True
        )
    return _follow(transport, request, answer, deadline)


def _follow(transport: Transport, request: Request, answer: Answer, deadline: Deadline) -> Answer:
    start = answer.address
    seen = {start}
    while answer.status in REDIRECTS:
        target = target_of(answer)
        if target in seen:
            raise ExchangeFailed(f"{start.netloc} redirects in a circle", lasting=True)
        if len(seen) > _MOST:
            raise ExchangeFailed(f"{start.netloc} redirects more than {_MOST} times", lasting=True)
        seen.add(target)
        # Once another host was visited nothing secret is sent any more, not even back home.
        if target.origin != start.origin:
            request = replace(request, headers=_without_secrets(request.headers))
        request = replace(request, address=target)
        answer = transport.exchange(request, deadline)
    is_own = all(place.origin == start.origin for place in seen)
    return Answer(answer.status, answer.headers, answer.body, answer.address, is_own)


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Authorization"}


def target_of(answer: Answer) -> Address:
    """Where the Location of an answer points to; never from https to plain http."""
    here = answer.address
    try:
        target = here.join(answer.headers.get("Location", ""))
    except BadAddress as error:
        raise ExchangeFailed(f"{here.netloc} points to an address that is none", lasting=True) from error
    if here.scheme == "https" and target.scheme == "http":
        raise ExchangeFailed(
            f"{here.netloc} points to {target.netloc} without encryption, which is refused", lasting=True
        )
    return target
