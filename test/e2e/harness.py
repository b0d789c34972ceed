"""What the tests stand on: a real Alertmanager, a hostile one, and a way to run alertspawner. Loopback only; every
process that is started here is ended here."""
import contextlib
import datetime
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60  # seconds until something that must happen counts as not happening; sanitizers are slow

ALERTMANAGER_CONFIG = """
route:
  receiver: none
receivers:
  - name: none
inhibit_rules:
  - source_matchers: ['role="inhibits"']
    target_matchers: ['role="inhibited"']
    equal: [cluster]
"""


def alertspawner():
    """The executable under test."""
    path = os.environ.get("ALERTSPAWNER", "")
    if not os.access(path, os.X_OK):
        raise SystemExit("ALERTSPAWNER must name the executable under test, as in "
                         "ALERTSPAWNER=build/debug/alertspawner")
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, what, patience=PATIENCE):
    """What condition() returned once it was true."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.05)


def moment(offset=0.0):
    """RFC 3339 with milliseconds, so many seconds from now."""
    t = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond // 1000:03d}Z"


def parse_moment(text):
    """Seconds since the epoch, from RFC 3339 with any fraction and any zone."""
    m = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    assert m, f"{text!r} is not RFC 3339"
    zone = "+00:00" if m[3] == "Z" else m[3]
    return datetime.datetime.fromisoformat(m[1] + zone).timestamp() + float(m[2] or 0)


class Alertmanager:
    """The real one."""

    def __init__(self, binary, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "alertmanager.yml").write_text(ALERTMANAGER_CONFIG)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.binary, self.directory, self.starts = binary, directory, 0
        self.log = open(directory / "alertmanager.log", "wb")
        self.start()

    def start(self):
        """With nothing to remember: alerts are not on its disk, and silences lie in a directory of their own each time."""
        self.starts += 1
        self.process = subprocess.Popen(
            [self.binary, f"--config.file={self.directory}/alertmanager.yml",
             f"--storage.path={self.directory}/data-{self.starts}", f"--web.listen-address={self.url[7:]}",
             "--cluster.listen-address="],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_until(self._ready, "Alertmanager is ready")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def _ready(self):
        assert self.process.poll() is None, "Alertmanager ended at once: see its log"
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def close(self):
        self.stop()
        self.log.close()

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + "/api/v2" + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def alerts(self):
        """By fingerprint: everything that is not resolved, silenced or not."""
        return {a["fingerprint"]: a for a in self.ask("GET", "/alerts")}

    def find(self, labels):
        labels = {k: v for k, v in labels.items() if v}
        for a in self.ask("GET", "/alerts"):
            if a["labels"] == labels:
                return a
        return None

    def fire(self, labels, annotations=None, starts_at=None, ends_at=None, generator_url=None):
        """Fires one alert and returns it as the API shows it, once it does and its state is known."""
        alert = {"labels": labels, "annotations": annotations or {}, "startsAt": starts_at or moment(-60),
                 "endsAt": ends_at or moment(3600)}
        if generator_url is not None:
            alert["generatorURL"] = generator_url
        self.ask("POST", "/alerts", [alert])
        want = parse_moment(alert["startsAt"])

        def shown():
            a = self.find(labels)
            return a if a and parse_moment(a["startsAt"]) <= want and a["status"]["state"] != "unprocessed" else None
        return wait_until(shown, f"Alertmanager shows {labels}")

    def send(self, alerts):
        """Alerts as the API shows them, once more, as a Prometheus does that still sees them firing."""
        self.ask("POST", "/alerts", [{"labels": a["labels"], "annotations": a["annotations"], "startsAt": a["startsAt"],
                                      "endsAt": moment(3600)} for a in alerts])
        wait_until(lambda: all((self.find(a["labels"]) or {"status": {"state": "unprocessed"}})["status"]["state"] !=
                               "unprocessed" for a in alerts), "Alertmanager shows the alerts")

    def resolve(self, labels):
        a = self.find(labels)
        assert a, f"{labels} does not fire"
        self.ask("POST", "/alerts", [{"labels": labels, "annotations": a["annotations"], "startsAt": a["startsAt"],
                                      "endsAt": moment()}])
        wait_until(lambda: self.find(labels) is None, f"{labels} is resolved")

    def refire(self, labels, **more):
        """Resolved, and then fires anew, since now."""
        self.resolve(labels)
        time.sleep(0.01)
        return self.fire(labels, starts_at=moment(), **more)

    def silence(self, labels):
        self.ask("POST", "/silences", {
            "matchers": [{"name": k, "value": v, "isRegex": False} for k, v in labels.items()],
            "startsAt": moment(-1), "endsAt": moment(3600), "createdBy": "test", "comment": "test"})
        self.wait_state(labels, "suppressed")

    def wait_state(self, labels, state):
        wait_until(lambda: (self.find(labels) or {"status": {"state": ""}})["status"]["state"] == state,
                   f"{labels} is {state}")


class Server:
    """An HTTP server that answers as a script says. `answer` is called with the request's handler; it may do with the
    connection what it likes. Several scripts may stand under several path prefixes: give a dict."""

    def __init__(self, answer):
        self.requests = []  # (path, query, headers)
        self.closing = threading.Event()
        answers = answer if isinstance(answer, dict) else {"": answer}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path, _, query = self.path.partition("?")
                prefix = path.removesuffix("/api/v2/alerts")
                outer.requests.append((path, urllib.parse.parse_qs(query, keep_blank_values=True), self.headers))
                self.close_connection = True
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    answers[prefix](self)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def send(handler, body, status=200, content_type="application/json", length=None, headers=()):
    if isinstance(body, str):
        body = body.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.send_header("Connection", "close")
    for name, value in headers:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def sends(body, **more):
    return lambda handler: send(handler, body, **more)


def hangs(server_ref):
    """Takes the request and says nothing until the test is over. server_ref: a list that will hold the Server."""
    return lambda handler: server_ref[0].closing.wait(PATIENCE)


class Run:
    """`alertspawner run` or anything else that goes on while the test does things."""

    def __init__(self, args, directory, env, stdin=None):
        self.stderr_path = directory / f"stderr-{time.monotonic_ns()}"
        self.stdout_path = self.stderr_path.with_name(self.stderr_path.name.replace("stderr", "stdout"))
        with open(self.stderr_path, "wb") as err, open(self.stdout_path, "wb") as out:
            self.process = subprocess.Popen([alertspawner(), *map(str, args)], stdout=out, stderr=err,
                                            stdin=stdin or subprocess.DEVNULL, env=env, start_new_session=True)
        self.pid = self.process.pid

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="surrogateescape")

    @property
    def stdout(self):
        return self.stdout_path.read_text(errors="surrogateescape")

    def terminate(self, patience=PATIENCE):
        """Exit code, and how many seconds it took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(patience)
        return code, time.monotonic() - start

    def kill(self):
        """Only the engine, as the OOM killer would; what it leaves is part of what is tested."""
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()


