"""Policies that change while `run` goes on: whole updates only, last good versions, and what status and log say of it."""
import json
import re
import shutil
import time

import model
from harness import alert_json, sends, spawner, wait_until

TITLE = {"promptTemplate": "{{.Title}}"}


def doc(url, **more):
    return spawner("s", url, when={"pollInterval": "5s"}, template=TITLE, **more)


def policy(title, name="mine", more=""):
    return (f'return policy.extend(policy.base, {{ api = 1, name = "{name}", match = \'alertname!=""\', {more}\n'
            f'title = function(alert) return {title} .. " " .. alert.name end }})')


class ConfigMap:
    """A directory as kubelet mounts it: names -> ..data/names, ..data -> ..N, replaced by a rename."""

    def __init__(self, directory):
        self.directory = directory
        self.n = 0
        directory.mkdir()

    def update(self, **sources):
        self.n += 1
        fresh = self.directory / f"..{self.n}"
        fresh.mkdir()
        for name, source in sources.items():
            (fresh / f"{name}.lua").write_text(source)
        tmp = self.directory / "..data_tmp"
        tmp.symlink_to(fresh.name)
        tmp.replace(self.directory / "..data")
        for name in sources:
            link = self.directory / f"{name}.lua"
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}.lua")
        for link in self.directory.glob("*.lua"):
            if link.stem not in sources:
                link.unlink()
        if self.n > 1:
            shutil.rmtree(self.directory / f"..{self.n - 1}")


def condition(engine, name="PolicyReady"):
    listed = json.loads(engine("get", "spawners", "-o", "json", code=0).stdout)["items"]
    found = [c for s in listed for c in s.get("status", {}).get("conditions", []) if c["type"] == name]
    return found[0] if found else {"status": "", "message": ""}


def titles(engine):
    """{alertname: prompt}"""
    return {t["metadata"]["annotations"]["alerts.kelos.dev/alertname"]: t["spec"]["prompt"]
            for t in engine.tasks().values()}


def hash_of(engine, directory, name="mine"):
    """As `check` prints it."""
    done = engine("check", "--policies", directory, code=0)
    return re.search(rf"^policy {name} .*; hash ([0-9a-f]{{32}})", done.stdout, re.M)[1]


def put(path, text):
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def test_swaps_of_a_config_map_under_load(am, engine):
    """Every Task is made by one update's policy with the same update's library, and by the one that lay there when the
    cycle began or a later one."""
    mount = ConfigMap(engine.directory / "mount")

    def update(n):
        mount.update(mine=f'local lib = include "lib_n"\n{policy(f"{chr(34)}p{n} {chr(34)} .. lib")}',
                     other=policy('"other"', "other").replace('alertname!=""', 'alertname="Nobody"'),
                     lib_n=f'return "l{n}"')
    update(1)
    run = engine.start("run", "-f", engine.write(doc(am.url)), "--policies", mount.directory)
    hashes = {}
    for n in range(1, 5):
        if n > 1:
            update(n)
            wait_until(lambda: run.stderr.count("1 changed, 2 in all, generation ") == n - 1, f"update {n} is taken up")
        name = f"A{n}"
        hashes[name] = hash_of(engine, mount.directory)
        am.fire({"alertname": name})
        wait_until(lambda: name in titles(engine), f"a Task for {name}")
        assert titles(engine)[name] == f"p{n} l{n} {name}"
    for n in range(5, 25):  # faster than they can be taken up
        update(n)
        am.fire({"alertname": f"A{n}"})
    wait_until(lambda: len(titles(engine)) == 24, "all Tasks")
    for name, title in titles(engine).items():
        p, lib, alert = title.split()
        assert p[1:] == lib[1:] and alert == name
    made_by = {t["metadata"]["annotations"]["alerts.kelos.dev/alertname"]:
               t["metadata"]["annotations"]["alerts.kelos.dev/policy-hash"] for t in engine.tasks().values()}
    assert len(set(hashes.values())) == 4
    assert {name: made_by[name] for name in hashes} == hashes, "Tasks name the version that made them"
    assert condition(engine)["status"] == "True"
    assert run.terminate()[0] == 0


