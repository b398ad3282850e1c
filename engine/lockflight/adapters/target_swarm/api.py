"""What the docker library has no call for. To be used within `Connection.asking` only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient


def send(
    client: APIClient, path: str, settings: Mapping[str, Any], body: Mapping[str, Any]
) -> dict[str, Any]:
    """A POST with JSON; the answer, when it is JSON too. Raises the library's exceptions."""
    from docker.errors import create_api_error_from_http_exception
    from requests import HTTPError

    response = client.post(
        f"{client.base_url}/v{client.api_version}{path}", params=dict(settings), json=dict(body)
    )
    try:
        response.raise_for_status()
    except HTTPError as error:
        create_api_error_from_http_exception(error)
    answer = response.json() if response.content else {}
    return answer if isinstance(answer, dict) else {}
