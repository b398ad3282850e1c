"""Credentials as `docker login` leaves them: in config.json, or behind a credential helper.

They are looked for only when a registry asks for them, and what is wrong with them is told only when the
registry then says no: a broken helper must not stand in the way of a public image.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lockflight import names
from lockflight.errors import InputError
from lockflight.files import read_text

_HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = frozenset({"index.docker.io", "registry-1.docker.io", names.DOCKER_HUB})
_HELPER_SECONDS = 15.0
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LARGEST_CONFIG = 4 * 1024 * 1024
# What a helper calls the user when the secret is a token to be exchanged, and no password.
_TOKEN_USER = "<token>"  # noqa: S105 - a name, no secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to one registry. The secrets are in no text that is made of it."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header with user and password."""
        return f"Basic {base64.b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was found for a registry, where, and what stood in the way."""

    credentials: Credentials | None = None
    source: str = ""
    trouble: str = ""
    # What may help against the trouble, where that is something else than logging in.
    hint: str = ""


class CredentialStore(Protocol):
    def find(self, registry: str) -> Lookup:
        """The credentials for a registry, by the name that images carry (`docker.io`)."""
        ...


class NoCredentials:
    """For asking as anybody."""

    def find(self, registry: str) -> Lookup:  # noqa: ARG002 - it is the same for all
        return Lookup()


class DockerCredentials:
    """`$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, with the helpers that it names."""

    def __init__(self, environment: Mapping[str, str], *, helper_seconds: float = _HELPER_SECONDS) -> None:
        self._environment = dict(environment)
        self._helper_seconds = helper_seconds
        self._known: dict[str, Lookup] = {}
        self._guard = threading.Lock()

    @property
    def path(self) -> Path | None:
        """The configuration's file; None for an account without a home folder, as containers often have it."""
        folder = self._environment.get("DOCKER_CONFIG")
        home = self._environment.get("HOME")
        try:
            return Path(folder or Path(home or Path.home()) / ".docker") / "config.json"
        except RuntimeError:
            return None

    def find(self, registry: str) -> Lookup:
        with self._guard:
            if registry not in self._known:
                self._known[registry] = self._find(registry)
            return self._known[registry]

    def _find(self, registry: str) -> Lookup:
        path = self.path
        if path is None:
            return Lookup(hint="set HOME or DOCKER_CONFIG, so that there is a place to look for credentials")
        try:
            config = _config(path)
        except InputError as error:
            problem = error.problems[0]
            return Lookup(None, str(path), str(problem), problem.hint or "")
        helper = _helper_for(registry, config)
        asked = self._ask_helper(helper, registry, path) if helper else Lookup(source=str(path))
        if asked.credentials is not None:
            return asked
        kept = _in_config(_mapping(config.get("auths")), registry, path)
        return kept if kept.credentials is not None or not asked.trouble else asked

    def _ask_helper(self, name: str, registry: str, path: Path) -> Lookup:
        program = f"docker-credential-{name}"
        if not _HELPER_NAME.fullmatch(name):
            trouble = f"{path} names a credential helper that cannot be one"
            return Lookup(None, str(path), trouble, f"repair {path}")
        try:
            done = subprocess.run(
                [program, "get"],
                input=_helper_key(registry).encode(),
                env=self._environment,
                capture_output=True,
                timeout=self._helper_seconds,
            )
        except subprocess.TimeoutExpired:
            return Lookup(None, program, f"{program} did not answer within {self._helper_seconds:g} s")
        except (OSError, ValueError):
            trouble = f"{program} cannot be run: is it installed and on the PATH?"
            return Lookup(None, program, trouble, f"install {program}, or take it out of {path}")
        if done.returncode:
            return _refusal(program, registry, done)
        return _from_helper(program, done.stdout)


def _config(path: Path) -> dict[str, Any]:
    """The configuration; empty where there is none, or none that this account may see."""
    try:
        if not path.exists():
            return {}
    except PermissionError:
        return {}
    text = read_text(path, largest=_LARGEST_CONFIG)
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        # Nothing of the text is repeated, and the cause is not chained: there are passwords in it.
        config = None
    if not isinstance(config, dict):
        raise InputError(f"{path} is no JSON object", hint=f"repair or remove {path}")
    return config


def _helper_for(registry: str, config: dict[str, Any]) -> str:
    """The name of the helper that keeps the registry's credentials; empty where none does."""
    own = _mapping(config.get("credHelpers"))
    # The registry's very name before any other way to write it.
    keys = sorted((key for key in own if _is_for(key, registry)), key=lambda key: (key != registry, key))
    return str(next((own[key] for key in keys if own[key]), None) or config.get("credsStore") or "")


def _in_config(auths: dict[str, Any], registry: str, path: Path) -> Lookup:
    source = str(path)
    for entry in (entry for key, entry in sorted(auths.items()) if _is_for(key, registry)):
        try:
            credentials = _from_entry(_mapping(entry))
        except ValueError:
            return Lookup(None, source, f"the entry for {registry} in {source} cannot be read")
        if credentials is not None:
            return Lookup(credentials, source)
    return Lookup(source=source)


def _refusal(program: str, registry: str, done: subprocess.CompletedProcess[bytes]) -> Lookup:
    # Every helper says this when it simply has nothing; it is defined by Docker's credentials package.
    if b"credentials not found" in done.stdout + done.stderr:
        return Lookup(source=program)
    why = f"{program} failed with exit code {done.returncode}"
    # Its words are not repeated: what a helper prints may be a secret.
    return Lookup(None, program, f"{why}; see for yourself: echo {_helper_key(registry)} | {program} get")


def _from_helper(program: str, output: bytes) -> Lookup:
    try:
        found = _mapping(json.loads(output))
        user, secret = str(found.get("Username") or ""), str(found.get("Secret") or "")
    except (ValueError, RecursionError):
        return Lookup(None, program, f"{program} answered something that is no JSON")
    if not secret:
        return Lookup(source=program)
    if user == _TOKEN_USER:
        return Lookup(Credentials(identity_token=secret), program)
    return Lookup(Credentials(user, secret), program)


def _from_entry(entry: dict[str, Any]) -> Credentials | None:
    """An entry of `auths`; empty ones are left there by helpers. `ValueError` when it cannot be read."""
    words = {key: value for key, value in entry.items() if isinstance(value, str)}
    user, password = words.get("username", ""), words.get("password", "")
    if words.get("auth"):
        user, _, password = base64.b64decode(words["auth"], validate=True).decode().partition(":")
    credentials = Credentials(
        user, password.strip("\0"), words.get("identitytoken", ""), words.get("registrytoken", "")
    )
    return credentials if credentials != Credentials(user) else None


def _is_for(key: str, registry: str) -> bool:
    """Whether an entry's key names the registry; old clients wrote whole URLs."""
    host = re.sub(r"^https?://", "", key).partition("/")[0]
    return host in _HUB_HOSTS if registry == names.DOCKER_HUB else host == registry


def _helper_key(registry: str) -> str:
    return _HUB_KEY if registry == names.DOCKER_HUB else registry


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
