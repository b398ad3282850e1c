"""Who pulls images that the engine does not have, each as a contender of the benchmark."""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lockflight.ports.registry import OCI_MANIFEST, Content
from lockflight.testing.images import BuiltImage, digest_of
from lockflight.wiring import connect_stack_engine
from tests.bench.processes import Broken, run
from tests.bench.publishing import publish
from tests.bench.registry import running_registry
from tests.bench.rounds import Contender, Times
from tests.support.stack_images import remove_images

STEP = "lockflight's pull step, pulling only"
STEP_PROCESS = "lockflight's pull step, whole process"
COMPOSE = "docker compose pull"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_LAYERS = 2
_SMALLEST, _LARGEST = 1_000_000, 2_000_000


@contextmanager
def pullers(folder: Path, count: int) -> Iterator[list[Contender]]:
    """So many images in a registry, none of which shares a layer with another; off the engine afterwards."""
    with running_registry(folder) as host:
        images = [(f"pulled/image-{number:02}", "1", _image(number)) for number in range(1, count + 1)]
        publish(host, images)
        references = [f"{host}/{path}@{image.digest}" for path, _, image in images]
        try:
            yield [
                Contender(STEP, _turn(host, references, _step(references))),
                Contender(COMPOSE, _turn(host, references, _compose(folder, references))),
            ]
        finally:
            remove_images(f"{host}/")


def _turn(host: str, references: Sequence[str], pull: Callable[[], Times]) -> Callable[[], Times]:
    """Without the images before, and with all of them afterwards."""

    def turn() -> Times:
        remove_images(f"{host}/")
        _insist(references, 0)
        times = pull()
        _insist(references, len(references))
        return times

    return turn


def _insist(references: Sequence[str], expected: int) -> None:
    here = connect_stack_engine(os.environ).present(references)
    if len(here) != expected:
        raise Broken(f"{len(here)} of the images to pull are on the engine, and {expected} should be")


def _step(references: Sequence[str]) -> Callable[[], Times]:
    script = Path(__file__).with_name("pull_images.py")

    def pull() -> Times:
        finished = run([sys.executable, str(script)], stdin="\n".join(references))
        return {STEP: json.loads(finished.output)["seconds"], STEP_PROCESS: finished.seconds}

    return pull


def _compose(folder: Path, references: Sequence[str]) -> Callable[[], Times]:
    file = folder / "pulled.yaml"
    services = {f"service-{number:02}": {"image": image} for number, image in enumerate(references, 1)}
    file.write_text(json.dumps({"services": services}))
    return lambda: {COMPOSE: run(["docker", "compose", "-f", str(file), "pull"]).seconds}


def _image(number: int) -> BuiltImage:
    """Of layers that do not compress, as those of real images; the same on every machine."""
    chance = random.Random(number)  # noqa: S311 - nothing secret, the same bytes again
    layers = [_layer(chance.randbytes(chance.randint(_SMALLEST, _LARGEST)), part) for part in range(_LAYERS)]
    settings = {
        "os": "linux",
        "architecture": "amd64",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
    }
    config = json.dumps(settings).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(_CONFIG_TYPE, config),
        "layers": [_descriptor(_LAYER_TYPE, layer) for layer in layers],
    }
    body = json.dumps(manifest).encode()
    return BuiltImage(Content(digest_of(body), OCI_MANIFEST, body), (config, *layers))


def _layer(content: bytes, part: int) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo(f"data-{part}")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return plain.getvalue()


def _descriptor(media_type: str, body: bytes) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}
