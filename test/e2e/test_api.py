"""What a running engine tells over HTTP: who may ask, health, and that it changes nothing and betrays nothing."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess

import pytest

import harness
from harness import alert_json, ask, sends, served, spawner, wait_until

ANY = ("--listen", "127.0.0.1:0")


def doc(url, name="s", **spec):
    return spawner(name, url, when={"pollInterval": "5s", **spec.pop("when", {})}, **spec)


def socket_of(engine):
    return engine.store.with_name(engine.store.name + ".sock")


def over_socket(engine, path, **more):
    return ask("http://localhost", path, unix=socket_of(engine), **more)


def test_both_sockets_say_the_same(engine, serve):
    server = serve(sends(json.dumps([alert_json({"alertname": "A"})])))
    run = engine.start("run", "-f", engine.write(doc(server.url)), *ANY)
    url = served(run)
    wait_until(lambda: len(engine.tasks()) == 1, "a Task")
    assert stat.S_IMODE(os.stat(socket_of(engine)).st_mode) == 0o600
    listed = ask(url)[2]
    assert listed == over_socket(engine, "/")[2]
    paths = re.findall(r"^(/\S*)", listed, re.M)
    assert {"/", "/healthz", "/readyz", "/metrics"} <= set(paths)
    for path in ("/healthz", "/readyz", "/metrics"):
        status, headers, text = ask(url, path)
        assert status == 200 and text and headers["X-Content-Type-Options"] == "nosniff", (path, text)
        assert headers["Cache-Control"] == "no-store"
        assert over_socket(engine, path)[0] == 200
        assert ask(url, path, method="HEAD")[2] == ""
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            status, headers, text = ask(url, path, method=method, body="x" if method != "OPTIONS" else None)
            assert status == 405 and headers["Allow"] == "GET, HEAD" and "error" in json.loads(text)
    status, _, text = ask(url, "/no/such")
    assert status == 404 and "nothing of this name" in json.loads(text)["error"]
    assert len(engine.tasks()) == 1
    code, seconds = run.terminate()
    assert code == 0 and seconds < 5
    assert not socket_of(engine).exists()
    with pytest.raises(OSError):
        ask(url)


def test_pages_of_strangers_read_nothing(engine, serve):
    server = serve(sends("[]"))
    run = engine.start("run", "-f", engine.write(doc(server.url)), *ANY)
    url = served(run)
    port = url.rsplit(":", 1)[1]
    for headers, status in (
            ({}, 200),
            ({"Host": f"localhost:{port}"}, 200),
            ({"Host": f"evil.example.com:{port}"}, 403),             # DNS rebinding
            ({"Host": f"127.0.0.1.nip.io:{port}"}, 403),
            ({"Origin": "http://evil.example.com"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": f"http://127.0.0.1:{port}"}, 200),
            ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
            ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200)):
        got = ask(url, "/metrics", headers=headers)
        assert got[0] == status, (headers, got)
        assert "Access-Control-Allow-Origin" not in got[1]
        assert (status == 200) == ("kelos_spawner" in got[2] or "alertspawner_" in got[2])


def test_secrets_are_never_told(engine, serve):
    """Nothing that holds a credential, the policy's configuration or the text of an alert comes out over TCP."""
    token, secret, label = "t0k3n-of-alertmanager", "c0nfig-of-the-policy", "l4bel-of-an-alert"
    server = serve(sends(json.dumps([alert_json({"alertname": label, "x": label})])))
    secrets = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "am"}, "stringData": {"ALERTMANAGER_TOKEN": token}}
    bad = doc(server.url, "bad", when={"secretRef": {"name": "none"}})
    good = doc(server.url, "good", when={"secretRef": {"name": "am"}},
               annotations={"alerts.kelos.dev/policy-config": json.dumps({"key": secret})})
    broken = engine.policies(p='return policy.extend(policy.base, {api = 1, name = "p", match = \'alertname!=""\', '
                               'filter = function(a) error(a.labels.x) end})')
    run = engine.start("run", "-f", engine.write(secrets, good, bad), "--policies", broken, *ANY)
    url = served(run)
    wait_until(lambda: f"alert {label}" in run.stderr, "an alert was judged")
    assert any(f"Bearer {token}" in str(h.values()) or token in str(h) for _, _, h in server.requests)
    for path in re.findall(r"^(/\S*)", ask(url)[2], re.M):
        for query in ("", "?format=json"):
            text = ask(url, path + query)[2]
            for word in (token, secret, label):
                assert word not in text, (path, word, text)


