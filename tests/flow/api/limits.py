# SPDX-License-Identifier: Apache-2.0
"""Limits: over one is an ordinary error, and one client does not starve another.

What only time shows (slow senders and readers) and floods of frames are in tests/unit/http/.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

from cases import Api

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/limits"
CM = NS + "/configmaps"


def raw(data):
    """What comes back for bytes that no library would send, up to the end of the head."""
    s = api.kube.admin_tls.wrap_socket(socket.create_connection((api.server.hostname, api.server.port), 10),
                                       server_hostname=api.server.hostname)
    got = b""
    try:
        s.sendall(data)
        while b"\r\n\r\n" not in got:
            part = s.recv(65536)
            if not part:
                break
            got += part
    except OSError:
        pass
    s.close()
    return got


def heads():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "limits"}})
    get_ = b"GET /version%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
    for name, data, want in (
            ("a long URL", get_ % (b"?" + b"a" * 40000, b""), b"414"),
            ("a URL that fits", get_ % (b"?" + b"a" * 30000, b""), b"200"),
            ("long headers", get_ % (b"", b"X: " + b"a" * 70000 + b"\r\n"), b"431"),
            ("many headers", get_ % (b"", b"".join(b"X-%d: y\r\n" % i for i in range(300))), b"431"),
            ("no host", b"GET /version HTTP/1.1\r\n\r\n", b"400"),
            ("no HTTP", b"what is this\r\n\r\n", b"400")):
        got = raw(data)
        api.check(name, got.startswith(b"HTTP/1.1 " + want), got[:200])


def nested(n, opening, closing):
    return '{"metadata":{"name":"deep"},"data":' + opening * n + closing * n + "}"


def bodies():
    big = json.dumps({"metadata": {"name": "big"}, "data": {"k": "x" * (3 << 20)}})
    api.run([
        ("over 3 MiB", "POST", CM, big, {}, 413, {"reason": "RequestEntityTooLarge"}),
        ("a deep list", "POST", CM, nested(100000, "[", "]"), {}, 400, None),
        ("a deep object", "POST", CM, nested(100000, '{"a":', "1}")[:-1] + "}", {}, 400, None),
        ("parameters without end", "GET", CM + "?" + "a&" * 2000, None, {}, 413, None),
        ("the server goes on", "GET", CM, None, {}, 200, None),
    ])
    s = api.kube.admin_tls.wrap_socket(socket.create_connection((api.server.hostname, api.server.port), 10),
                                       server_hostname=api.server.hostname)
    s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n" % CM.encode())
    got = s.recv(65536)
    api.check("a length over the limit is not waited for", got.startswith(b"HTTP/1.1 413"), got[:200])
    s.close()


class Load:
    """bench/http_load, as the admin."""
    tool = os.path.join(os.path.dirname(os.environ.get("SAMPAN", "build/sampan")), "bench", "http_load")

    def __init__(self, *args, path):
        self.dir = tempfile.TemporaryDirectory()
        files = []
        for option, key in (("--cacert", "certificate-authority-data"), ("--cert", "client-certificate-data"), ("--key", "client-key-data")):
            name = os.path.join(self.dir.name, key)
            with open(name, "wb") as f:
                f.write(__import__("base64").b64decode(api.kube.field(key)))
            files += [option, name]
        self.process = subprocess.Popen([self.tool, *files, *args, f"https://{api.server.netloc}{path}"], stdout=subprocess.PIPE, text=True)

    def until(self, word):
        for line in self.process.stdout:
            if line.startswith(word):
                return True
        return False

    def sums(self):
        return {k: float(v) for k, v in re.findall(r"(\w+)=([\d.]+)", self.process.communicate()[0])}


def fairness():
    if not os.path.exists(Load.tool):
        print(f"  {Load.tool} is not built: nobody hammers")
        return
    for i in range(1500):
        api.obj("POST", CM, {"metadata": {"name": f"f{i}"}, "data": {"k": "x" * 2000}})
    for name, args, path in (("gets", ("-c", "64", "-m", "32"), CM + "/f1"), ("lists", ("-c", "64", "-m", "2"), CM)):
        load, late = Load(*args, "-t", "5", path=path), []
        time.sleep(1)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            began = time.monotonic()
            status, _ = api.obj("GET", CM + "/f2", who="system:kube-scheduler")
            late.append(time.monotonic() - began)
        late.sort()
        got = load.sums()
        # Of thousands in line one in order would wait for seconds.
        api.check(f"64 connections of {name}, and another's gets", late[len(late) // 2] < 0.25 and got.get("requests", 0) > 0,
                  (len(late), late[len(late) // 2], late[-1], got))


def memory_mb():
    """Of the server, found by the address it listens on."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                words = f.read().split("\0")
            if "server" in words and api.server.netloc in words:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1)) / 1024
        except OSError:
            pass
    return 0


def watchers():
    if not os.path.exists(Load.tool):
        return
    before = memory_mb()
    load = Load("-c", "50", "--watch", "10000", "-t", "60", path=CM + "?watch=1&resourceVersion=" +
                api.obj("GET", CM + "?limit=1")[1]["metadata"]["resourceVersion"])
    api.check("10,000 watchers", load.until("opened"))
    api.obj("POST", CM, {"metadata": {"generateName": "news-"}})
    api.check("and one event for all of them", load.until("delivered"))
    print(f"  10,000 watchers: {memory_mb() - before:.0f} MB")
    load.process.kill()
    load.process.communicate()


api.finish(heads, bodies, watchers, fairness)
