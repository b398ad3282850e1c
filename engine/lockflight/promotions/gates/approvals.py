"""Have enough of the named people approved this very lock?"""

from __future__ import annotations

from collections.abc import Iterable

from lockflight.environments import ApprovalsGate
from lockflight.models import utc_text
from lockflight.ports.forge import Approval
from lockflight.promotions.gates.model import Question, Reply, not_yet, yes


def ask(settings: ApprovalsGate, question: Question) -> Reply:
    """The forge knows where there is one; else the ledger, where people sign off with `lockflight approve`."""
    lock_id = question.lock.id
    if question.forge is not None:
        given, source = question.forge.approvals(lock_id, question.environment), "forge"
    else:
        given, source = question.known.approvals, "ledger"
    reviewers = {reviewer.casefold(): reviewer for reviewer in settings.reviewers}
    counted = _by_person((one for one in given if one.lock_id == lock_id), reviewers)
    others = _by_person((one for one in given if one.lock_id != lock_id), reviewers)
    missing = [name for name in reviewers.values() if name not in counted]
    details = {
        "approved_by": {name: _as_data(approval) for name, approval in counted.items()},
        "of_another_lock": sorted(others.keys() - counted.keys()),
        "quorum": settings.quorum,
        "reviewers": list(reviewers.values()),
        "source": source,
    }
    have = f"{len(counted)} of {settings.quorum} approvals"
    if len(counted) >= settings.quorum:
        return yes(f"{have}: {', '.join(counted)}", **details)
    return not_yet(f"{have}{_by(counted)}; asked are {', '.join(missing)}{_lapsed(details)}", None, **details)


def explain(settings: ApprovalsGate) -> str:
    return f"{settings.quorum} of {', '.join(settings.reviewers)} have approved this very lock"


def _by_person(approvals: Iterable[Approval], reviewers: dict[str, str]) -> dict[str, Approval]:
    """By the name in the manifest, each once. Forges do not tell capital letters from small ones."""
    found: dict[str, Approval] = {}
    for approval in approvals:
        reviewer = reviewers.get(approval.person.casefold())
        if reviewer is not None:
            found.setdefault(reviewer, approval)
    return found


def _as_data(approval: Approval) -> dict[str, str]:
    where = {"url": approval.url} if approval.url else {}
    return {"time": utc_text(approval.time), **where}


def _by(counted: dict[str, Approval]) -> str:
    return f" ({', '.join(counted)})" if counted else ""


def _lapsed(details: dict[str, object]) -> str:
    others = details["of_another_lock"]
    return f"; {', '.join(others)} approved another lock" if isinstance(others, list) and others else ""