class Engine:
    """alertspawner with a store and a state directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.store = directory / "state" / "tasks.db"
        self.store.parent.mkdir(parents=True)
        (directory / "home").mkdir()
        self.env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and k != "NO_COLOR"}
        self.env.update(HOME=str(directory / "home"), XDG_STATE_HOME=str(directory / "xdg"), LC_ALL="C.UTF-8")
        self.runs = []

    def close(self):
        for r in self.runs:
            r.close()

    def command(self, verb, *args):
        if not verb:
            return []
        store = ["--store", f"sqlite:{self.store}"] if verb in ("run", "once", "plan", "why", "get", "finish", "delete") else []
        listen = ["--listen", "none"] if verb == "run" and "--listen" not in args else []
        return [verb, *store, *listen, *args]

    def __call__(self, verb, *args, stdin=None, code=None, timeout=PATIENCE, binary=None):
        """CompletedProcess, with text. `code`: what it must exit with."""
        done = subprocess.run([binary or alertspawner(), *map(str, self.command(verb, *args))], env=self.env,
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, timeout=timeout, encoding="utf-8", errors="surrogateescape")
        assert "AddressSanitizer" not in done.stderr and "LeakSanitizer" not in done.stderr and \
            "runtime error:" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, verb, *args, stdin=None):
        r = Run(self.command(verb, *args), self.directory, self.env, stdin)
        self.runs.append(r)
        return r

    def write(self, *documents, name="documents.yaml"):
        """A file of these documents."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True))
        fresh.replace(path)
        return path

    def policies(self, **sources):
        """A directory of policies: name="...lua source..."; underscores in the name become dashes."""
        directory = self.directory / "policies"
        directory.mkdir(exist_ok=True)
        for name, source in sources.items():
            (directory / (name.replace("_", "-") + ".lua")).write_text(source)
        return directory

    def decisions(self, verb, *args, code=0, timeout=PATIENCE):
        """{spawner: [decision]}; checks the shape on the way."""
        done = self(verb, *args, "-o", "json", code=code, timeout=timeout)
        return by_spawner(json.loads(done.stdout))

    def decisions_of_text(self, verb, text):
        """The same for documents on standard input."""
        return by_spawner(json.loads(self(verb, "-f", "-", "-o", "json", stdin=text, code=0).stdout))

    def tasks(self):
        """{name: Task}"""
        done = self("get", "tasks", "-o", "json")
        assert done.returncode == 0, done.stderr
        listed = json.loads(done.stdout)
        assert listed["apiVersion"] == "v1" and listed["kind"] == "List"
        return {t["metadata"]["name"]: t for t in listed["items"]}

    def spawner(self, name):
        return json.loads(self("get", "spawner", name, "-o", "json", code=0).stdout)


