"""Which machine and which programs the figures are of."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def facts() -> dict[str, str]:
    """What a reader needs to know to compare these figures with those of another machine."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores ({_processor()}), {_memory()} memory, {_system()}",
        "load when it began": f"{os.getloadavg()[0]:.1f}",
        "lockflight": f"{version('lockflight')}, commit {_said('git', 'describe', '--always', '--dirty')}",
        "Python": f"{platform.python_version()}, urllib3 {version('urllib3')}, pydantic {version('pydantic')}",
        "registry": _said("docker-registry", "--version").split()[-1],
        "curl": _said("curl", "--version").split()[1],
        "skopeo": _said("skopeo", "--version").split()[-1],
        "Docker": f"engine {_said('docker', 'version', '--format', '{{.Server.Version}}')}, "
        f"SDK {version('docker')}, Compose {_said('docker', 'compose', 'version', '--short')}",
        "git": _said("git", "--version").split()[-1],
    }


def _said(*command: str) -> str:
    """The first line that a program says; 'none' where it does not run."""
    if shutil.which(command[0]) is None:
        return "none"
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent)
    lines = done.stdout.splitlines()
    return lines[0] if lines and done.returncode == 0 else "none"


def _processor() -> str:
    return _field(Path("/proc/cpuinfo"), "model name") or platform.machine()


def _memory() -> str:
    kib = _field(Path("/proc/meminfo"), "MemTotal").split()
    return f"{int(kib[0]) / 1024**2:.0f} GiB" if kib else "unknown"


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.system()
    return f"{name}, kernel {platform.release()}"


def _field(file: Path, name: str) -> str:
    """A value of a file of `name: value` lines, or nothing."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