def test_a_socket_that_was_left_behind(engine, serve):
    """kill -9 leaves the socket; the next engine takes its place. While one lives, nobody else does."""
    server = serve(sends("[]"))
    file = engine.write(doc(server.url))
    first = engine.start("run", "-f", file)
    wait_until(lambda: socket_of(engine).exists(), "the socket")
    first.kill()
    assert socket_of(engine).exists()
    second = engine.start("run", "-f", file)
    wait_until(lambda: "runs; Tasks are kept" in second.stderr, "the second runs")
    assert over_socket(engine, "/healthz")[0] == 200
    third = engine.start("run", "-f", file)
    assert third.process.wait(harness.PATIENCE) == 1  # the store's lock
    assert over_socket(engine, "/healthz")[0] == 200
    second.terminate()
    assert not socket_of(engine).exists()


def test_something_else_in_the_socket_s_place(engine, serve):
    """The engine goes on without, says so, and leaves what is there alone."""
    server = serve(sends(json.dumps([alert_json({"alertname": "A"})])))
    socket_of(engine).write_text("precious")
    run = engine.start("run", "-f", engine.write(doc(server.url)))
    wait_until(lambda: len(engine.tasks()) == 1, "a Task")
    assert "is there and is no socket; it is left alone" in run.stderr
    run.terminate()
    assert socket_of(engine).read_text() == "precious"


def test_a_path_that_is_too_long_for_a_socket(engine, serve):
    server = serve(sends("[]"))
    deep = engine.directory / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    store = deep / "tasks.db"
    run = harness.Run(["run", "--store", f"sqlite:{store}", "--listen", "none", "-f", engine.write(doc(server.url))],
                      engine.directory, engine.env)
    engine.runs.append(run)
    wait_until(lambda: store.with_name("tasks.db.sock").exists(), "the socket")
    fd = os.open(deep, os.O_PATH)
    try:
        assert ask("http://localhost", "/healthz", unix=f"/proc/self/fd/{fd}/tasks.db.sock")[0] == 200
    finally:
        os.close(fd)


def test_listen(engine, serve):
    server = serve(sends("[]"))
    file = engine.write(doc(server.url))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = engine.start("run", "-f", file, "--listen", address)  # asked for: an error
        assert run.process.wait(harness.PATIENCE) == 1
        assert f"--listen: cannot listen on {address}: Address already in use" in run.stderr
    for bad in ("8080", "localhost:http", "1.2.3:x", "::1:80"):
        done = engine("run", "-f", file, "--listen", bad, code=2)
        assert "no address to listen on" in done.stderr or "in brackets" in done.stderr
    for off in ("", "none"):
        run = engine.start("run", "-f", file, "--listen", off)
        wait_until(lambda: "runs; Tasks are kept" in run.stderr, "it runs")
        assert "metrics and health" not in run.stderr
        run.terminate()
    run = engine.start("run", "-f", file, "--listen", "[::1]:0")
    try:
        url = served(run)
    except AssertionError:
        pytest.skip("no IPv6 here")
    assert url.startswith("http://[::1]:") and ask(url, "/healthz")[0] == 200


def namespaced(args):
    """The command in a network namespace of its own, where no port is taken; None where that is forbidden."""
    unshare = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    return unshare + args if subprocess.run(unshare + ["true"], capture_output=True).returncode == 0 else None


def test_the_default_port(engine, tmp_path):
    """127.0.0.1:8080 outside of a cluster, and no reason to end when it is taken."""
    script = tmp_path / "script"
    log1, log2 = tmp_path / "log1", tmp_path / "log2"
    run = f"{harness.alertspawner()} run -f {engine.write(doc('http://127.0.0.1:1'))} --store sqlite:{tmp_path}"
    script.write_text(f"""
{run}/1.db 2>{log1} & one=$!
until grep -q 'metrics and health' {log1}; do kill -0 $one || exit 3; sleep 0.1; done
{run}/2.db 2>{log2} & two=$!
until grep -q 'runs; Tasks' {log2}; do kill -0 $two || exit 4; sleep 0.1; done
curl -sf --noproxy '*' http://127.0.0.1:8080/healthz || exit 5
kill $one $two
wait $one || exit 6
wait $two || exit 7
""")
    command = namespaced(["sh", str(script)])
    if command is None:
        pytest.skip("no network namespace can be made here")
    done = subprocess.run(command, env=engine.env, capture_output=True, text=True, timeout=2 * harness.PATIENCE)
    assert done.returncode == 0, (done, log1.read_text(), log2.read_text())
    assert done.stdout.startswith("ok\n")
    assert "http://127.0.0.1:8080/metrics" in log1.read_text()
    said = [line for line in log2.read_text().splitlines() if "8080" in line]
    assert len(said) == 1 and "Address already in use; going on without it" in said[0] and " info " in said[0]


