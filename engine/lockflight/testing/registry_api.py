"""The OCI distribution API over a `Store`: from a request to the reply that is right for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

from lockflight.ports.registry import OCI_INDEX, Content, Descriptor
from lockflight.testing.faults import Reply, failure
from lockflight.testing.images import digest_of
from lockflight.testing.registry_store import Incomplete, Repository, Store

_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|referrers)/(?P<reference>[^/]+|uploads/.*)")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")

    def value(self, name: str) -> str | None:
        """A field of the query."""
        return parse_qs(self.query).get(name, [None])[0]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about: something in a repository."""

    request: Request
    name: str
    kind: str
    reference: str

    @property
    def actions(self) -> str:
        """The rights that it takes, as a scope of the token service names them."""
        return "pull" if self.request.method in ("GET", "HEAD") else "pull,push"


def subject_of(request: Request) -> Subject | None:
    """What the request is about, if it is about anything in a repository."""
    match = _ROUTE.fullmatch(request.path)
    return match and Subject(request, match["name"], match["kind"], match["reference"])


@dataclass
class DistributionApi:
    """The answers of a registry. `referrers_api=False` answers 404 there, as many registries do."""

    store: Store
    referrers_api: bool = True
    page_size: int = 100
    # What stands before the path in the Location of an upload.
    locations: str = ""

    def reply(self, subject: Subject) -> Reply:
        answer = _ANSWERS.get((subject.request.method, subject.kind))
        return answer(self, subject) if answer else failure(405, "UNSUPPORTED")

    def get_manifest(self, subject: Subject) -> Reply:
        repository = self.store.find(subject.name)
        if repository is None:
            return failure(404, "NAME_UNKNOWN")
        content = repository.manifest(subject.reference)
        return _manifest(content) if content else failure(404, "MANIFEST_UNKNOWN")

    def get_blob(self, subject: Subject) -> Reply:
        repository = self.store.find(subject.name)
        body = repository.blobs.get(subject.reference) if repository else None
        if body is None:
            return failure(404, "BLOB_UNKNOWN")
        return Reply(200, _headers(subject.reference, "application/octet-stream"), body)

    def begin_upload(self, subject: Subject) -> Reply:
        # A state in the query, as real registries have, breaks clients that append "?digest=" to it.
        return Reply(202, {"Location": f"{self.locations}/v2/{subject.name}/blobs/uploads/one?_state=abc"})

    def put_blob(self, subject: Subject) -> Reply:
        request, digest = subject.request, subject.request.value("digest")
        if digest is None or digest != digest_of(request.body) or request.value("_state") != "abc":
            return failure(400, "DIGEST_INVALID")
        self._repository(subject).put_blob(request.body)
        return Reply(201, {"Location": f"/v2/{subject.name}/blobs/{digest}", "Docker-Content-Digest": digest})

    def put_manifest(self, subject: Subject) -> Reply:
        request, reference = subject.request, subject.reference
        tag = None if ":" in reference else reference
        if tag is None and reference != digest_of(request.body):
            return failure(400, "DIGEST_INVALID")
        try:
            media_type = request.headers.get("content-type", "")
            digest = self._repository(subject).put_manifest(request.body, media_type, tag)
        except Incomplete:
            return failure(400, "MANIFEST_BLOB_UNKNOWN")
        headers = {"Location": f"/v2/{subject.name}/manifests/{digest}", "Docker-Content-Digest": digest}
        speaks_of = json.loads(request.body).get("subject")
        if self.referrers_api and speaks_of:
            headers["OCI-Subject"] = speaks_of["digest"]
        return Reply(201, headers)

    def delete_manifest(self, subject: Subject) -> Reply:
        self._repository(subject).delete_manifest(subject.reference)
        return Reply(202)

    def get_referrers(self, subject: Subject) -> Reply:
        if not self.referrers_api:
            return Reply(404, {"Content-Type": "text/plain"}, b"404 page not found\n")
        wanted = subject.request.value("artifactType")
        repository = self.store.find(subject.name)
        found = list(repository.referrers(subject.reference)) if repository else []
        found = [one for one in found if wanted in (None, one.artifact_type)]
        first = int(subject.request.value("from") or 0)
        rest = first + self.page_size
        headers = {"Content-Type": OCI_INDEX, "OCI-Filters-Applied": "artifactType"}
        if rest < len(found):
            query = f"artifactType={quote(wanted or '')}&from={rest}"
            headers["Link"] = f'<{subject.request.path}?{query}>; rel="next"'
        return Reply(200, headers, referrers_index(found[first:rest]))

    def _repository(self, subject: Subject) -> Repository:
        return self.store.repository(subject.name)


_ANSWERS: dict[tuple[str, str], Callable[[DistributionApi, Subject], Reply]] = {
    ("GET", "manifests"): DistributionApi.get_manifest,
    ("HEAD", "manifests"): DistributionApi.get_manifest,
    ("PUT", "manifests"): DistributionApi.put_manifest,
    ("DELETE", "manifests"): DistributionApi.delete_manifest,
    ("GET", "blobs"): DistributionApi.get_blob,
    ("HEAD", "blobs"): DistributionApi.get_blob,
    ("POST", "blobs"): DistributionApi.begin_upload,
    ("PUT", "blobs"): DistributionApi.put_blob,
    ("GET", "referrers"): DistributionApi.get_referrers,
}


def referrers_index(referrers: list[Descriptor]) -> bytes:
    """The list of referrers as the specification wants it: an index."""
    entries = [
        {
            "mediaType": one.media_type,
            "digest": one.digest,
            "size": one.size,
            "artifactType": one.artifact_type,
            "annotations": one.annotations,
        }
        for one in referrers
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def _manifest(content: Content) -> Reply:
    return Reply(200, _headers(content.digest, content.media_type), content.body)


def _headers(digest: str, media_type: str) -> dict[str, str]:
    return {"Content-Type": media_type, "Docker-Content-Digest": digest}
