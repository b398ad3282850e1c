"""Which engine an environment names: the variables that bring the docker client and the library there. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lockflight.environments import EngineAddress
from lockflight.errors import InputError

# Each of them would bring a client somewhere else, or to the same place by other means.
_WHERE = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


def docker_environment(settings: EngineAddress, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for everything that asks the engine; unchanged where the settings name none."""
    if settings.host is None and settings.context is None:
        return dict(environment)
    kept = {key: value for key, value in environment.items() if key not in _WHERE}
    if settings.context is not None:
        return {**kept, "DOCKER_CONTEXT": settings.context}
    return {**kept, "DOCKER_HOST": str(settings.host), **_certificates(settings, environment)}


def _certificates(settings: EngineAddress, environment: Mapping[str, str]) -> dict[str, str]:
    if settings.tls is None:
        return {}
    folder = environment.get(settings.tls)
    if not folder:
        raise InputError(
            f"the variable {settings.tls} is not set, which names the folder with the engine's certificates",
            hint=f"export {settings.tls}=/folder/with/ca.pem,cert.pem,key.pem; see 'tls' of the environment's target",
        )
    return {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": folder}