def served(run):
    """Where a `run` with --listen serves metrics and health."""
    found = wait_until(lambda: re.search(r"metrics and health: (http://[^/]+)/metrics", run.stderr), "it listens")
    return found[1]


def ask(url, path="/", headers=None, method="GET", body=None, unix=None):
    """(status, headers, text). `unix`: over that socket instead; url is only what Host says."""
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=PATIENCE)
    if unix is not None:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE)
        # by its directory: the whole path may be longer than an address may be
        directory = os.open(pathlib.Path(unix).parent, os.O_PATH | os.O_DIRECTORY)
        try:
            connection.sock.connect(f"/proc/self/fd/{directory}/{pathlib.Path(unix).name}")
        finally:
            os.close(directory)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    finally:
        connection.close()


def by_spawner(report):
    return {s["name"]: s["decisions"] for s in report["spawners"]}


def reasons(decisions):
    """{fingerprint: "verdict reason"}, the usual thing to compare."""
    return {d["fingerprint"]: f"{d['verdict']} {d['reason']}" for d in decisions}


def spawner(name, url, when=None, template=None, annotations=None, **spec):
    """A small TaskSpawner document."""
    return {
        "apiVersion": "kelos.dev/v1alpha2", "kind": "TaskSpawner",
        "metadata": {"name": name, **({"annotations": annotations} if annotations else {})},
        "spec": {
            "when": {"prometheusAlerts": {"url": url, **(when or {})}},
            "taskTemplate": {"type": "claude-code", "promptTemplate": "{{.Title}}\n{{.Body}}",
                             "credentials": {"type": "api-key", "secretRef": {"name": "claude"}}, **(template or {})},
            **spec,
        },
    }


def alert_json(alert_labels, fingerprint=None, **more):
    """An alert as Alertmanager's API returns it, for scripted servers."""
    import model
    return {"annotations": {}, "endsAt": "2036-01-01T00:00:00.000Z", "fingerprint": fingerprint or
            model.fingerprint(alert_labels), "receivers": [{"name": "none"}], "startsAt": "2026-01-01T00:00:00.000Z",
            "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": "2026-01-01T00:00:00.000Z", "generatorURL": "http://prometheus.example/graph",
            "labels": alert_labels, **more}
