"""record: what a real Alertmanager answers, poll after poll, into a directory that survives whatever ends the recorder."""
import base64
import json
import signal
import subprocess
import time

import pytest

import harness
from harness import sends, spawner, wait_until

A = {"alertname": "DiskFull", "instance": "db-1.example:9100", "team": "db"}
B = {"alertname": "DiskFull", "instance": "db-2.example:9100", "team": "db"}


def lines(directory):
    """The recording as `zstdcat DIR/*.zst` shows it; a cut end of a segment is left out."""
    found = []
    for path in sorted(directory.glob("*.jsonl.zst")):
        text = subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=False).stdout.decode()
        found += [json.loads(x) for x in text.split("\n")[:-1]]
    return found


def polls(directory):
    return [x for x in lines(directory) if "recording" not in x]


def record(engine, directory, *args):
    return engine.start("record", directory, "--interval", "1s", *args)


def recorded(directory, n):
    return wait_until(lambda: len(p := polls(directory)) >= n and p, f"{n} polls are recorded")


def test_what_is_recorded(engine, every_am, tmp_path):
    every_am.fire(A, {"summary": "Disk of db-1 is full"})
    every_am.fire(B)
    every_am.silence(B)
    where = tmp_path / "rec"
    done = engine("record", where, "--alertmanager", every_am.url + "/", "--interval", "1s", "--for", "3s", code=0)
    head, *rest = lines(where)
    assert head["recording"] == 1 and head["urls"] == [every_am.url] and head["interval"] == 1
    assert f"{len(rest)} polls recorded" in done.stdout and 2 <= len(rest) <= 4
    for p in rest:
        assert p["url"] == every_am.url and p["status"] == 200
        assert [a["labels"] for a in p["alerts"]] == [A]  # a silenced one is not asked for
    shown, = every_am.ask("GET", "/alerts?silenced=false")
    assert rest[-1]["alerts"] == [shown]  # verbatim
    assert oct(where.stat().st_mode & 0o777) == "0o700"
    times = [harness.parse_moment(p["time"]) for p in rest]
    assert all(0.7 < b - a < 3 for a, b in zip(times, times[1:]))


def test_it_goes_on_after_kill(engine, am, tmp_path):
    am.fire(A)
    where = tmp_path / "rec"
    first = record(engine, where, "--alertmanager", am.url)
    recorded(where, 2)
    first.kill()
    before = polls(where)
    second = record(engine, where, "--alertmanager", am.url)
    recorded(where, len(before) + 2)
    code, took = second.terminate()
    assert code == 0 and took < 5
    after = polls(where)
    assert after[:len(before)] == before  # what was there is untouched
    assert len(list(where.glob("*.zst"))) == 2
    seen = json.loads(engine("replay", where, "-f", engine.write(spawner("s", am.url, when={"pollInterval": "5s"})),
                             "-o", "json", code=0).stdout)
    assert seen["polls"] == len(after) and seen["failedPolls"] == 0


def test_failed_polls_are_recorded_as_such(engine, am, tmp_path):
    am.fire(A)
    where = tmp_path / "rec"
    r = record(engine, where, "--alertmanager", am.url)
    recorded(where, 1)
    am.stop()
    wait_until(lambda: sum("failed" in p for p in polls(where)) >= 2, "failed polls")
    am.start()
    am.fire(A)
    wait_until(lambda: "alerts" in polls(where)[-1], "it answers again")
    assert r.terminate()[0] == 0
    failed = [p for p in polls(where) if "failed" in p]
    assert all(p["kind"] == "unreachable" and p["status"] == 0 and "alerts" not in p for p in failed)
    assert all(am.url not in p["failed"] for p in failed)
    assert r.stderr.count("recorded as a failed poll") == 1  # said once, not every second
    assert "answers again" in r.stderr
    assert f"{len(failed)} of them failed" in r.stdout


def cut_short(handler):
    harness.send(handler, '[{"labels":{},', length=9000)


@pytest.mark.parametrize("answer, kind", [
    (sends('[{"labels":'), "invalid"), (cut_short, "unreachable"), (sends("<html>password: hunter2</html>", content_type="text/html"), "invalid"),
    (sends('{"password":"hunter2"}'), "invalid"), (sends("hunter2", status=500), "unreachable"), (sends('[{"a":hunter2}]'), "invalid")])
