"""In a service's CI: write down what was built. The record names the commit, the image and its digest, the
version, the API description and the time; 'lockflight lock' reads it, from a file or from the registry."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.errors import EXIT_DONE

if TYPE_CHECKING:
    from lockflight.builds.make import RecordRequest
    from lockflight.builds.model import Record
    from lockflight.ports.registry import Registry

EXAMPLES = """examples:
  docker buildx build --push --metadata-file build.json -t ghcr.io/acme/cart:SHA .
  lockflight record --metadata build.json --api openapi.yaml --push
                                       store the record in the registry, beside the image
  lockflight record --image ghcr.io/acme/cart:SHA --digest sha256:… -o cart.json
                                       a record as a file, for a CI artefact
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", metavar="NAME", help="the service's name in the manifest")
    parser.add_argument(
        "--metadata", metavar="FILE", nargs="+", action="extend", default=[],
        help="what the build wrote: buildx or bake metadata, outputs of build-push-action, metadata-action",
    )  # fmt: skip
    parser.add_argument("--target", metavar="NAME", help="the bake target, where the metadata has several")
    parser.add_argument("--image", metavar="IMAGE", help="the image, with or without tag and digest")
    parser.add_argument("--tag", metavar="TAG", help="the tag that the image was pushed under")
    parser.add_argument("--digest", metavar="SHA256", help="the digest that was pushed, sha256:…")
    parser.add_argument(
        "--commit", metavar="SHA", help="the full commit; otherwise the CI's or the checked-out one"
    )
    parser.add_argument("--version", dest="app_version", metavar="VERSION", help="the service's own version")
    parser.add_argument("--api", metavar="FILE", help="the API description; its digest goes into the record")
    parser.add_argument(
        "--path", metavar="FOLDER", help="the service's folder, where the repository has several"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the record there; stdout by default")
    parser.add_argument(
        "--push", action="store_true", help="store the record in the registry beside its image"
    )


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.builds.file import record_text
    from lockflight.builds.make import make_record
    from lockflight.builds.shelf import push_record
    from lockflight.cli.findings_view import show_findings
    from lockflight.files import write_atomically
    from lockflight.wiring import connect_git, system_clock

    registry: Registry = context.registry
    made = make_record(
        _request(options), git=connect_git(context.folder), clock=system_clock(), root=context.folder,
        environment=context.environment, registry=registry, stdin=sys.stdin.buffer,
    )  # fmt: skip
    show_findings(context, made.notes)
    text = record_text(made.record)
    if options.push:
        stored = push_record(registry, made.record)
        context.say(
            f"stored in the registry beside {made.record.image}@{made.record.digest}: {stored.digest}"
        )
    if options.output:
        write_atomically(context.path(options.output), text)
        context.say(f"{options.output}: written")
    elif not options.push or context.as_json:
        context.document(text)
    _tell_github(context, made.record)
    return EXIT_DONE


def _request(options: argparse.Namespace) -> RecordRequest:
    from lockflight.builds.make import RecordRequest

    return RecordRequest(
        service=options.service,
        commit=options.commit,
        metadata=tuple(options.metadata),
        target=options.target,
        image=options.image,
        tag=options.tag,
        digest=options.digest,
        version=options.app_version,
        api=options.api,
        path=options.path,
    )


def _tell_github(context: Context, record: Record) -> None:
    from lockflight.cli.github import add_summary, set_output

    set_output(context, "digest", record.digest or "")
    set_output(context, "commit", record.commit or "")
    add_summary(
        context, f"### Record of `{record.image}`\n\ncommit `{record.commit}`\n\ndigest `{record.digest}`"
    )
