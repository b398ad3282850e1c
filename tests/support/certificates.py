"""Certificates made for one test run."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificate:
    """Certificate and key in files; to trust it, name `certificate` in SSL_CERT_FILE."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificate(folder: Path) -> Certificate:
    """One for 127.0.0.1 and 0.0.0.0, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.fail("openssl is missing: run .ci/setup, which installs it")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    arguments = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=lockflight test", "-addext", "subjectAltName=IP:127.0.0.1,IP:0.0.0.0"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate), "-days", "2"]
    subprocess.run(["openssl", *arguments, *names, *files], check=True, capture_output=True, timeout=60)
    return made
