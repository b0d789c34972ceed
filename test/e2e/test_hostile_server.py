"""A server that does not answer as Alertmanager does: each is a failed cycle with a sentence of its own, concludes
nothing, and concerns nobody else."""
import json
import socket

import pytest

import harness
from harness import send, sends, spawner

SECRET = "sUp3rS3cretBody"
GOOD = json.dumps([harness.alert_json({"alertname": "Good"})])
TORN = json.dumps([harness.alert_json({"alertname": "Torn"}), harness.alert_json({"alertname": SECRET})])[:-40]


def truncated(handler):
    send(handler, TORN, length=len(TORN) + 1000)


def chunked(*pieces, end=True):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for p in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(p.encode()), p.encode()))
        if end:
            handler.wfile.write(b"0\r\n\r\n")
    return answer


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


def bomb(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(b'[{"labels":{"x":"')
    for _ in range(64):
        handler.wfile.write(SECRET.encode() * 4096)


CASES = {
    "truncated": truncated,
    "torn chunks": chunked(TORN, end=False),
    "torn json": sends(TORN),
    "nothing": sends(""),
    "html": sends(f"<!DOCTYPE html><html>{SECRET} login</html>", content_type="text/html"),
    "html that says it is json": sends(f"<html>{SECRET}</html>"),
    "null": sends("null"),
    "object": sends(json.dumps({"status": "success", "data": [SECRET]})),
    "string": sends(json.dumps(SECRET)),
    "array and more": sends(GOOD + f'"{SECRET}"'),
    "two arrays": sends(GOOD + GOOD),
    "comma": sends(GOOD[:-1] + ",]"),
    "no utf-8": sends(b'[{"labels":{"alertname":"\xff\xfe"}}]'),
    "deep": sends('[{"x":' + "[" * 5000 + "]" * 5000 + "}]"),
    "400": sends(json.dumps(SECRET), status=400),
    "401": sends(SECRET, status=401, content_type="text/plain"),
    "404": sends(SECRET, status=404, content_type="text/html"),
    "410": sends(SECRET, status=410),
    "429": sends(SECRET, status=429),
    "500": sends(GOOD, status=500),
    "503": sends("Limit of concurrent GET requests reached " + SECRET, status=503, content_type="text/plain"),
    "204": lambda h: (h.send_response(204), h.end_headers()),
    "206": sends(GOOD, status=206),
    "redirect": sends(SECRET, status=302, headers=[("Location", "/elsewhere")]),
    "redirect 308": sends(SECRET, status=308, headers=[("Location", "http://127.0.0.1:1/x")]),
    "hangs up": hang_up,
    "too long": bomb,
}
SENTENCES = {  # what each must speak of
    "400": "400", "401": "401", "404": "404", "410": "410", "429": "429", "500": "500", "503": "503", "206": "206",
    "204": "204", "redirect": "redirect", "redirect 308": "redirect", "too long": "102400 bytes", "html": "HTML",
}


def run_beside_good(engine, serve, case, *more):
    """The bad spawner stands between two good ones, as it does in a directory of documents."""
    server = serve({"/bad": case, "/good": sends(GOOD)})
    file = engine.write(spawner("first", server.url + "/good"), spawner("bad", server.url + "/bad"),
                        spawner("last", server.url + "/good"))
    done = engine("once", "-f", file, "-o", "json", "--max-response-bytes", "100Ki", *more, code=1)
    report = {s["name"]: s for s in json.loads(done.stdout)["spawners"]}
    assert report["bad"]["decisions"] == []
    for name in ("first", "last"):
        assert [d["verdict"] for d in report[name]["decisions"]] == ["create"]
    assert "error" not in report["first"] and "error" not in report["last"]
    assert SECRET not in done.stdout + done.stderr
    assert report["bad"]["error"] in done.stderr
    assert len(engine.tasks()) == 2
    assert not [p for p, _, _ in server.requests if not p.endswith("/api/v2/alerts")], "a redirect was followed"
    return report["bad"]["error"]


@pytest.mark.parametrize("case", CASES)
def test_a_failed_poll(engine, serve, case):
    error = run_beside_good(engine, serve, CASES[case])
    assert len(error) > 20 and "\n" not in error
    if case in SENTENCES:
        assert SENTENCES[case].lower() in error.lower(), error


def test_too_long_says_what_to_do(engine, serve):
    assert "--max-response-bytes" in run_beside_good(engine, serve, CASES["too long"])


def test_the_sentences_differ(engine, serve):
    """Somebody who reads the sentence knows which of these it was."""
    said = {}
    server = serve({f"/{i}": answer for i, answer in enumerate(CASES.values())})
    file = engine.write(*[spawner(f"s{i}", f"{server.url}/{i}") for i in range(len(CASES))])
    done = engine("plan", "-f", file, "-o", "json", "--max-response-bytes", "100Ki", code=1)
    for name, s in zip(CASES, json.loads(done.stdout)["spawners"]):
        said[name] = s["error"].replace(s["name"], "").replace(f"/{s['name'][1:]}/", "/")
    groups = [("truncated", "html", "null", "object", "400", "404", "500", "503", "redirect", "too long")]
    for names in groups:
        assert len({said[n] for n in names}) == len(names), {n: said[n] for n in names}


def test_a_server_that_hangs(engine, serve):
    ref = []
    error_of = harness.hangs(ref)
    server = serve({"/bad": error_of, "/good": sends(GOOD)})
    ref.append(server)
    file = engine.write(spawner("bad", server.url + "/bad"), spawner("good", server.url + "/good"))
    done = engine("once", "-f", file, "-o", "json", "--timeout", "1s", code=1)
    bad, good = json.loads(done.stdout)["spawners"]
    assert "1s" in bad["error"] or "time" in bad["error"].lower()
    assert [d["verdict"] for d in good["decisions"]] == ["create"]


def test_a_server_that_dribbles(engine, serve):
    """--timeout is of the whole request, not of a silence."""
    def dribble(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        while not server.closing.wait(0.1):
            handler.wfile.write(b" ")
    server = serve(dribble)
    done = engine("once", "-f", engine.write(spawner("s", server.url)), "--timeout", "1s", code=1)
    assert "Error: default/s: " in done.stderr


def test_connection_refused(engine, serve):
    port = harness.free_port()
    server = serve(sends(GOOD))
    file = engine.write(spawner("bad", f"http://127.0.0.1:{port}"), spawner("good", server.url))
    done = engine("once", "-f", file, "-o", "json", code=1)
    bad, good = json.loads(done.stdout)["spawners"]
    assert f"127.0.0.1:{port}" in bad["error"] or "connect" in bad["error"].lower()
    assert [d["verdict"] for d in good["decisions"]] == ["create"]


def test_nothing_is_concluded_from_failure(engine, serve):
    """The Task stays, is not made anew, and the next good cycle goes on where the last one was."""
    answers = [sends(GOOD), sends("[]", status=500), sends("null"), truncated, sends(GOOD)]
    server = serve(lambda h: answers[len(server.requests) - 1](h))
    file = engine.write(spawner("s", server.url))
    engine("once", "-f", file, code=0)
    before = engine.tasks()
    assert len(before) == 1
    for _ in range(3):
        engine("once", "-f", file, code=1)
        status = engine.spawner("s")["status"]
        assert status["phase"] == "Failed"
        assert {c["type"]: c["status"] for c in status["conditions"]}["SourceReachable"] == "False"
        assert status["totalTasksCreated"] == 1, "the last good counters are kept"
    decision, = engine.decisions("once", "-f", file)["s"]
    assert decision["reason"] == "dedup.active"
    assert engine.tasks() == before
    status = engine.spawner("s")["status"]
    assert status["phase"] == "Running"
    assert {c["type"]: c["status"] for c in status["conditions"]}["SourceReachable"] == "True"
