# SPDX-License-Identifier: Apache-2.0
"""The one-user kubeconfig that sampan writes: where the server is and how TLS is spoken with it."""
import base64
import os
import ssl
import tempfile
import urllib.parse


class Kubeconfig:
    """server: parsed URL; ca: PEM; admin_tls, nobody_tls: contexts with and without the client certificate."""

    def __init__(self, path):
        self.path = path
        self.server = urllib.parse.urlparse(self.field("server"))
        self.ca = base64.b64decode(self.field("certificate-authority-data")).decode()
        with tempfile.TemporaryDirectory() as work:
            files = {}
            for name in ("certificate-authority-data", "client-certificate-data", "client-key-data"):
                files[name] = os.path.join(work, name)
                with open(files[name], "wb") as f:
                    f.write(base64.b64decode(self.field(name)))
            self.nobody_tls = ssl.create_default_context(cafile=files["certificate-authority-data"])
            self.admin_tls = ssl.create_default_context(cafile=files["certificate-authority-data"])
            self.admin_tls.load_cert_chain(files["client-certificate-data"], files["client-key-data"])

    def field(self, name):
        with open(self.path) as lines:
            for line in lines:
                key, _, value = line.strip().partition(": ")
                if key == name:
                    return value
        raise SystemExit(f"{self.path}: no {name}")