def test_what_is_no_answer_is_not_recorded_as_one(engine, serve, tmp_path, answer, kind):
    server = serve(answer)
    where = tmp_path / "rec"
    engine("record", where, "--alertmanager", server.url, "--for", "1s", "--timeout", "2s", code=0)
    p, = polls(where)
    assert "alerts" not in p and p["kind"] == kind and p["failed"]
    assert "hunter2" not in json.dumps(lines(where))


def test_credentials_are_sent_and_not_recorded(engine, serve, tmp_path):
    server = serve(sends("[]"))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "am"},
              "stringData": {"ALERTMANAGER_USER": "polly", "ALERTMANAGER_PASSWORD": "hunter2"}}
    file = engine.write(spawner("s", server.url, when={"secretRef": {"name": "am"}}),
                        spawner("same", server.url, when={"secretRef": {"name": "am"}}), secret)
    where = tmp_path / "rec"
    done = engine("record", where, "-f", file, "--for", "1s", code=0)
    (_, query, headers), = server.requests  # two spawners, one Alertmanager
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"polly:hunter2").decode()
    assert "filter" not in query  # whatever the documents select
    assert "hunter2" not in json.dumps(lines(where)) + done.stdout + done.stderr
    refused = engine("record", where, "--alertmanager", "http://polly:hunter2@127.0.0.1:9", code=2)
    assert "hunter2" not in refused.stderr and "put them into a Secret" in refused.stderr
    assert "hunter2" not in json.dumps(lines(where))


def test_redaction_keeps_identity(engine, am, tmp_path):
    am.fire(A, {"summary": "Disk of db-1.example:9100 is full; token=abcdefgh1234", "runbook": "https://wiki.example/disk"})
    am.fire(B, {"summary": "fine"})
    where = tmp_path / "rec"
    rules = ["--redact", "label=instance", "--redact", "annotation=runbook", "--redact", "secrets"]
    for _ in range(2):  # the second start knows the names of the first
        engine("record", where, "--alertmanager", am.url, "--interval", "1s", "--for", "2s", *rules, code=0)
    text = json.dumps(lines(where))
    for gone in ("example", "abcdefgh1234"):
        assert gone not in text
    seen = {(a["fingerprint"], a["labels"]["instance"]) for p in polls(where) for a in p["alerts"]}
    assert seen == {(am.find(A)["fingerprint"], "instance-1"), (am.find(B)["fingerprint"], "instance-2")} or \
        seen == {(am.find(A)["fingerprint"], "instance-2"), (am.find(B)["fingerprint"], "instance-1")}
    table = [json.loads(x) for x in (where / "pseudonyms.jsonl").read_text().splitlines()]
    assert {x["value"] for x in table} == {A["instance"], B["instance"], "https://wiki.example/disk"}
    assert oct((where / "pseudonyms.jsonl").stat().st_mode & 0o777) == "0o600"


def test_wrong_usage(engine, tmp_path):
    assert "nobody to ask" in engine("record", tmp_path / "r", code=2).stderr
    assert "a name is missing" in engine("record", "--alertmanager", "http://127.0.0.1:9", code=2).stderr
    bad = engine("record", tmp_path / "r", "--alertmanager", "http://127.0.0.1:9", "--redact", "instance", code=2).stderr
    assert "must be label=NAME" in bad
    (tmp_path / "file").write_text("")
    assert "is a directory, and this is a file" in engine("record", tmp_path / "file", "--alertmanager", "http://127.0.0.1:9", code=1).stderr


def test_an_interrupt_ends_it_at_once(engine, serve, tmp_path):
    held = []
    server = serve(harness.hangs(held))
    held.append(server)
    r = record(engine, tmp_path / "rec", "--alertmanager", server.url)
    wait_until(lambda: server.requests, "it asks")
    r.process.send_signal(signal.SIGINT)
    start = time.monotonic()
    assert r.process.wait(harness.PATIENCE) == 0 and time.monotonic() - start < 10
    assert polls(tmp_path / "rec") == []  # it was our end, not a failed poll
