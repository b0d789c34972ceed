"""A proxy in front of the API server that does what networks and overloaded servers do.

    faults = Faults(cluster)                        TLS with the cluster's own certificate; faults.url
    cluster.kubeconfig(path, token=…, server=faults.url)
    faults.rule(reset_after(), method="POST", path="/tasks$", times=3)
    faults.rule(answer(429, retry_after=1), path="/tasks", chance=0.2)
    faults.rule(cut(events=5), watch=True)
    faults.down(); faults.up()                      nobody gets through; what is open is ended
    faults.cut()                                    ends what is open
    faults.asked("POST", "/tasks$")                 how often that came
    faults.stop()

The first rule that matches a request acts; `times` how often it may, `chance` how likely it is, each time. A request
without an Authorization header goes on as the cluster's admin, because a client certificate cannot be handed on.

Actions: reset_before, reset_after, answer, delay, hang, slow, cut, stale, gone, halt_bookmarks. What each does is said
there; those of a watch let its beginning through.
"""
import contextlib
import http.client
import http.server
import json
import random
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse


class Reset(Exception):
    """The client's connection ends with a TCP reset."""


class Request:
    """What came, and how to act on it."""

    def __init__(self, handler, body):
        self.handler, self.body = handler, body
        self.method = handler.command
        self.path, _, query = handler.path.partition("?")
        self.query = urllib.parse.parse_qs(query, keep_blank_values=True)
        self.watch = "watch" in self.query

    def forward(self):
        """The API server's answer, its body not yet read."""
        return self.handler.forward(self.body)

    def head(self, status, headers, length=None):
        h = self.handler
        h.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                h.send_header(name, value)
        if length is None:
            h.send_header("Transfer-Encoding", "chunked")
        else:
            h.send_header("Content-Length", str(length))
        h.end_headers()

    def chunk(self, data):
        if data:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.handler.wfile.flush()

    def end(self):
        self.handler.wfile.write(b"0\r\n\r\n")
        self.handler.wfile.flush()

    def relay(self, each=None, pieces=None):
        """The whole answer; of a watch each event goes through `each`, which yields what is sent instead. `pieces`:
        size and pause of what is sent."""
        answer = self.forward()
        self.head(answer.status, answer.getheaders())
        if self.watch and answer.status == 200:
            for line in iter(answer.readline, b""):
                for out in (each(json.loads(line)) if each else [line]):
                    self.chunk(out if isinstance(out, bytes) else json.dumps(out).encode() + b"\n")
        elif pieces:
            data = answer.read()
            for at in range(0, len(data), pieces[0]):
                self.chunk(data[at:at + pieces[0]])
                time.sleep(pieces[1])
        else:
            self.chunk(answer.read())
        self.end()


def reset_before():
    """The server never hears of it."""
    def act(_):
        raise Reset
    return act


def reset_after():
    """The server has done it, and nobody hears of that."""
    def act(request):
        request.forward().read()
        raise Reset
    return act


def answer(code, reason="", retry_after=None, message="the fault proxy says so"):
    """A Status instead of what was asked for."""
    reason = reason or {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError",
                        503: "ServiceUnavailable", 504: "Timeout", 403: "Forbidden", 401: "Unauthorized"}.get(code, "")

    def act(request):
        body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                           "reason": reason, "code": code}).encode()
        headers = [("Content-Type", "application/json")]
        if retry_after is not None:
            headers.append(("Retry-After", str(retry_after)))
        request.head(code, headers, len(body))
        request.handler.wfile.write(body)
    return act


def delay(seconds):
    """The request reaches the server late: also when its sender has given up meanwhile."""
    def act(request):
        time.sleep(seconds)
        request.relay()
    return act


def hang(seconds=3600):
    """The server does it; no answer comes."""
    def act(request):
        response = request.forward()
        if not request.watch:
            response.read()
        request.handler.server.faults.stopping.wait(seconds)
        raise Reset
    return act


def slow(size=64, pause=0.05):
    """The body in pieces, with pauses."""
    return lambda request: request.relay(pieces=(size, pause))


def cut(events=0, middle=False):
    """The watch ends after so many events; `middle`: inside the next one."""
    def act(request):
        left = [events]

        def each(event):
            if left[0] == 0:
                if middle:
                    request.chunk(json.dumps(event).encode()[:40])
                raise Reset
            left[0] -= 1
            yield event
        request.relay(each)
    return act


def stale():
    """After each event the one before it of the same object once more, as from a server that lags behind."""
    def act(request):
        before = {}

        def each(event):
            yield event
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                meta = event["object"]["metadata"]
                key = meta.get("namespace"), meta["name"]
                if key in before:
                    yield before[key]
                before[key] = {"type": "MODIFIED", "object": event["object"]}
        request.relay(each)
    return act


def gone():
    """The watch says at once that its resourceVersion is too old."""
    def act(request):
        request.head(200, [("Content-Type", "application/json")])
        request.chunk(json.dumps({"type": "ERROR", "object": {
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
            "message": "too old resource version"}}).encode() + b"\n")
        request.end()
    return act


def halt_bookmarks():
    """A watch without bookmarks."""
    return lambda request: request.relay(lambda event: [event] if event["type"] != "BOOKMARK" else [])


class Rule:
    def __init__(self, act, method, path, watch, times, chance):
        self.act, self.method, self.watch, self.left, self.chance = act, method, watch, times, chance
        self.path = re.compile(path)
        self.acted = 0

    def matches(self, request):
        if self.left == 0 or (self.method and request.method != self.method) or not self.path.search(request.path):
            return False
        if self.watch is not None and self.watch != request.watch:
            return False
        return self.chance >= 1 or random.random() < self.chance


class Faults:
    def __init__(self, cluster):
        self.rules, self.seen, self.lock = [], [], threading.Lock()
        self.stopping, self.refusing = threading.Event(), False
        self.open = set()
        d = cluster.directory
        upstream = urllib.parse.urlparse(cluster.url)
        as_admin = ssl.create_default_context(cafile=str(d / "ca.crt"))
        as_admin.load_cert_chain(str(d / "admin.crt"), str(d / "admin.key"))
        as_given = ssl.create_default_context(cafile=str(d / "ca.crt"))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(str(d / "server.crt"), str(d / "server.key"))
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 600

            def setup(self):
                self.request.settimeout(30)
                self.request = tls.wrap_socket(self.request, server_side=True)
                super().setup()
                self.upstream = {}
                with outer.lock:
                    outer.open.add(self)

            def forward(self, body):
                given = "Authorization" in self.headers
                connection = self.upstream.get(given)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding")}
                for last in (False, True):
                    if connection is None:
                        connection = self.upstream[given] = http.client.HTTPSConnection(
                            upstream.hostname, upstream.port, timeout=600, context=as_given if given else as_admin)
                    try:
                        connection.request(self.command, self.path, body, headers)
                        return connection.getresponse()
                    except (http.client.HTTPException, OSError):
                        connection.close()
                        connection = None
                        if last:
                            raise
                raise AssertionError

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self, self.rfile.read(length) if length else None)
                try:
                    outer.act(request)
                except (Reset, OSError, ValueError, http.client.HTTPException):
                    self.reset()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

            def reset(self):
                self.close_connection = True
                with contextlib.suppress(OSError, ValueError):
                    raw = socket.socket(fileno=self.connection.detach())
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    raw.close()
                for connection in self.upstream.values():
                    with contextlib.suppress(OSError, AttributeError):
                        connection.sock.shutdown(socket.SHUT_RDWR)

            def drop(self):
                """From another thread, which must not close what this one reads from."""
                self.close_connection = True
                for sock in (self.connection, *(c.sock for c in list(self.upstream.values()))):
                    if sock is None:  # its thread has closed it
                        continue
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)

            def finish(self):
                with outer.lock:
                    outer.open.discard(self)
                with contextlib.suppress(OSError, ValueError):
                    super().finish()
                for connection in self.upstream.values():
                    connection.close()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            faults = self

            def verify_request(self, request, client_address):
                return not outer.refusing

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def rule(self, act, method=None, path="", watch=None, times=None, chance=1.0):
        made = Rule(act, method, path, watch, -1 if times is None else times, chance)
        with self.lock:
            self.rules.append(made)
        return made

    def clear(self):
        with self.lock:
            self.rules = []

    def act(self, request):
        with self.lock:
            self.seen.append((request.method, request.path, request.query))
            rule = next((r for r in self.rules if r.matches(request)), None)
            if rule:
                rule.left -= 1
                rule.acted += 1
        if self.refusing:
            raise Reset
        (rule.act if rule else Request.relay)(request)

    def asked(self, method, path, **query):
        pattern = re.compile(path)
        with self.lock:
            return sum(m == method and bool(pattern.search(p)) and all(q.get(k) == [v] for k, v in query.items())
                       for m, p, q in self.seen)

    def cut(self):
        with self.lock:
            handlers = list(self.open)
        for handler in handlers:
            handler.drop()

    def down(self):
        self.refusing = True
        self.cut()

    def up(self):
        self.refusing = False

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.cut()