def test_decisions_name_the_version(am, engine):
    """The hash of an edited policy in the decisions of `plan`."""
    directory = engine.policies(mine=policy('"one"'))
    file = engine.write(doc(am.url))
    am.fire({"alertname": "A"})
    first, = engine.decisions("plan", "-f", file, "--policies", directory)["s"]
    assert first["policyHash"] == hash_of(engine, directory)
    put(directory / "mine.lua", policy('"two"'))
    second, = engine.decisions("plan", "-f", file, "--policies", directory)["s"]
    assert second["policyHash"] == hash_of(engine, directory) != first["policyHash"]


def test_a_broken_update_keeps_the_last_good_version(am, engine):
    directory = engine.policies(mine=policy('"good"'))
    good = hash_of(engine, directory)
    am.fire({"alertname": "A"})
    run = engine.start("run", "-f", engine.write(doc(am.url)), "--policies", directory)
    wait_until(lambda: "A" in titles(engine), "a Task")
    wait_until(lambda: condition(engine)["status"] == "True", "the policy is ready")

    put(directory / "mine.lua", "return {\n\nfilter = = 1 }")
    says = wait_until(lambda: condition(engine)["status"] == "False" and condition(engine)["message"], "the status says so")
    assert re.match(rf"mine\.lua:3: .*; its last good version {good[:12]} of \d{{4}}-.*Z serves$", says), says
    done = engine("check", "--policies", directory, code=1)
    sentence = done.stderr.strip().removeprefix("Error: ")
    assert says.startswith(sentence + "; its last good version "), "check says the same"
    am.fire({"alertname": "B"})
    wait_until(lambda: "B" in titles(engine), "a Task by the last good version")
    assert titles(engine)["B"] == "good B"
    log = run.stderr
    assert log.count(sentence) == 1, "each problem is logged once"
    assert "policies: 0 changed, 1 kept at its last good version, 1 in all, generation " in log

    put(directory / "mine.lua", policy('"mended"'))
    wait_until(lambda: condition(engine)["status"] == "True", "the status says that it is mended")
    am.fire({"alertname": "C"})
    wait_until(lambda: "C" in titles(engine), "a Task by the new version")
    assert titles(engine)["C"] == "mended C"
    assert "policies: 1 changed, 1 in all, generation " in run.stderr
    assert run.terminate()[0] == 0


def test_warnings_are_logged_once(engine, serve):
    server = serve(sends("[]"))
    doubtful = policy('alert.annotations.summary .. "x"')
    directory = engine.policies(mine=doubtful)
    run = engine.start("run", "-f", engine.write(doc(server.url)), "--policies", directory)
    wait_until(lambda: "warn" in run.stderr, "a warning")
    put(directory / "mine.lua", doubtful + "\n-- another version, the same doubt")
    wait_until(lambda: "policies: 1 changed, 1 in all" in run.stderr, "the change is taken up")
    put(directory / "mine.lua", doubtful.replace("summary", "description"))
    wait_until(lambda: "annotation 'description'" in run.stderr, "another warning")
    said = re.findall(r"policies: mine\.lua:\d+: the annotation '(\w+)'", run.stderr)
    assert said == ["summary", "description"]
    assert condition(engine)["status"] == "True"


def test_one_that_never_loaded_fails_closed(engine, serve):
    server = serve(sends(json.dumps([alert_json({"alertname": "A"})])))
    directory = engine.policies(mine="return {")
    run = engine.start("run", "-f", engine.write(doc(server.url)), "--policies", directory)
    wait_until(lambda: "policy.load: mine.lua:1: " in run.stderr, "the alert is refused, and why")
    assert condition(engine)["message"].startswith("mine.lua:1: ")
    time.sleep(0.5)
    assert not engine.tasks()
    put(directory / "mine.lua", policy('"mended"'))
    wait_until(lambda: titles(engine) == {"A": "mended A"}, "a Task once it is mended")