def test_readiness_says_why(engine, serve):
    """Not ready before Alertmanager has answered completely; alive all the time."""
    answers = {"ok": False}

    def answer(handler):
        harness.send(handler, "[]" if answers["ok"] else "nonsense", status=200 if answers["ok"] else 500)
    server = serve({"/am": answer})
    run = engine.start("run", "-f", engine.write(doc(server.url + "/am", "first"), doc(server.url + "/am", "second"),
                                                 doc(server.url + "/am", "third", suspend=True)), *ANY)
    url = served(run)
    wait_until(lambda: run.stderr.count("cycle failed") >= 2, "both have failed")
    status, _, text = ask(url, "/readyz")
    assert status == 503 and text.startswith("not ready\n"), text
    assert "Alertmanager answers for 0 of 2 spawners" in text
    assert "default/first: " in text and "default/second: " in text and "500" in text and "default/third" not in text
    assert ask(url, "/healthz")[0] == 200
    status, headers, text = ask(url, "/readyz", headers={"Accept": "application/json"})
    assert status == 503 and headers["Content-Type"].startswith("application/json")
    polls, = [c for c in json.loads(text)["conditions"] if c["name"] == "polls"]
    assert polls["met"] is False and "default/first" in polls["message"]
    answers["ok"] = True
    wait_until(lambda: ask(url, "/readyz")[0] == 200, "ready")
    wait_until(lambda: "Alertmanager answers for all of 2 spawners" in ask(url, "/readyz")[2], "both answer")


def test_a_loop_that_stands_still(engine, serve):
    """A stopped engine answers nobody, which is the answer; when it goes on it says for how long it stood still."""
    server = serve(sends("[]"))
    run = engine.start("run", "-f", engine.write(doc(server.url)), *ANY)
    url = served(run)
    assert ask(url, "/healthz")[0] == 200
    run.process.send_signal(signal.SIGSTOP)
    try:
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=3) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            s.settimeout(3)
            with pytest.raises(TimeoutError):
                s.recv(1)
    finally:
        run.process.send_signal(signal.SIGCONT)
    wait_until(lambda: "the event loop stood still for" in run.stderr, "the stall is said")
    text = json.loads(ask(url, "/healthz?format=json")[2])
    assert text["loopStalls"] == 1 and text["loopLagSeconds"] >= 2 and text["status"] == "ok"


def test_a_crowd_and_slow_clients(engine, serve):
    """Clients that hold connections cost themselves: the engine goes on, and others are answered over the socket."""
    server = serve(sends(json.dumps([alert_json({"alertname": "A"})])))
    run = engine.start("run", "-f", engine.write(doc(server.url)), *ANY)
    port = int(served(run).rsplit(":", 1)[1])
    held = []
    for _ in range(200):
        s = socket.create_connection(("127.0.0.1", port), timeout=5)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: loc")
        held.append(s)
    wait_until(lambda: len(engine.tasks()) == 1, "a Task")
    assert over_socket(engine, "/healthz")[0] == 200
    fds = len(list(pathlib.Path(f"/proc/{run.pid}/fd").iterdir()))
    assert fds < 100, fds
    for s in held:
        s.close()

    def answered():
        try:
            return ask(f"http://127.0.0.1:{port}", "/healthz")[0] == 200
        except ConnectionError:
            return False
    wait_until(answered, "answered again")


def test_random_bytes(engine, serve):
    server = serve(sends("[]"))
    run = engine.start("run", "-f", engine.write(doc(server.url)), *ANY)
    url = served(run)
    port = int(url.rsplit(":", 1)[1])
    requests = [os.urandom(300), b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"\r\n\r\n\r\n",
                b"GET /%00%ff%zz?%=&&=%0a HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /readyz?format HTTP/1.1\r\nHost: x\r\n\r\n",
                b"GET http://evil.example.com/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example.com\r\n\r\n",
                b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
    for r in requests:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
            with contextlib.suppress(OSError):  # it may hang up in the middle of it
                s.sendall(r)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
    assert ask(url, "/healthz")[0] == 200
    assert run.terminate()[0] == 0
    assert "Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr
