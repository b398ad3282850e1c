"""An OCI registry over HTTP."""

from lockflight.adapters.registry_oci.cache import Cache, ContentCache
from lockflight.adapters.registry_oci.client import OciRegistry
from lockflight.adapters.registry_oci.credentials import CredentialStore, DockerCredentials

__all__ = ["Cache", "ContentCache", "CredentialStore", "DockerCredentials", "OciRegistry"]
