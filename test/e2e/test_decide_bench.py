"""decide: one alert on the command line; bench: what hooks cost over a recording."""
import json

import pytest

import harness
import model
from harness import spawner
from test_replay import URL, Tape, policies

PAYMENTS = """
return policy.extend(policy.base, {
  api = 1, name = "payments", match = 'team="payments"',
  reasons = {noise = "below the paging threshold"},
  filter = function(alert, ctx)
    if alert.labels.severity == "info" then return false, "noise" end
    if alert.annotations.broken then error("broken") end
    return time.within(ctx.now, "09:00-17:00", "UTC"), "at night"
  end,
})
"""


@pytest.fixture
def where(tmp_path):
    return policies(tmp_path, "p", **{"10-payments": PAYMENTS})


@pytest.mark.parametrize("args, expect, code", [
    (["severity=info"], "drop", 0), (["severity=info"], "drop:noise", 0), (["severity=info"], "drop:policy.noise", 0),
    (["severity=info"], "skip", 0), (["severity=info"], "drop:policy.filter", 1), (["severity=info"], "keep", 1),
    (["severity=info"], "error", 1), (["severity=critical"], "keep", 0), (["severity=critical"], "create", 0),
    (["severity=critical"], "keep:create.new", 0), (["severity=critical"], "drop", 1),
    (["severity=critical", "--annotation", "broken=yes"], "error", 0),
    (["severity=critical", "--annotation", "broken=yes"], "error:policy.error", 0),
    (["severity=critical", "--annotation", "broken=yes"], "keep", 1)])
def test_expectations(engine, where, args, expect, code):
    done = engine("decide", "alertname=X", "team=payments", *args, "--policies", where, "--at", "2026-03-04T12:00:00Z",
                  "--expect", expect, code=code)
    assert ("expected " + expect in done.stderr) == (code == 1)


def test_another_time(engine, where):
    args = ["decide", "alertname=X", "team=payments", "--policies", where]
    engine(*args, "--at", "2026-03-04T12:00:00Z", "--expect", "keep", code=0)
    done = engine(*args, "--at", "2026-03-04T03:00:00Z", "--expect", "drop:policy.filter", code=0)
    assert "at night" in done.stdout and "10-payments.lua:8" in done.stdout  # the line that decided


def test_without_policies_and_with_a_document(engine):
    engine("decide", "alertname=X", "--expect", "keep", code=0)
    file = engine.write(spawner("s", URL, when={"alertNames": ["Other"]}), spawner("t", URL))
    done = engine("decide", "alertname=X", "-f", file, "--spawner", "s", "--expect", "drop:source.alertname", code=0)
    assert "t:" not in done.stdout
    done = engine("decide", "alertname=X", "-f", file, "--expect", "keep", code=1)  # all that are asked must agree
    assert "default/s: drop source.alertname" in done.stdout and "default/t: keep create.new" in done.stdout
    engine("decide", "alertname=X", "-f", file, "--spawner", "no", code=1)


def test_the_record(engine, where):
    labels = {"alertname": "Ünï \"x\"", "team": "payments", "a": "b=c"}
    decision, = json.loads(engine("decide", *[f"{k}={v}" for k, v in labels.items()], "--policies", where, "--at",
                                  "2026-03-04T12:00:00Z", "-o", "json", code=0).stdout)
    assert decision["fingerprint"] == model.fingerprint(labels)  # as Alertmanager counts it
    assert decision["policy"] == "payments" and decision["chain"] and decision["labels"] == labels


@pytest.mark.parametrize("args, says", [
    ([], "a name is missing"), (["alertname"], "write NAME=VALUE"), (["a=1", "a=2"], "given twice"),
    (["a=1", "--expect", "maybe"], "must be keep, drop, wait or error"), (["a=1", "--annotation", "x"], "is no annotation")])
def test_wrong_usage(engine, args, says):
    assert says in engine("decide", *args, code=2).stderr


HEAVY = """
return policy.extend(policy.base, {
  api = 1, name = "heavy", match = 'team="heavy"',
  filter = function(alert)
    local sum = 0
    for i = 1, alert.labels.deep and 200000 or 10 do sum = sum + i % 7 end
    return sum > 0
  end,
})
"""


def test_bench(engine, tmp_path):
    tape = Tape(tmp_path / "tape.jsonl")
    tape.fires({"alertname": "A", "team": "heavy"}, 0, 900)
    tape.fires({"alertname": "B", "team": "heavy"}, 0, 900)
    tape.fires({"alertname": "C", "team": "heavy", "deep": "yes"}, 240, 900)
    tape.fires({"alertname": "D"}, 0, 900)
    tape.write(600, step=120)
    where = policies(tmp_path, "p", heavy=HEAVY)
    args = ["bench", tape.path, "-f", engine.write(spawner("s", URL, when={"pollInterval": "2m"})), "--policies", where]
    report = json.loads(engine(*args, "-o", "json", code=0).stdout)
    assert report["polls"] == 5
    hooks = {(h["policy"], h["hook"]): h for h in report["hooks"]}
    f = hooks["heavy", "filter"]
    assert f["calls"] == 5 + 5 + 3
    # Lua counts: 200,000 turns of a few instructions each, and next to nothing for the others
    assert 590_000 < f["instructions"]["max"] < 2_000_000 and 30 < f["instructions"]["p50"] < 1000
    assert f["instructions"]["p99"] <= f["instructions"]["max"]
    assert f["budgetShare"] == pytest.approx(f["instructions"]["max"] / 2_000_000) or f["budgetShare"] > 0.3
    assert hooks["default", "filter"]["calls"] == 5 and hooks["default", "filter"]["instructions"]["max"] < 1000
    assert hooks["heavy", "title"]["calls"] == 3 and hooks["default", "title"]["calls"] == 1  # of new Tasks only
    total = hooks["heavy", ""]
    assert total["calls"] == f["calls"] and total["instructions"]["max"] >= f["instructions"]["max"]
    again = json.loads(engine(*args, "-o", "json", code=0).stdout)
    assert [h["instructions"] for h in again["hooks"]] == [h["instructions"] for h in report["hooks"]]


def test_bench_warns_of_what_is_near_its_budget(engine, tmp_path):
    tape = Tape(tmp_path / "tape.jsonl")
    tape.fires({"alertname": "A", "team": "heavy", "deep": "yes"}, 0, 900)
    tape.write(240, step=120)
    file = engine.write(spawner("s", URL))
    light = engine("bench", tape.path, "-f", file, code=0)
    assert "Warning" not in light.stderr and "filter" in light.stdout
    heavy = policies(tmp_path, "p", heavy=HEAVY.replace("200000", "400000"))
    done = engine("bench", tape.path, "-f", file, "--policies", heavy, code=0)
    assert "policy heavy: filter takes up to" in done.stderr and "of the 2000000 that it may" in done.stderr
    assert "no policy judged" in engine("bench", tape.path, "-f", engine.write(spawner("s", URL, when={"alertNames": ["no"]})), code=1).stderr
