"""The door of a `RegistryServer`: who may come in, by password or by a token of its token service."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from lockflight.testing.faults import Reply, failure


@dataclass
class Door:
    """Users with their passwords; nobody is asked for anything where there are none.

    With `kind="bearer"` the registry wants a token for each repository, which the service at `/token`
    hands out: to users, to holders of an identity token, and for pulling to anybody if `anonymous_pull`.
    """

    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    kind: Literal["basic", "bearer"] = "bearer"
    identity_tokens: frozenset[str] = field(default=frozenset(), repr=False)
    anonymous_pull: bool = False
    expires_in: int | None = 300
    # Where the registry says that tokens are to be had; None stands for its own service.
    realm: str | None = None
    # What the answer of the token service calls the token: `token`, or `access_token` as OAuth2 does.
    token_field: str = "token"  # noqa: S105 - the name of a field, no secret
    granted: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    @property
    def is_open(self) -> bool:
        return not self.users and not self.identity_tokens and not self.anonymous_pull

    def revoke_all(self) -> None:
        """Let every token that was handed out end now, as if its time were over."""
        self.granted.clear()

    def refusal(self, authorization: str | None, url: str, name: str, actions: str) -> Reply | None:
        """Why this request may not come in, as an answer; None when it may."""
        if self.is_open:
            return None
        if self.kind == "basic":
            return None if self._is_user(authorization) else _unauthorized('Basic realm="registry"')
        wanted = {f"repository:{name}:{action}" for action in actions.split(",")} if name else set()
        token = (authorization or "").removeprefix("Bearer ")
        if wanted <= self.granted.get(token, frozenset()) and token in self.granted:
            return None
        scope = f',scope="repository:{name}:{actions}"' if name else ""
        realm = self.realm or f"{url}/token"
        return _unauthorized(f'Bearer realm="{realm}",service="registry.test"{scope}')

    def token(self, authorization: str | None, query: str, form: str | None) -> Reply:
        """The answer of the token service: to GET with a password, or to POST with an identity token."""
        fields = parse_qs(form if form is not None else query)
        actions = self._allowed(authorization, fields.get("refresh_token", [""])[0], form is not None)
        if actions is None:
            return failure(401, "UNAUTHORIZED")
        token = secrets.token_urlsafe(24)
        self.granted[token] = frozenset(_scopes(fields.get("scope", [])) & _all_of(fields, actions))
        answer = {self.token_field: token}
        seconds = {"expires_in": self.expires_in} if self.expires_in is not None else {}
        return Reply(200, {"Content-Type": "application/json"}, json.dumps({**answer, **seconds}).encode())

    def _allowed(self, authorization: str | None, identity: str, is_form: bool) -> frozenset[str] | None:
        everything = frozenset({"pull", "push"})
        if is_form:
            return everything if identity in self.identity_tokens else None
        if authorization is not None:
            return everything if self._is_user(authorization) else None
        return frozenset({"pull"}) if self.anonymous_pull else frozenset()

    def _is_user(self, authorization: str | None) -> bool:
        try:
            pair = base64.b64decode((authorization or "").removeprefix("Basic ")).decode()
        except ValueError:
            return False
        user, _, password = pair.partition(":")
        return user in self.users and self.users[user] == password


def _unauthorized(challenge: str) -> Reply:
    return failure(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})


def _scopes(wanted: list[str]) -> set[str]:
    """Single rights, as `repository:acme/cart:pull`, out of scopes that name several."""
    found = set()
    for scope in " ".join(wanted).split():
        head, _, actions = scope.rpartition(":")
        found |= {f"{head}:{action}" for action in actions.split(",")}
    return found


def _all_of(fields: Mapping[str, list[str]], actions: frozenset[str]) -> set[str]:
    return {scope for scope in _scopes(fields.get("scope", [])) if scope.rpartition(":")[2] in actions}
