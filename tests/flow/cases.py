# SPDX-License-Identifier: Apache-2.0
"""What the behaviour tests share: calls over kept connections, tables of cases, the sum.

    api = Api(sys.argv[1])
    api.run([(name, method, path, body, options, status, {dotted path: value} or function), ...])
    api.finish(part, ...)          # runs the parts, prints "N checks passed, M failed", exits
"""
import http.client
import json
import sys
import time

from kubeconfig import Kubeconfig

JSON_PATCH = {"Content-Type": "application/json-patch+json"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def get(o, dotted, default=None):
    """The value at a dotted path; numbers index lists."""
    for part in dotted.split("."):
        if isinstance(o, list):
            o = o[int(part)] if part.isdigit() and int(part) < len(o) else default
        elif isinstance(o, dict):
            o = o.get(part, default)
        else:
            return default
    return o


def message(reason, text):
    return {"reason": reason, "message": text}


class Api:
    def __init__(self, path):
        self.kube = Kubeconfig(path)
        self.server = self.kube.server
        self.conns = {}
        self.passed = self.failed = 0

    def check(self, name, ok, got=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {name}\n  got: {str(got)[:1200]}")

    def connect(self, tls=None):
        return http.client.HTTPSConnection(self.server.hostname, self.server.port, timeout=20,
                                           context=tls or self.kube.admin_tls)

    def call(self, method, path, body=None, headers=None, who="admin", token=None, tls=None):
        """(status, headers, bytes) over a kept connection; body: str, bytes or an object.

        who: "admin", "anonymous", or whom the admin impersonates; token: a bearer token instead
        of the certificate; tls: a context of one's own."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        h = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            h["Authorization"] = f"Bearer {token}"
        elif who not in ("admin", "anonymous"):
            h["Impersonate-User"] = who
        h.update(headers or {})
        h = {k: v for k, v in h.items() if v is not None}
        key = tls or ("anonymous" if token or who == "anonymous" else "admin")
        for attempt in (0, 1):
            if key not in self.conns:
                self.conns[key] = self.connect(tls or (self.kube.nobody_tls if key == "anonymous" else None))
            try:
                self.conns[key].request(method, path, body, h)
                r = self.conns[key].getresponse()
                return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
            except (OSError, http.client.HTTPException):
                self.conns.pop(key).close()
                if attempt:
                    raise

    def obj(self, method, path, body=None, **kw):
        """(status, object)"""
        status, _, data = self.call(method, path, body, **kw)
        try:
            return status, json.loads(data)
        except ValueError:
            return status, data

    def warned(self, path, body):
        """All warnings about a POST."""
        conn = self.connect()
        try:
            conn.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return conn.getresponse().getheader("Warning", "")
        finally:
            conn.close()

    def run(self, rows):
        """Rows of name, method, path, body, options, status, {dotted path: value} or a function of the object."""
        for name, method, path, body, options, want, expect in rows:
            status, o = self.obj(method, path, body, **options)
            ok = status == want
            if ok and isinstance(expect, dict):
                ok = all(get(o, k) == v for k, v in expect.items())
                if want >= 400:
                    ok = ok and get(o, "kind") == "Status" and get(o, "status") == "Failure" and get(o, "code") == want
            elif ok and expect:
                ok = bool(expect(o))
            self.check(name, ok, f"{status} {o}")

    def eventually(self, name, fn, seconds=20):
        """fn's value once it is true; asked again for so long."""
        end = time.monotonic() + seconds
        while True:
            got = fn()
            if got or time.monotonic() > end:
                self.check(name, got, got)
                return got
            time.sleep(0.02)

    def finish(self, *parts):
        for part in parts:
            try:
                part()
            except Exception as e:          # one part's surprise must not hide the others
                self.check(f"{part.__name__} ran to its end", False, repr(e))
        print(f"{self.passed} checks passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)
