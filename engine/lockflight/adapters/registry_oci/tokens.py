"""Getting in: from a challenge to the value of an Authorization header, with tokens kept while they last."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from lockflight.adapters.registry_oci.addresses import (
    Address,
    BadAddress,
    is_loopback,
    may_be_plain,
    parse_address,
)
from lockflight.adapters.registry_oci.challenge import Challenge, choose, parse_challenges
from lockflight.adapters.registry_oci.credentials import Credentials, CredentialStore, Lookup
from lockflight.adapters.registry_oci.deadline import Deadline
from lockflight.adapters.registry_oci.http import Answer, Request
from lockflight.ports.clock import Clock

# What the specification of Docker's token service says where it does not say how long a token lasts.
_USUAL_SECONDS = 60.0
# A token that ends while it is underway would be refused; so it is renewed before that.
_MARGIN_SECONDS = 10.0
_CLIENT = "lockflight"
_LARGEST_ANSWER = 256 * 1024


class Denied(Exception):
    """The door stays shut: `why`, and what may open it."""

    def __init__(self, why: str, lookup: Lookup, hint: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.lookup = lookup
        self.hint = hint


class Ask(Protocol):
    """One request to any address, with redirects followed; failures are the caller's own."""

    def __call__(self, request: Request, deadline: Deadline) -> Answer: ...


@dataclass(slots=True)
class _Token:
    """A value for the Authorization header, and until when it is good."""

    header: str = field(repr=False)
    until: float


