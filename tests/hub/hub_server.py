"""A small Hugging Face hub on loopback: the file API on one port, its "CDN" on another, and faults on demand.

It answers as the real one does: small files by a relative redirect and an ETag that is git's SHA-1, large ones by a
redirect to the CDN with X-Linked-Etag (SHA-256) and X-Linked-Size, ranges, error headers.
"""
import hashlib
import http.server
import json
import re
import socket
import threading
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_sha1(body):
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that goes away, as some tests want


class Hub:
    """files: path -> bytes; those in `large` live on the CDN. Everything may be changed between requests."""

    def __init__(self, files, large=(), model="org/tiny", commit=COMMIT):
        self.files, self.large, self.model, self.commit = dict(files), set(large), model, commit
        self.revisions = {"main", "refs/pr/1", commit}
        self.token = None          # what the hub wants to see, None: nothing
        self.extra_names = []      # further names in the listing
        self.headers = {}          # path -> headers that replace those of its HEAD answer
        self.sent_bodies = {}      # path -> bytes sent in place of the file's own
        self.cuts = {}             # path -> [bytes after which the connection is cut, ...], one a request
        self.stall = {}            # path -> bytes after which the server waits until close()
        self.statuses = []         # [(part of the path, status, headers), ...], each for one request
        self.ranges = True         # False: the whole file whatever the range
        self.log = []              # (port's name, method, path, headers) of each request
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.servers = {}
        for name in ("hub", "cdn"):
            handler = type("Handler", (Handler,), {"hub": self, "name": name})
            server = Server(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self.servers[name] = server

    def url(self, name="hub"):
        return "http://127.0.0.1:%d" % self.servers[name].server_address[1]

    def close(self):
        self.closing.set()
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def etag(self, path):
        body = self.files[path]
        return hashlib.sha256(body).hexdigest() if path in self.large else git_sha1(body)

    def tree_entry(self, path):  # huggingface_hub asks for it, pull does not
        entry = {"type": "file", "path": path, "size": len(self.files[path]), "oid": git_sha1(self.files[path])}
        if path in self.large:
            entry["lfs"] = {"oid": self.etag(path), "size": entry["size"], "pointerSize": 134}
        return entry

    def requests(self, name=None, method=None, part=""):
        with self.lock:
            return [r for r in self.log
                    if name in (None, r[0]) and method in (None, r[1]) and part in r[2]]

    def forget(self):
        with self.lock:
            self.log.clear()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = name = None

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        with self.hub.lock:
            self.hub.log.append((self.name, self.command, self.path, dict(self.headers)))
            fault = next((f for f in self.hub.statuses if f[0] in self.path), None)
            if fault:
                self.hub.statuses.remove(fault)
        if fault:
            return self.reply(fault[1], b"busy", fault[2])
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if self.name == "cdn":
            return self.send_file(path[len("/file/"):])
        if self.hub.token and self.headers.get("Authorization") != "Bearer " + self.hub.token:
            return self.reply(401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        # The revision is one escaped part of the raw path.
        listing = re.fullmatch("/api/models/%s/revision/([^/?]+)" % re.escape(self.hub.model),
                               self.path)
        if listing and urllib.parse.unquote(listing[1]) in self.hub.revisions:
            names = list(self.hub.files) + self.hub.extra_names
            return self.reply(200, json.dumps({
                "id": self.hub.model, "sha": self.hub.commit,
                "siblings": [{"rfilename": name} for name in names]}).encode(), {})
        if path == "/api/models/%s/tree/%s" % (self.hub.model, self.hub.commit):
            return self.reply(200, json.dumps([self.hub.tree_entry(f) for f in self.hub.files]).encode(), {})
        prefix = "/%s/resolve/%s/" % (self.hub.model, self.hub.commit)
        cached = "/api/resolve-cache/models/%s/" % self.hub.model
        if path.startswith(prefix) and path[len(prefix):] in self.hub.files:
            return self.resolve(path[len(prefix):], cached)
        if path.startswith(cached):
            return self.send_file(path[len(cached):])
        self.reply(404, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})

    def resolve(self, path, cached):
        headers = {"X-Repo-Commit": self.hub.commit}
        if path in self.hub.large:
            headers |= {"X-Linked-Etag": '"%s"' % self.hub.etag(path),
                        "X-Linked-Size": str(len(self.hub.files[path])),
                        "Location": self.hub.url("cdn") + "/file/" + urllib.parse.quote(path) + "?Signature=s3cret",
                        "ETag": '"not the file"'}
            return self.reply(302, b"moved", headers | self.hub.headers.get(path, {}))
        self.reply(307, b"moved", headers | {"Location": cached + urllib.parse.quote(path)})

    def send_file(self, path):
        hub = self.hub
        body = hub.sent_bodies.get(path, hub.files[path])
        etag = "cdn-" + path if self.name == "cdn" else hub.etag(path)
        headers = {"ETag": 'W/"%s"' % etag, "Accept-Ranges": "bytes"}
        if self.name == "hub":
            headers["X-Repo-Commit"] = hub.commit
        headers |= hub.headers.get(path, {})
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        status, start = 200, 0
        if wanted and hub.ranges:
            start = int(wanted[1])
            if start >= len(body):
                return self.reply(416, b"", {"Content-Range": "bytes */%d" % len(body)})
            status = 206
            headers["Content-Range"] = "bytes %d-%d/%d" % (start, len(body) - 1, len(body))
        with hub.lock:
            cut = hub.cuts[path].pop(0) if self.command == "GET" and hub.cuts.get(path) else None
        stall = hub.stall.get(path) if self.command == "GET" else None
        self.reply(status, body[start:], headers, cut if stall is None else stall, stall is not None)

    def reply(self, status, body, headers, stop_after=None, stall=False):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            self.wfile.write(body if stop_after is None else body[:stop_after])
            self.wfile.flush()
            if stall:
                self.hub.closing.wait(60)
            if stop_after is not None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            self.close_connection = True  # the client went away
