"""`alertspawner spec` as its user runs it: exit codes, every output read by who is meant to read it, files it may and may
not read, specs that misbehave, --watch, and the gate before a policy serves."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest

from harness import alert_json, alertspawner, spawner, wait_until

PAYMENTS = """return policy.extend(policy.base, {
  api = 1,
  name = "payments",
  match = 'team="payments"',
  reasons = { noise = "below paging threshold", never = "nobody gives this one" },
  filter = function(alert, ctx, super)
    if alert.labels.severity == "warning" then
      return false, "noise"
    elseif alert.labels.severity == "nobody" then
      return false, "never"
    end
    return super()
  end,
})
"""
GOOD = """local p = policies.load "payments.lua"
describe("payments", function()
  it("drops warnings #fast", function()
    assert.drops(p:decide(alert{alertname = "A", severity = "warning"}), "noise")
  end)
  it("keeps what is critical #slow", function()
    assert.keeps(p:decide(alert{alertname = "A", severity = "critical"}))
  end)
end)
"""
MIXED = """describe("mixed", function()
  it("passes", function() assert.is_true(true) end)
  it("fails <&\\" \\27[31m", function() assert.same({a = {b = 1}}, {a = {b = 2}}) end)
  it("breaks", function() error("boom") end)
  pending("comes later")
  it("prints", function() print("said", 1, nil) end)
end)
"""


class Project:
    """A directory with policies/ and spec/, and the program in it."""

    def __init__(self, directory):
        self.directory = directory
        self.write("policies/payments.lua", PAYMENTS)

    def write(self, path, text):
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def __call__(self, *args, code=0, **more):
        done = subprocess.run([alertspawner(), "spec", *map(str, args)], cwd=self.directory, capture_output=True, text=True,
                              timeout=300, **more)
        assert done.returncode == code, f"exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
        return done

    def lines(self, *args, code=0):
        return [json.loads(line) for line in self(*args, "-o", "jsonl", code=code).stdout.splitlines()]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project")


# Ten times as slow with sanitizers: what is not about time has as much as it wants.
PATIENT = ("--timeout", "60s")


def by_test(lines):
    return {line["name"]: line for line in lines if line["kind"] == "test"}


def test_exit_codes(project):
    project("spec", code=1)  # no such directory
    project.write("spec/payments_spec.lua", GOOD)
    project(*PATIENT)
    project("--no-such-option", code=2)
    project("-o", "nonsense", code=2)
    project("--coverage-min", "101", code=2)
    project("-t", "fast", "--exclude-tags", "fast", code=2)
    project("--helper", "none.lua", code=2)
    project("-r", "task", code=2)
    said = project("--filter", "nothing is called so", code=1).stderr
    assert "no test ran" in said
    project("--filter", "nothing is called so", "--allow-empty")
    project.write("spec/mixed_spec.lua", MIXED)
    project(*PATIENT, code=1)
    project("nowhere_spec.lua", code=1)
    assert "Usage" in project("--help").stdout
    assert re.match(r"\d+\.\d+\.\d+$", project("--version").stdout)


def test_which_tests_run(project):
    project.write("spec/payments_spec.lua", GOOD)
    project.write("spec/below/more_spec.lua", 'it("below", function() end)')
    project.write("spec/other.lua", 'it("other", function() end)')
    project.write("spec/.hidden_spec.lua", 'it("hidden", function() end)')
    fast, slow = "payments drops warnings #fast", "payments keeps what is critical #slow"

    def names(*args, code=0):
        return set(by_test(project.lines(*PATIENT, *args, code=code)))
    assert names() == {fast, slow, "below"}
    assert names("--no-recursive") == {fast, slow}
    assert names("-t", "fast") == {fast}
    assert names("--exclude-tags", "fast") == {slow, "below"}
    assert names("-t", "fa", "--exact-tags", "--allow-empty") == set()
    assert names("--filter", "critical") == {slow}
    assert names("--filter-out", "payments") == {"below"}
    assert names("--name", slow) == {slow}
    assert names("-p", "^other%.lua$") == {"other"}
    assert names("-p", "other", "--exclude-pattern", "th", "--allow-empty") == set()
    assert names("spec/other.lua") == {"other"}, "a file that is named needs no pattern"
    assert names("-C", "spec", "below") == {"below"}
    listed = project("-l").stdout.splitlines()
    assert f"spec/payments_spec.lua:3: {fast}" in listed and len(listed) == 3
    shuffled = project.lines(*PATIENT, "--shuffle", "--seed", "7")[-1]
    assert shuffled["seed"] == 7 and shuffled["shuffled"] and shuffled["successes"] == 3
    again = [line["name"] for line in project.lines(*PATIENT, "--shuffle", "--seed", "7") if line["kind"] == "test"]
    assert again == [line["name"] for line in project.lines(*PATIENT, "--shuffle", "--seed", "7") if line["kind"] == "test"]
    rounds = [line for line in project.lines(*PATIENT, "--repeat", "3") if line["kind"] == "summary"]
    assert [(r["run"], r["successes"]) for r in rounds] == [(1, 3), (2, 3), (3, 3)]


def test_options_of_a_file(project):
    project.write("spec/payments_spec.lua", GOOD)
    project.write(".busted", 'return {_all = {output = "jsonl", timeout = 60}, default = {tags = "fast"}, slow = {tags = "slow"}}')
    said = [json.loads(line) for line in project().stdout.splitlines()]
    assert set(by_test(said)) == {"payments drops warnings #fast"}
    said = [json.loads(line) for line in project("-r", "slow").stdout.splitlines()]
    assert set(by_test(said)) == {"payments keeps what is critical #slow"}
    project("-r", "none", code=2)
    project.write(".busted", "return {")
    assert ".busted" in project(code=2).stderr


def test_stops_at_the_first_failure(project):
    project.write("spec/a_spec.lua", 'it("one", function() error("x") end) it("two", function() end)')
    project.write("spec/b_spec.lua", 'it("three", function() end)')
    tests = by_test(project.lines("-k", code=1))
    assert set(tests) == {"one"}
    assert set(by_test(project.lines(code=1))) == {"one", "two", "three"}


def test_terminal_and_plain(project):
    project.write("spec/mixed_spec.lua", MIXED)
    said = project(*PATIENT, "-o", "plain", code=1).stdout
    assert "3 successes / 1 failure / 1 error / 1 pending : " not in said
    assert "2 successes / 1 failure / 1 error / 1 pending : " in said
    assert "Failure -> spec/mixed_spec.lua @ 3" in said and "\x1b" not in said
    assert "a.b: expected" in said or "Expected objects to be the same" in said
    assert "said\t1\tnil" in said
    verbose = project(*PATIENT, "-o", "plain", "-v", code=1).stdout
    assert re.search(r"mixed passes \(\d+\.\d ms\)", verbose) and "stack traceback" in verbose


def test_a_failure_tells_how_it_was_decided(project):
    project.write("spec/payments_spec.lua", GOOD.replace('"warning"', '"critical"'))
    said = project(*PATIENT, "-o", "plain", code=1).stdout
    assert "drop (noise)" in said
    assert re.search(r"filter +true   payments\.lua:12\n +return super\(\)\n +read labels\.severity = critical", said), said
    failed = by_test(project.lines(*PATIENT, code=1))["payments drops warnings #fast"]
    decision = failed["decisions"][-1]
    assert decision["policy"] == "payments" and decision["verdict"] == "keep"
    assert decision["chain"][0]["by"] == "payments.lua:12"


def test_tap(project):
    project.write("spec/mixed_spec.lua", MIXED)
    lines = [line for line in project(*PATIENT, "-o", "TAP", code=1).stdout.splitlines() if not line.startswith("#")]
    assert lines[0] == "ok 1 - mixed passes"
    assert lines[1].startswith("not ok 2 - mixed fails <&")
    assert lines[2] == "not ok 3 - mixed breaks"
    assert re.match(r"ok 4 - # SKIP ", lines[3])
    assert lines[-2] == "ok 5 - mixed prints" and lines[-1] == "1..5"


def test_junit(project):
    project.write("spec/mixed_spec.lua", MIXED)
    project.write("spec/payments_spec.lua", GOOD)
    project(*PATIENT, "-o", "plain", "-o", "junit:out.xml", code=1)
    root = ElementTree.parse(project.directory / "out.xml").getroot()
    assert root.tag == "testsuites" and root.get("tests") == "7"
    suites = {suite.get("name"): suite for suite in root}
    mixed = suites["spec/mixed_spec.lua"]
    assert (mixed.get("tests"), mixed.get("failures"), mixed.get("errors"), mixed.get("skipped")) == ("5", "1", "1", "1")
    kinds = [[child.tag for child in case] for case in mixed]
    assert kinds == [[], ["failure"], ["error"], ["skipped"], []]
    assert mixed[1].get("name") == 'mixed fails <&" \ufffd[31m' and mixed[1].get("classname") == "spec/mixed_spec.lua:3"
    assert mixed[1][0].text.startswith("spec/mixed_spec.lua:3: Expected objects to be the same")


def test_json_lines(project):
    project.write("spec/mixed_spec.lua", MIXED)
    lines = project.lines(*PATIENT, code=1)
    tests = by_test(lines)
    statuses = [test["status"] for test in tests.values()]
    assert sorted(statuses) == ["error", "failure", "pending", "success", "success"]
    failed = tests['mixed fails <&" \x1b[31m']
    assert failed["diff"] == [{"path": "a.b", "expected": failed["diff"][0]["expected"], "actual": failed["diff"][0]["actual"]}]
    assert failed["at"]["line"] == 3 and failed["file"] == "spec/mixed_spec.lua"
    assert [line["text"] for line in lines if line["kind"] == "print"] == ["said\t1\tnil\n"]
    summary = lines[-1]
    assert (summary["kind"], summary["failures"], summary["errors"]) == ("summary", 1, 1)


def test_github(project):
    project.write("spec/mixed_spec.lua", MIXED)
    said = project(*PATIENT, "-o", "github", code=1).stdout.splitlines()
    errors = [line for line in said if line.startswith("::error ")]
    assert len(errors) == 2
    assert re.match(r"::error file=spec/mixed_spec\.lua,line=3,title=mixed fails <&\" .*::spec/mixed_spec\.lua:3: Expected .*%0A", errors[0])


def test_coverage(project):
    project.write("spec/payments_spec.lua", GOOD)
    said = project(*PATIENT, "-c").stdout
    assert re.search(r"payments\.lua: 1 of 2 reasons; never given: never; its match fits no alert", said)
    assert re.search(r"^ +\d+\.\d %  payments\.lua   not: 10$", said, re.M), said
    coverage = project.lines(*PATIENT, "-c")[-1]["coverage"]
    file, = coverage["files"]
    assert file["file"] == "payments.lua" and file["missed"] == [10] and file["run"] == file["lines"] - 1
    policy, = coverage["policies"]
    assert policy["reasons"] == {"noise": 1, "never": 0} and policy["matched"] == 0 and policy["asked"] == 2
    least = 100 * file["run"] / file["lines"]
    project(*PATIENT, "--coverage-min", f"{least - 1:.1f}")
    assert "less than --coverage-min" in project(*PATIENT, "--coverage-min", f"{least + 1:.1f}", code=3).stderr


def test_files_that_may_be_read(project):
    secret = project.directory.parent / "secret.json"
    secret.write_text('[{"labels": {"alertname": "SECRET"}}]')
    project.write("spec/fixtures/x.json", json.dumps([{"labels": {"alertname": "FromFixture"}}]))
    os.symlink(secret, project.directory / "spec/fixtures/link.json")
    os.symlink("/etc", project.directory / "spec/etc")
    os.mkfifo(project.directory / "spec/fifo.json")
    project.write("spec/files_spec.lua", f"""
local function refused(path)
  local ok, why = pcall(alert.from, path)
  assert.is_false(ok)
  print((tostring(why):gsub("^[^:]+:%d+: ", "")))
  assert.is_nil(tostring(why):find("SECRET"))
end
it("reads a fixture", function() assert.equal("FromFixture", alert.from("x.json").labels.alertname) end)
it("reads nothing else", function()
  refused "{secret}"
  refused "../../secret.json"
  refused "link.json"
  refused "etc/passwd"
  refused "/etc/passwd"
  refused "fifo.json"
  refused "none.json"
end)
it("has no files of its own", function()
  assert.is_nil(io.open("/etc/passwd"))
  assert.is_false((pcall(require, "secret")))
end)
""")
    said = project(*PATIENT).stdout
    assert "leads out of" in said and "is not in" in said


def test_goldens(project):
    project.write("spec/golden_spec.lua", """
local p = policies.load "payments.lua"
it("is as before", function()
  assert.golden("body.txt", p:decide(alert{alertname = "A", severity = "critical"}).body)
end)
it("writes nowhere else", function() assert.golden("../out.txt", "x") end)
""")
    project(*PATIENT, "--name", "is as before", code=1)
    assert not (project.directory / "spec/body.txt").exists()
    project(*PATIENT, "--name", "is as before", "--update-golden")
    assert (project.directory / "spec/body.txt").read_text().startswith("alertname: A")
    project(*PATIENT, "--name", "is as before")
    (project.directory / "spec/body.txt").write_text("alertname: B\n")
    assert "alertname: B" in project(*PATIENT, "--name", "is as before", code=1).stdout
    project(*PATIENT, "--name", "writes nowhere else", "--update-golden", code=1)
    assert not (project.directory / "out.txt").exists()


def test_specs_that_misbehave(project):
    project.write("spec/a_spec.lua", 'it("loops", function() while true do pcall(function() while true do end end) end end)\n'
                                     'it("goes on", function() end)')
    project.write("spec/b_spec.lua", 'it("hangs in C", function() string.rep("x", 40):find(("x*"):rep(30) .. "y") end)\n'
                                     'it("comes after", function() end)')
    project.write("spec/c_spec.lua", 'it("eats memory", function() local t = {} while true do t[#t + 1] = ("x"):rep(1000000) .. #t end end)\n'
                                     'it("still runs", function() end)')
    project.write("spec/d_spec.lua", 'it("leaves", function() os.exit(0) end)')
    project.write("spec/e_spec.lua", 'it("is no Lua", function(')
    project.write("spec/f_spec.lua", 'it("is fine", function() end)')
    project.write("spec/g_spec.lua", 'error("at the top")')
    lines = project.lines("--timeout", "1s", code=1)
    tests = by_test(lines)
    assert "ran longer than 1 s" in tests["loops"]["message"] and tests["loops"]["status"] == "error"
    assert tests["goes on"]["status"] == "success"
    assert "had to be killed" in tests["hangs in C"]["message"] and "comes after" not in tests
    assert "not enough memory" in tests["eats memory"]["message"] and tests["still runs"]["status"] == "success"
    assert tests["leaves"]["status"] == "error" and tests["is fine"]["status"] == "success"
    problems = {line["file"]: line["message"] for line in lines if line["kind"] == "problem"}
    assert "e_spec.lua:1" in problems["spec/e_spec.lua"]
    assert "spec/g_spec.lua" in problems


def test_a_policy_that_kills_its_worker(project):
    project.write("policies/killer.lua", """return policy.extend(policy.base, {api = 1, name = "killer", filter = function(a)
      return ("x"):rep(8000):find(("x*"):rep(20) .. "y") ~= nil end})""")
    project.write("spec/killer_spec.lua", """local p = policies.load "killer.lua"
it("hangs", function() p:decide(alert{alertname = "A"}) end)""")
    test = by_test(project.lines(*PATIENT, code=1))["hangs"]
    assert "in the hook filter of a policy" in test["message"] and "used more than 2s" in test["message"]


def test_budgets_are_those_of_production(project):
    project.write("policies/slow.lua", """return policy.extend(policy.base, {api = 1, name = "slow", filter = function(a)
      for i = 1, 3000000 do end return true end})""")
    project.write("spec/slow_spec.lua", """local p = policies.load "slow.lua"
it("is too slow", function() p:decide(alert{alertname = "A"}) end)""")
    assert "used more than 2000000 instructions" in by_test(project.lines(*PATIENT, code=1))["is too slow"]["message"]


def test_cases_without_code(project):
    project.write("spec/payments_cases.json", json.dumps([
        {"name": "drops warnings", "alert": {"alertname": "A", "severity": "warning"},
         "expect": {"keep": False, "reason": "noise"}},
        {"name": "is wrong", "alert": {"alertname": "A", "severity": "warning"}, "expect": {"keep": True}}]))
    tests = by_test(project.lines(*PATIENT, code=1))
    assert [test["status"] for test in tests.values()] == ["success", "failure"]


def test_a_helper_and_its_arguments(project):
    project.write("helper.lua", "given = table.concat(arg, ',')")
    project.write("spec/h_spec.lua", 'it("sees it", function() assert.equal("a,b", given) end)')
    project("--helper", "helper.lua", "-Xhelper", "a", "-Xhelper", "b")
    project("--helper", "helper.lua", code=1)


def test_all_in_one_worker(project):
    project.write("spec/a_spec.lua", '_G.shared = 1 it("a", function() end)')
    project.write("spec/b_spec.lua", 'it("b", function() assert.equal(1, shared) end)')
    project("--no-auto-insulate")
    project(code=1)


def test_watch(project):
    spec = project.write("spec/x_spec.lua", 'it("is", function() end)')
    out = project.directory.parent / "watch.out"
    with out.open("w") as f:
        run = subprocess.Popen([alertspawner(), "spec", "--watch"], cwd=project.directory, stdout=f, stderr=f)
    try:
        wait_until(lambda: out.read_text().count("waiting for a change") == 1, "the first run")
        assert "1 success / 0 failures" in out.read_text()
        spec.write_text('it("is", function() error("no more") end)')
        wait_until(lambda: out.read_text().count("waiting for a change") == 2, "the second run")
        assert "0 successes / 0 failures / 1 error" in out.read_text()
        project.write("policies/new.lua", "return 1")
        wait_until(lambda: out.read_text().count("waiting for a change") == 3, "a policy changed")
        assert run.poll() is None
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(30)


def test_new_from_a_file(project):
    alert = project.write("alert.json", json.dumps(
        [alert_json({"alertname": "SlowQuery", "team": "payments", "severity": "warning"})]))
    (project.directory / "spec").mkdir()
    said = project("new", "--from", alert, "--policies", "policies").stdout
    assert "1 success / 0 failures" in said
    spec = (project.directory / "spec/payments_SlowQuery_spec.lua").read_text()
    assert 'assert.drops(d, "noise")' in spec
    assert "is there already" in project("new", "--from", alert, "--policies", "policies", code=1).stderr
    project.write("policies/payments.lua", PAYMENTS.replace('"warning"', '"other"'))
    project("--policies", "policies", *PATIENT, code=1)
    project("new", "--from", "none.json", code=1)
    project("new", "--from", "0123456789abcdef", code=2)
    project("new", code=2)


def test_new_from_a_live_alert(project, am):
    found = am.fire({"alertname": "DiskFull", "severity": "critical"})
    said = project("new", "--from", found["fingerprint"], "--alertmanager", am.url).stdout
    assert "1 success" in said
    assert json.loads((project.directory / "default_DiskFull_alert.json").read_text())[0]["fingerprint"] == found["fingerprint"]
    assert "no alert with the fingerprint" in project("new", "--from", "0" * 16, "--alertmanager", am.url, code=1).stderr


# The gate

FAILING = GOOD.replace('"warning"', '"critical"')


def gate(engine, **sources):
    directory = engine.policies(payments=PAYMENTS)
    for name, text in sources.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


def test_check_runs_the_gate(engine):
    directory = gate(engine, payments_spec__lua=GOOD)
    engine("check", "--policies", directory, code=0)
    (directory / "payments_spec.lua").write_text(FAILING)
    said = engine("check", "--policies", directory, code=1).stderr
    assert re.search(r"payments\.lua: its specs fail: payments_spec\.lua:4: payments drops warnings #fast: Expected", said), said
    (directory / "payments_spec.lua").write_text("")
    assert "payments_spec.lua: holds no test" in engine("check", "--policies", directory, code=1).stderr
    (directory / "payments_spec.lua").unlink()
    (directory / "other_spec.lua").write_text(GOOD)
    assert "gates nothing" in engine("check", "--policies", directory, code=0).stderr
    (directory / "other_spec.lua").unlink()
    (directory / "payments_cases.json").write_text('[{"name": "n", "alert": {"alertname": "A"}, "expect": {"keep": false}}]')
    assert "payments_cases.json" in engine("check", "--policies", directory, code=1).stderr


def test_the_gate_of_a_library(engine):
    directory = gate(engine, lib_n__lua='return {n = 1}',
                     lib_n_spec__lua='local n = require "lib_n" it("is one", function() assert.equal(1, n.n) end)')
    (directory / "payments.lua").write_text('local n = include "lib_n"\n' + PAYMENTS)
    engine("check", "--policies", directory, code=0)
    (directory / "lib_n.lua").write_text("return {n = 2}")
    assert "payments.lua: its specs fail: lib_n_spec.lua:1: is one" in engine("check", "--policies", directory, code=1).stderr


def test_a_gate_that_hangs_is_a_failed_gate(engine):
    directory = gate(engine, payments_spec__lua='it("hangs", function() ("x"):rep(40):find(("x*"):rep(30) .. "y") end)')
    said = engine("check", "--policies", directory, code=1, timeout=120).stderr
    assert "payments_spec.lua:1: hangs: the test ran longer than 2s and had to be killed" in said


def document(url):
    return spawner("s", url, when={"pollInterval": "5s"})


def test_once_does_not_act_by_what_fails_its_specs(am, engine):
    directory = gate(engine, payments_spec__lua=FAILING)
    am.fire({"alertname": "A", "team": "payments", "severity": "critical"})
    report = engine.decisions("once", "-f", engine.write(document(am.url)), "--policies", directory, code=1)
    decision, = report["s"]
    assert (decision["verdict"], decision["reason"]) == ("error", "policy.load")
    assert "its specs fail" in decision["detail"]
    assert engine.tasks() == {}
    (directory / "payments_spec.lua").write_text(GOOD)
    decision, = engine.decisions("once", "-f", engine.write(document(am.url)), "--policies", directory)["s"]
    assert decision["verdict"] == "create"


def condition(engine):
    """{} before the first cycle."""
    if engine("get", "spawner", "s").returncode != 0:
        return {"status": "Unknown", "message": ""}
    got = engine.spawner("s")["status"]["conditions"]
    return next(c for c in got if c["type"] == "PolicyReady")


def test_a_change_that_fails_its_specs_is_not_taken(am, engine):
    directory = gate(engine, payments_spec__lua=GOOD, other_spec__lua="")
    run = engine.start("run", "-f", engine.write(document(am.url)), "--policies", directory)
    am.fire({"alertname": "First", "team": "payments", "severity": "critical"})
    wait_until(lambda: len(engine.tasks()) == 1, "a Task by the good version")
    fresh = directory / "payments.new"
    fresh.write_text(PAYMENTS.replace('severity == "warning"', 'severity == "info"'))
    fresh.replace(directory / "payments.lua")
    wait_until(lambda: condition(engine)["status"] == "False", "the status says so")
    message = condition(engine)["message"]
    assert re.match(r"payments\.lua: its specs fail: payments_spec\.lua:4: payments drops warnings #fast: .*; its last good "
                    r"version [0-9a-f]{12} of .*Z serves$", message), message
    am.fire({"alertname": "Second", "team": "payments", "severity": "info"})
    wait_until(lambda: len(engine.tasks()) == 2, "info is kept by the last good version")
    assert run.stderr.count("its specs fail: payments_spec.lua:4") == 1, "each problem is logged once"

    spec = directory / "spec.new"  # the same code, and a spec that fits it: taken up
    spec.write_text(GOOD.replace('"warning"', '"info"'))
    spec.replace(directory / "payments_spec.lua")
    wait_until(lambda: condition(engine)["status"] == "True", "it passes")
    am.fire({"alertname": "Third", "team": "payments", "severity": "warning"})
    wait_until(lambda: len(engine.tasks()) == 3, "a warning is kept by the new version")

    spec.write_text(GOOD)  # and a spec that does not fit any more: the code goes on serving, and the status says so
    spec.replace(directory / "payments_spec.lua")
    wait_until(lambda: condition(engine)["status"] == "False", "the spec fails")
    assert "its specs fail: payments_spec.lua:4" in condition(engine)["message"]
    assert run.terminate()[0] == 0


def test_a_first_start_fails_closed(am, engine):
    """No cycle ever sees the version whose specs fail, not even the first."""
    directory = gate(engine, payments_spec__lua=FAILING)
    am.fire({"alertname": "A", "team": "payments", "severity": "critical"})
    am.fire({"alertname": "B", "team": "other"})
    run = engine.start("run", "-f", engine.write(document(am.url)), "--policies", directory)
    wait_until(lambda: condition(engine)["status"] == "False", "the status says so")
    wait_until(lambda: run.stderr.count("its specs fail") >= 1, "the log says so")
    assert "last good" not in condition(engine)["message"]
    assert all(t["metadata"]["annotations"]["alerts.kelos.dev/alertname"] != "A" for t in engine.tasks().values())
    (directory / "payments_spec.lua").write_text(GOOD)
    wait_until(lambda: any(t["metadata"]["annotations"]["alerts.kelos.dev/alertname"] == "A" for t in engine.tasks().values()),
               "a Task when the specs pass")
    assert run.terminate()[0] == 0
