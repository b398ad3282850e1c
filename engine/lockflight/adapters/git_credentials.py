"""Logging in at another repository without a trace of how.

Git hands a URL to its helper `git-remote-https` as an argument, which every user of the machine can read. So user and
password are taken out of it, and git asks them of a helper of ours that finds them in its environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from lockflight import names
from lockflight.errors import OutsideError

_USER, _PASSWORD = "LOCKFLIGHT_GIT_USER", "LOCKFLIGHT_GIT_PASSWORD"
# printf is the shell's own, so that this is no process whose arguments could be seen either.
_HELPER = (
    f"""!f() {{ test "$1" = get && printf 'username=%s\\npassword=%s\\n' "${_USER}" "${_PASSWORD}"; }}; f"""
)
_WITH_LOGIN = re.compile(r"(https?://)([^/?#]*)@([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Login:
    """A URL without user and password, and what git has to be told instead."""

    url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def login(url: str) -> Login:
    """Only http and https: elsewhere a URL holds no password that git would use."""
    match = _WITH_LOGIN.fullmatch(url)
    if match is None:
        return Login(_free_of_secrets(url))
    scheme, userinfo, host, path = match.groups()
    user, colon, password = userinfo.partition(":")
    found = _decoded(user, url), _decoded(password, url)
    bare = _free_of_secrets(f"{scheme}{host}{path}")
    # For this host alone, whatever it redirects to.
    section = f"credential.{scheme}{host}"
    if not colon:  # the password is for the helpers to tell that git's own configuration names
        return Login(bare, {f"{section}.username": found[0]})
    # An empty one forgets those that git's configuration names: the URL's own password comes before them.
    settings = {"credential.helper": "", f"{section}.helper": _HELPER}
    return Login(bare, settings, dict(zip((_USER, _PASSWORD), found, strict=True)))


def _decoded(text: str, url: str) -> str:
    decoded = unquote(text)
    if not decoded.isprintable():
        shown = names.without_credentials(url)
        raise OutsideError(f"the repository {shown} cannot be read: its user or password is no line of text")
    return decoded


def _free_of_secrets(url: str) -> str:
    """The URL; git would take the password up to a '/' for a port, and show all of it."""
    if re.match("https?:", url, re.IGNORECASE) and names.without_credentials(url) != url:
        shown = names.without_credentials(url)
        raise OutsideError(
            f"the repository {shown} cannot be read: its password holds a '/', '?' or '#'",
            hint="write them as %2F, %3F and %23",
        )
    return url
