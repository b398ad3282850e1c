"""The demo's store: the redis of this machine, with the libraries that it needs, to be copied into an image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from lockflight.errors import OutsideError

PROGRAMS = ("redis-server", "redis-cli")
# What ldd prints of a library: "libm.so.6 => /lib/libm.so.6 (0x…)", and of the loader: "/lib64/ld-linux.so.2 (0x…)".
_LIBRARY = re.compile(r"\s*(?:(?P<name>\S+) => )?(?P<path>/\S+) \(0x")


def copy_redis(target: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Everything that an image FROM scratch needs to run redis-server and redis-cli."""
    unpacked = _unpacked(environment)
    for name in PROGRAMS:
        program = shutil.which(name, path=environment.get("PATH")) or _existing(
            unpacked / "usr" / "bin" / name
        )
        _copy(Path(program), target / "bin" / name)
        for library, place in _libraries(program, unpacked):
            # The loader is looked for where the program says; the loader finds all others in /lib.
            _copy(place, target / (f"lib/{library}" if library else str(place).lstrip("/")))


def _unpacked(environment: Mapping[str, str]) -> Path:
    """Where .ci/setup unpacks redis on a machine that has none. Nothing is installed: that would start a service."""
    cache = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/root"), ".cache")
    return Path(cache) / "lockflight" / "machine" / "redis"


def _existing(program: Path) -> str:
    if program.is_file():
        return str(program)
    raise OutsideError(
        f"the demo's store is a real redis, and there is no {program.name} here",
        hint="'make demo' gets it without installing it; or install redis-server and redis-tools, or what your "
        "system calls them",
    )


def _libraries(program: str, unpacked: Path) -> Iterable[tuple[str | None, Path]]:
    """Names and places, as the machine's own loader finds them; the loader itself has no name."""
    environment = {**os.environ, "LC_ALL": "C"}
    if Path(program).is_relative_to(unpacked):
        folders = sorted({str(path.parent) for path in unpacked.glob("**/*.so.*")})
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
    listed = subprocess.run(
        ["ldd", program], capture_output=True, text=True, env=environment, check=False
    ).stdout
    if not listed or "not found" in listed:
        raise OutsideError(
            f"{program} does not find all of its libraries: {listed.strip() or 'ldd cannot read it'}",
            hint=f"install it anew, or remove {unpacked} and run 'make demo', which fetches it again",
        )
    return [
        (match["name"], Path(match["path"])) for match in map(_LIBRARY.match, listed.splitlines()) if match
    ]


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
