#!/usr/bin/env python3
"""docs_replay.py ALERTSPAWNER: every example of docs/replay.md does what the page says.

    ```lua FILE          a policy; written where it says
    ```console           commands, one a line after "$ ", and what they print; "..." stands for any lines

"alertspawner" is the program under test, $AM an Alertmanager's API that answers with two alerts, queue.jsonl a recording of two
alerts and spawner.yaml a document for them. A command without lines below it must print something or end with 0."""
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test/e2e"))
import model  # noqa: E402
PAGE = ROOT / "docs/replay.md"
ALERTSPAWNER = pathlib.Path(sys.argv[1]).resolve()
text = PAGE.read_text()
problems, ran = [], 0

FULL = {"alertname": "QueueFull", "team": "payments", "severity": "warning"}
SLOW = {"alertname": "QueueSlow", "team": "payments", "severity": "info"}


def alert(labels, since):
    return {"labels": labels, "annotations": {}, "fingerprint": model.fingerprint(labels), "startsAt": since,
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []}}


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps([alert(FULL, "2026-03-02T10:01:30Z"), alert(SLOW, "2026-03-02T10:03:30Z")]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def prepare(where):
    shutil.copytree(ROOT / "examples", where / "examples")
    (where / "spawner.yaml").write_text("""
apiVersion: kelos.dev/v1alpha2
kind: TaskSpawner
metadata: {name: payments}
spec:
  when: {prometheusAlerts: {url: "http://alertmanager:9093"}}
  taskTemplate: {type: claude-code, promptTemplate: "{{.Title}}", credentials: {type: api-key, secretRef: {name: claude}}}
""")
    with open(where / "queue.jsonl", "w") as f:
        for minute in range(0, 20, 2):
            alerts = [alert(x, f"2026-03-02T10:{m:02d}:30Z") for x, m in ((FULL, 1), (SLOW, 3)) if m < minute]
            f.write('{"time":"2026-03-02T10:%02d:00Z","url":"http://alertmanager:9093","status":200,"alerts":%s}\n' % (minute, json.dumps(alerts)))


def matches(want, got):
    pattern = "".join(".*" if part == "...\n" else re.escape(part) for part in re.split(r"(^\.\.\.\n)", want, flags=re.M))
    return re.fullmatch(pattern, got, re.S)


def console(line, content, where, env):
    global ran
    for command, want in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", content, re.M):
        done = subprocess.run(["sh", "-c", command], cwd=where, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=300)
        got = done.stdout
        ran += 1
        if done.returncode != 0:
            problems.append(f"docs/replay.md:{line}: {command}: exit {done.returncode}\n{got}")
        elif want and not matches(want, got):
            problems.append(f"docs/replay.md:{line}: {command}: printed\n{got}\nnot\n{want}")
        elif not want and "--expect" not in command and not got:
            problems.append(f"docs/replay.md:{line}: {command}: printed nothing")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as d:
        where = pathlib.Path(d)
        prepare(where)
        (where / "bin").mkdir()
        (where / "bin/alertspawner").symlink_to(ALERTSPAWNER)
        env = {**os.environ, "PATH": f"{where / 'bin'}:{os.environ['PATH']}", "AM": f"http://127.0.0.1:{server.server_address[1]}",
               "no_proxy": "*", "HOME": d}
        for m in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.S | re.M):
            line, info = text.count("\n", 0, m.start()) + 1, m[1].split()
            if info[:1] == ["lua"]:
                (where / info[1]).parent.mkdir(exist_ok=True)
                (where / info[1]).write_text(m[2])
            elif info == ["console"]:
                console(line, m[2], where, env)
            else:
                problems.append(f"docs/replay.md:{line}: a block that no test looks at")
    server.shutdown()
    # options of the verbs that the page does not name, and the other way round
    helps = "".join(subprocess.run([ALERTSPAWNER, v, "--help"], capture_output=True, text=True).stdout for v in ("decide", "record", "replay", "bench"))
    for option in sorted(set(re.findall(r"(--[a-z][a-z-]+)", text)) - set(re.findall(r"(--[a-z-]+)", helps))):
        problems.append(f"docs/replay.md: {option} is no option of these verbs")
    for option in ("--interval", "--for", "--redact", "--against", "--against-documents", "--html", "--from", "--to", "--task-start",
                   "--task-duration", "--task-failures", "--expect", "--annotation", "--at"):
        if option not in text:
            problems.append(f"docs/replay.md does not name {option}")
    print("\n".join(problems) or f"docs/replay.md: {ran} commands do what it says")
    return 1 if problems or ran < 8 else 0


sys.exit(main())