def test_one_unit_does_not_hold_up_another(am, engine):
    directory = engine.policies(a=policy('"a1"', "a").replace('alertname!=""', 'team="a"'),
                                b=policy('"b1"', "b").replace('alertname!=""', 'team="b"'))
    run = engine.start("run", "-f", engine.write(doc(am.url)), "--policies", directory)
    wait_until(lambda: "policies: 2 in all, generation" in run.stderr, "both serve")
    (directory / "a.lua").write_text("return {")
    put(directory / "b.lua", policy('"b2"', "b").replace('alertname!=""', 'team="b"'))
    wait_until(lambda: "1 changed, 1 kept at its last good version, 2 in all" in run.stderr, "the change is taken up")
    am.fire({"alertname": "A", "team": "a"})
    am.fire({"alertname": "B", "team": "b"})
    wait_until(lambda: len(titles(engine)) == 2, "Tasks")
    assert titles(engine) == {"A": "a1 A", "B": "b2 B"}


def test_a_policy_that_goes(am, engine):
    directory = engine.policies(mine=policy('"mine"'), other=policy('"other"', "other").replace('alertname!=""', 'x="y"'))
    run = engine.start("run", "-f", engine.write(doc(am.url)), "--policies", directory)
    am.fire({"alertname": "A"})
    wait_until(lambda: titles(engine) == {"A": "mine A"}, "a Task")
    (directory / "mine.lua").unlink()
    wait_until(lambda: "0 changed, 1 gone, 1 in all" in run.stderr, "the change is taken up")
    am.fire({"alertname": "B"})
    wait_until(lambda: titles(engine) == {"A": "mine A", "B": "B"}, "a Task by the default policy")


def test_a_directory_that_cannot_be_read_changes_nothing(am, engine):
    directory = engine.policies(mine=policy('"mine"'))
    run = engine.start("run", "-f", engine.write(doc(am.url)), "--policies", directory)
    wait_until(lambda: "policies: 1 in all" in run.stderr, "it serves")
    directory.rename(directory.with_name("away"))
    wait_until(lambda: "what served before goes on serving" in run.stderr, "the log says so")
    am.fire({"alertname": "A"})
    wait_until(lambda: titles(engine) == {"A": "mine A"}, "a Task")
    assert "No such file or directory" in condition(engine)["message"]
    run.terminate()
    file = engine.write(doc(am.url))
    for verb in ("run", "once", "plan", "check"):
        done = engine(verb, "-f", file, "--policies", directory, code=1)
        assert str(directory) in done.stderr and "No such file or directory" in done.stderr, "to begin with, it is an error"


def test_every_spawner_takes_the_change(engine, serve):
    """Long before its pollInterval has passed, and without polling twice at the beginning."""
    names = ["a", "b", "c"]
    server = serve({f"/{n}": sends(json.dumps([alert_json({"alertname": n})])) for n in names})
    directory = engine.policies(mine=policy('"x"', more="filter = function() return false end,"))
    documents = [spawner(n, f"{server.url}/{n}", when={"pollInterval": "1h"}, template=TITLE) for n in names]
    run = engine.start("run", "-f", engine.write(*documents), "--policies", directory)
    wait_until(lambda: run.stderr.count("cycle done") == 3, "first cycles")
    time.sleep(1.5)
    assert len(server.requests) == 3
    put(directory / "mine.lua", policy('"x"'))
    wait_until(lambda: titles(engine) == {n: f"x {n}" for n in names}, "Tasks")
    assert len(server.requests) == 6


def test_model_of_the_hash(engine):
    """The hash is of the file and its libraries: name, NUL, source, NUL."""
    source, lib = 'local x = include "lib_b" include "lib_a" return { api = 1, name = "mine" }', "return 1"
    directory = engine.policies(mine=source)
    for name in ("lib_a", "lib_b", "lib_unused"):
        (directory / f"{name}.lua").write_text(lib)
    files = ("mine.lua", source), ("lib_a.lua", lib), ("lib_b.lua", lib)
    assert hash_of(engine, directory) == model.policy_hash(*((name, text.encode()) for name, text in files))
