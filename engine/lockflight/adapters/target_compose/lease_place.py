"""What the engine gives for a lease: a name that only one container can have, a file in it, and its own time."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from lockflight.adapters.stack_engine.archive import files_in
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import EngineRefused, NotThere
from lockflight.errors import OutsideError
from lockflight.ports.clock import Clock
from lockflight.ports.target import Holder

LEASE = "dev.lockflight.lease"
NUMBER = "dev.lockflight.lease.number"
_OWNER = "dev.lockflight.lease.owner"
_RUN = "dev.lockflight.lease.run"
_SINCE = "dev.lockflight.lease.since"
_EXPIRES = "dev.lockflight.lease.expires"

# Nothing is in it: such a container is created and never started.
_REPOSITORY, _TAG = "lockflight-lease", "empty"
_IMPORTS = _READS = 3
_PAUSE_SECONDS = 0.1
_FILE = "lease.json"
_GONE = datetime.max.replace(tzinfo=UTC)
# What inspecting a container tells that is on its way out.
_GOING = {"removing", "dead"}


@dataclass(frozen=True, slots=True)
class Found:
    """The container that has the name."""

    id: str
    holder: Holder


class LeasePlace:
    """The lease called `name` on one engine."""

    def __init__(self, connection: Connection, name: str, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self.name = name

    def now(self) -> datetime:
        """The engine's time, to the second: runners on several machines agree on it, and on no other."""
        with self._connection.asking():
            client = self._connection.client
            said = client.get(f"{client.base_url}/_ping").headers.get("Date")
            return parsedate_to_datetime(said) if said else self._clock.now()

    def find(self) -> Found | None:
        """None also while the engine is removing it; the name may still be taken for a moment then."""
        inspected = self._inspect(self.name)
        if inspected is None:
            return None
        labels = (inspected.get("Config") or {}).get("Labels") or {}
        renewed = self._renewed(str(inspected["Id"]))
        return None if renewed is _GONE else Found(str(inspected["Id"]), _holder(labels, renewed))

    def exists(self, container: str) -> bool:
        return self._inspect(container) is not None

    def _inspect(self, container: str) -> dict[str, Any] | None:
        try:
            with self._connection.asking():
                inspected: dict[str, Any] = self._connection.client.inspect_container(container)
        except NotThere:
            return None
        return None if (inspected.get("State") or {}).get("Status") in _GOING else inspected

    def create(self, holder: Holder) -> str | None:
        """The new container's id; None when somebody has the name. This is the one step that excludes others."""
        for _ in range(_IMPORTS):
            with suppress(NotThere):
                return self._create(holder)
            # The image is made when it is needed first, and again after a clean-up.
            with self._connection.asking():
                self._connection.client.import_image_from_data(_tar({}), repository=_REPOSITORY, tag=_TAG)
        return self._create(holder)

    def _create(self, holder: Holder) -> str | None:
        from docker.errors import APIError

        with self._connection.asking():
            try:
                made = self._connection.client.create_container(
                    f"{_REPOSITORY}:{_TAG}",
                    name=self.name,
                    command=["never", "started"],
                    labels={LEASE: self.name, **_labels(holder)},
                )
            except APIError as error:
                if error.status_code == 409:
                    return None
                raise
        return str(made["Id"])

    def write(self, container: str, expires: datetime) -> bool:
        """The new end, into the container; False when it is gone. The engine lets nobody read a container's
        files while it writes them."""
        content = json.dumps({"expires": expires.isoformat()}).encode()
        try:
            with self._connection.asking():
                self._connection.client.put_archive(container, "/", _tar({_FILE: content}))
        except EngineRefused:
            # While a container is being removed, the engine knows it and has its files no more.
            if self.exists(container):
                raise
            return False
        return True

    def _renewed(self, container: str) -> datetime | None:
        """The end that was written last; None when none was, `_GONE` when the container is."""
        try:
            return _end_in(self._file(container))
        except NotThere:
            return None if self.exists(container) else _GONE

    def _file(self, container: str) -> bytes:
        """Its content. Of a container that is just being removed the engine sends nothing, or half of it, or
        complains; `NotThere` is the answer then as well."""
        for _ in range(_READS):
            try:
                pieces = self._connection.stream(f"/containers/{container}/archive", {"path": f"/{_FILE}"})
                return files_in(pieces, _FILE, 0).get(_FILE, b"")
            except NotThere:
                raise
            except OutsideError as error:
                if not self.exists(container):
                    raise NotThere(f"no such container: {container}") from error
                failure = error
            self._clock.sleep(_PAUSE_SECONDS)
        raise failure

    def remove(self, container: str) -> None:
        """By its id, so that a late one never hits another's; harmless when it is gone."""
        from docker.errors import APIError

        with self._connection.asking():
            try:
                self._connection.client.remove_container(container, v=True, force=True)
            except APIError as error:
                # Gone, or somebody else removes it right now.
                if error.status_code not in {404, 409}:
                    raise

    def bury(self) -> None:
        """Remove once more what the engine could not remove, and whose name it keeps."""
        try:
            with self._connection.asking():
                inspected = self._connection.client.inspect_container(self.name)
        except NotThere:
            return
        if (inspected.get("State") or {}).get("Status") == "dead":
            self.remove(str(inspected["Id"]))

    def highest_number(self) -> int:
        """Of all leases that the engine remembers."""
        return max(self._numbers().values(), default=0)

    def remember(self, number: int) -> None:
        """Volumes and not containers: an hourly clean-up of containers that do not run takes no volume that
        has a name. Lower numbers are forgotten."""
        lower = [name for name, known in self._numbers().items() if known < number]
        labels = {LEASE: self.name, NUMBER: str(number)}
        with self._connection.asking():
            self._connection.client.create_volume(f"{self.name}-{number}", labels=labels)
        for name in lower:
            self._forget(name)

    def _forget(self, volume: str) -> None:
        from docker.errors import APIError

        with self._connection.asking():
            try:
                self._connection.client.remove_volume(volume)
            except APIError as error:
                if error.status_code not in {404, 409}:
                    raise

    def _numbers(self) -> dict[str, int]:
        with self._connection.asking():
            listed = self._connection.client.volumes(filters={"label": f"{LEASE}={self.name}"})
        volumes = listed.get("Volumes") or []
        labels = {str(one["Name"]): (one.get("Labels") or {}).get(NUMBER, "") for one in volumes}
        return {name: int(number) for name, number in labels.items() if number.isdigit()}


def _end_in(content: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(content)["expires"])
    except (ValueError, KeyError, TypeError):
        # An engine that was cut off while it wrote; the first end still stands in the label.
        return None


def _labels(holder: Holder) -> dict[str, str]:
    return {
        NUMBER: str(holder.number),
        _OWNER: holder.owner,
        **({_RUN: holder.run} if holder.run else {}),
        _SINCE: holder.since.isoformat(),
        _EXPIRES: holder.expires.isoformat(),
    }


def _holder(labels: Mapping[str, Any], renewed: datetime | None) -> Holder:
    """What stands on the container. One that somebody else made under this name has run out long ago."""
    number = str(labels.get(NUMBER, ""))
    return Holder(
        int(number) if number.isdigit() else 0,
        str(labels.get(_OWNER, "")),
        labels.get(_RUN),
        _time(labels.get(_SINCE)),
        renewed or _time(labels.get(_EXPIRES)),
    )


def _time(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def after(moment: datetime, seconds: int) -> datetime:
    return moment + timedelta(seconds=seconds)
