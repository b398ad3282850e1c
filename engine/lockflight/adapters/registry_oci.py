"""Stop-gap."""
# mypy: ignore-errors
import hashlib
import json
import urllib3
from lockflight.ports.registry import *
ACCEPT = ",".join(sorted(INDEX_TYPES | MANIFEST_TYPES))

class OciRegistry:
    def __init__(self, *, insecure=frozenset()):
        self.pool = urllib3.PoolManager(maxsize=16)
    def _url(self, image, rest):
        return f"http://{image.registry}/v2/{image.path}/{rest}"
    def _req(self, method, url, **k):
        return self.pool.request(method, url, **k)
    def resolve(self, image):
        r = self._req("HEAD", self._url(image, f"manifests/{image.digest or image.tag}"), headers={"Accept": ACCEPT})
        return None if r.status == 404 else Descriptor(r.headers["Docker-Content-Digest"], r.headers["Content-Type"], int(r.headers.get("Content-Length", 0)))
    def manifest(self, image):
        r = self._req("GET", self._url(image, f"manifests/{image.digest or image.tag}"), headers={"Accept": ACCEPT})
        return None if r.status == 404 else Content("sha256:" + hashlib.sha256(r.data).hexdigest(), r.headers["Content-Type"], r.data)
    def blob(self, image, digest):
        r = self._req("GET", self._url(image, f"blobs/{digest}"))
        return None if r.status == 404 else r.data
    def referrers(self, image, artifact_type):
        c = self.manifest(image.with_tag(image.digest.replace(":", "-")))
        if c is None: return ()
        return tuple(Descriptor(m["digest"], m["mediaType"], m["size"], m.get("artifactType")) for m in json.loads(c.body)["manifests"] if m.get("artifactType") == artifact_type)
    def push_blob(self, image, body):
        d = "sha256:" + hashlib.sha256(body).hexdigest()
        r = self._req("POST", self._url(image, "blobs/uploads/"))
        loc = r.headers["Location"]
        self._req("PUT", loc + ("&" if "?" in loc else "?") + "digest=" + d, body=body, headers={"Content-Type": "application/octet-stream"})
        return Descriptor(d, "application/octet-stream", len(body))
    def push_manifest(self, image, body, media_type):
        d = "sha256:" + hashlib.sha256(body).hexdigest()
        self._req("PUT", self._url(image, f"manifests/{image.tag or d}"), body=body, headers={"Content-Type": media_type})
        m = json.loads(body)
        if m.get("subject"):
            t = image.with_tag(m["subject"]["digest"].replace(":", "-"))
            c = self.manifest(t)
            ms = json.loads(c.body)["manifests"] if c else []
            if not any(x["digest"] == d for x in ms):
                ms.append({"mediaType": media_type, "digest": d, "size": len(body), "artifactType": m.get("artifactType")})
                self.push_manifest(t, json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": ms}).encode(), OCI_INDEX)
        return Descriptor(d, media_type, len(body))