class Authorizer:
    """The way into one registry. What it learned from a challenge serves the requests that come after.

    With tokens every repository has one of its own; the first challenge tells where they are to be had, so
    that further repositories need not be asked in vain first.
    """

    def __init__(
        self, registry: str, store: CredentialStore, insecure: frozenset[str], clock: Clock, ask: Ask
    ) -> None:
        self._registry = registry
        self._store = store
        self._insecure = insecure
        self._clock = clock
        self._ask = ask
        self._challenge: Challenge | None = None
        self._tokens: dict[str, _Token] = {}
        self._guards: dict[str, threading.Lock] = {}

    def header(self, scope: str, deadline: Deadline) -> str | None:
        """What to send along for this scope, as far as is known; None before the first challenge."""
        if self._challenge is None:
            return None
        return self._authorization(self._challenge, scope, None, deadline)

    def answer(self, refusal: Answer, scope: str, used: str | None, deadline: Deadline) -> str:
        """What to send along instead of `used`, which was refused with a challenge."""
        challenges = parse_challenges(refusal.headers.get("WWW-Authenticate", ""))
        found = choose(challenges)
        if found is None:
            raise Denied(
                "wants credentials of a kind that lockflight does not know",
                self.lookup(),
                f"this kind of sign-in is not supported: {_named(challenges)}",
            )
        header = self._authorization(found, scope, used, deadline)
        # The scope is that of this one request; what is asked next names its own.
        self._challenge = found.without_scope()
        if header is None or header == used:
            raise Denied("wants credentials", self.lookup())
        return header

    def lookup(self) -> Lookup:
        return self._store.find(self._registry)

    def _authorization(
        self, challenge: Challenge, scope: str, refused: str | None, deadline: Deadline
    ) -> str | None:
        if challenge.is_basic:
            credentials = self.lookup().credentials
            return credentials.basic if credentials and credentials.password else None
        return self._bearer(challenge, scope, refused, deadline)

    def _bearer(self, challenge: Challenge, scope: str, refused: str | None, deadline: Deadline) -> str:
        token = self._tokens.get(scope)
        if token is not None and token.header != refused and self._clock.monotonic() < token.until:
            return token.header
        # One thread gets the token of a scope; the others wait for it instead of each getting one.
        with self._guards.setdefault(scope, threading.Lock()):
            kept = self._tokens.get(scope)
            if kept is not token and kept is not None and kept.header != refused:
                return kept.header
            fresh = self._new_token(challenge, scope, deadline)
            self._tokens[scope] = fresh
            return fresh.header

    def _new_token(self, challenge: Challenge, scope: str, deadline: Deadline) -> _Token:
        lookup = self.lookup()
        credentials = lookup.credentials
        if credentials is not None and credentials.registry_token:
            return _Token(f"Bearer {_checked(credentials.registry_token, lookup)}", float("inf"))
        realm = self._realm(challenge, lookup)
        answer = self._ask_realm(realm, challenge, scope, credentials, deadline)
        if answer.status in (401, 403):
            raise Denied(f"sends to the token service {realm.netloc}, which refused", lookup)
        if answer.status != 200:
            raise Denied(
                f"sends to the token service {realm.netloc}, which answered {answer.status_line}", lookup
            )
        return self._read_token(answer, lookup)

    def _ask_realm(
        self,
        realm: Address,
        challenge: Challenge,
        scope: str,
        credentials: Credentials | None,
        deadline: Deadline,
    ) -> Answer:
        service = challenge.parameters.get("service")
        fields = {"service": service, "scope": challenge.parameters.get("scope") or scope}
        known = {name: value for name, value in fields.items() if value}
        if credentials is not None and credentials.identity_token:
            return self._exchange_identity(realm, known, credentials.identity_token, deadline)
        headers = {"Authorization": credentials.basic} if credentials and credentials.password else {}
        joint = "&" if "?" in realm.target else "?"
        address = realm.at(f"{realm.target}{joint}{urlencode(known)}")
        return self._ask(Request("GET", address, headers, largest=_LARGEST_ANSWER), deadline)

    def _exchange_identity(
        self, realm: Address, known: Mapping[str, str], identity: str, deadline: Deadline
    ) -> Answer:
        form = {"grant_type": "refresh_token", "refresh_token": identity, "client_id": _CLIENT, **known}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        return self._ask(Request("POST", realm, headers, body, _LARGEST_ANSWER), deadline)

    def _realm(self, challenge: Challenge, lookup: Lookup) -> Address:
        """Where tokens are to be had; never without encryption, unless it and the registry are allowed to."""
        try:
            realm = parse_address(challenge.parameters["realm"])
        except BadAddress as error:
            raise Denied("names a token service whose address is none", lookup) from error
        plain_registry = may_be_plain(self._registry, self._insecure)
        plain_realm = is_loopback(realm.host) or may_be_plain(realm.netloc, self._insecure)
        if realm.scheme == "http" and not (plain_registry and plain_realm):
            raise Denied(
                f"wants the credentials sent to {realm.netloc} without encryption, which is refused", lookup
            )
        return realm

    def _read_token(self, answer: Answer, lookup: Lookup) -> _Token:
        try:
            data: Any = json.loads(answer.body)
            text = data.get("token") or data.get("access_token")
            seconds = float(data.get("expires_in") or _USUAL_SECONDS)
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise Denied(
                f"sends to the token service {answer.address.netloc}, which answered no JSON object", lookup
            ) from error
        if not isinstance(text, str):
            raise Denied(
                f"sends to the token service {answer.address.netloc}, which answered without a token", lookup
            )
        lasts = max(seconds - _MARGIN_SECONDS, seconds / 2)
        return _Token(f"Bearer {_checked(text, lookup)}", self._clock.monotonic() + lasts)


def _named(challenges: list[Challenge]) -> str:
    """The kinds of sign-in that a registry offers; each is a token of the grammar, and so printable."""
    names = dict.fromkeys(challenge.scheme[:40] for challenge in challenges[:5])
    return ", ".join(names) or "the registry names none"


def _checked(token: str, lookup: Lookup) -> str:
    # A header library that meets a line end in a token would repeat the token in its exception.
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Denied("has a token that cannot be sent: there is white space or a line end in it", lookup)
    return token
