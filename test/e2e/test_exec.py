"""`run --exec`: the whole loop on one machine."""
import pathlib
import time

import pytest

import harness
import model
from harness import spawner, wait_until


def doc(url, **more):
    template = {"promptTemplate": "{{.Title}}\n{{.Body}}\n\n$HOME `id` 'é'", "branch": "fix/{{.ID}}", "model": "opus",
                "workspaceRef": {"name": "w"}, **more.pop("template", {})}
    return spawner("s", url, when={"pollInterval": "5s"}, template=template, **more)


def phases(engine):
    return {n: t["status"].get("phase", "") for n, t in engine.tasks().items()}


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the second: it went between open and read
        return False
    return "Z" not in stat.rsplit(")", 1)[1].split()[:1]


def numbers(path):
    return [int(x) for x in path.read_text().split()] if path.exists() else []


@pytest.mark.parametrize("code,phase", [(0, "Succeeded"), (3, "Failed")])
def test_what_a_command_is_given(am, engine, tmp_path, code, phase):
    alert = am.fire({"alertname": "A", "x": "$(touch /tmp/never) \n;'\""}, {"summary": "two\nlines"})
    command = f"cat >{tmp_path}/prompt; env >{tmp_path}/env; echo to-stdout; echo to-stderr >&2; exit {code}"
    engine.env["ALERTMANAGER_TOKEN"] = "never-for-a-command"
    engine.start("run", "-f", engine.write(doc(am.url)), "--exec", command)
    wait_until(lambda: set(phases(engine).values()) == {phase}, f"the Task is {phase}")
    (name, task), = engine.tasks().items()
    assert (tmp_path / "prompt").read_bytes().decode() == task["spec"]["prompt"] == \
        f"A\n{model.body(alert)}\n\n$HOME `id` 'é'"
    env = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert {k: v for k, v in env.items() if k.startswith("KELOS_")} == {
        "KELOS_TASK_NAME": name, "KELOS_TASK_NAMESPACE": "default", "KELOS_TASKSPAWNER": "s",
        "KELOS_AGENT_TYPE": "claude-code", "KELOS_MODEL": "opus", "KELOS_BRANCH": task["spec"]["branch"],
        "KELOS_ALERT_FINGERPRINT": alert["fingerprint"], "KELOS_ALERTNAME": "A"}
    assert "never-for-a-command" not in (tmp_path / "env").read_text()
    status = task["status"]
    assert harness.parse_moment(status["startTime"]) <= harness.parse_moment(status["completionTime"])
    if code:
        assert "3" in status["message"]
    output = pathlib.Path(f"{engine.store}.output/default/{name}.log").read_text()
    assert "to-stdout" in output and "to-stderr" in output


def test_a_command_inherits_standard_streams_only(am, engine, tmp_path):
    am.fire({"alertname": "A"})
    engine.start("run", "-f", engine.write(doc(am.url)), "--exec", f"ls /proc/self/fd >{tmp_path}/fds; true")
    wait_until(lambda: set(phases(engine).values()) == {"Succeeded"}, "it ran")
    assert set(numbers(tmp_path / "fds")) <= {0, 1, 2, 3}, "3 is ls's own"


def test_max_concurrency(am, engine, tmp_path):
    for i in range(5):
        am.fire({"alertname": "A", "n": str(i)})
    command = f"echo + >>{tmp_path}/log; sleep 0.4; echo - >>{tmp_path}/log"
    engine.start("run", "-f", engine.write(doc(am.url, maxConcurrency=2)), "--exec", command, "--exec-parallel", "8")
    wait_until(lambda: list(phases(engine).values()) == ["Succeeded"] * 5, "all have run")
    now = most = 0
    for sign in (tmp_path / "log").read_text().split():
        now += 1 if sign == "+" else -1
        most = max(most, now)
    assert now == 0 and most == 2


def test_active_deadline(am, engine, tmp_path):
    am.fire({"alertname": "A"})
    command = f"sleep 300 & echo $! >{tmp_path}/pids; echo $$ >>{tmp_path}/pids; trap '' TERM; while :; do sleep 300; done"
    engine.start("run", "-f", engine.write(doc(am.url, template={"podOverrides": {"activeDeadlineSeconds": 1}})),
                 "--exec", command)
    wait_until(lambda: set(phases(engine).values()) == {"Failed"}, "its time was up")
    task, = engine.tasks().values()
    assert "activeDeadlineSeconds" in task["status"]["message"]
    pids = numbers(tmp_path / "pids")
    assert len(pids) == 2
    wait_until(lambda: not any(map(alive, pids)), "the whole group is gone")


@pytest.mark.parametrize("command", ["", "setsid ", "nohup "])
def test_commands_die_with_the_engine(am, engine, tmp_path, command):
    am.fire({"alertname": "A"})
    file = engine.write(doc(am.url))
    script = f"{command}sleep 300 & echo $! >>{tmp_path}/pids; echo $$ >>{tmp_path}/pids; wait"
    run = engine.start("run", "-f", file, "--exec", script)
    wait_until(lambda: len(numbers(tmp_path / "pids")) == 2, "it runs")
    assert set(phases(engine).values()) == {"Running"}, "committed before its command starts"
    pids = numbers(tmp_path / "pids")
    run.kill()
    wait_until(lambda: not any(map(alive, pids)), "nothing is left of it")
    again = engine.start("run", "-f", file, "--exec", script)
    wait_until(lambda: set(phases(engine).values()) == {"Failed"}, "it is marked")
    task, = engine.tasks().values()
    assert task["status"]["message"] == "the engine stopped while it ran"
    time.sleep(2)
    assert numbers(tmp_path / "pids") == pids, "it does not run again by itself"
    assert again.terminate()[0] == 0


def test_sigterm_ends_commands(am, engine, tmp_path):
    am.fire({"alertname": "A"})
    run = engine.start("run", "-f", engine.write(doc(am.url)), "--exec",
                       f"trap '' TERM; echo $$ >{tmp_path}/pid; while :; do sleep 1; done")
    wait_until(lambda: numbers(tmp_path / "pid"), "it runs")
    code, seconds = run.terminate()
    assert code == 0 and seconds < 5
    wait_until(lambda: not alive(numbers(tmp_path / "pid")[0]), "it is gone")
    assert set(phases(engine).values()) == {"Failed"}


@pytest.mark.parametrize("verb", ["finish", "delete"])
def test_hands_on_a_running_task(am, engine, tmp_path, verb):
    am.fire({"alertname": "A"})
    engine.start("run", "-f", engine.write(doc(am.url)), "--exec", f"echo $$ >{tmp_path}/pid; exec sleep 300")
    wait_until(lambda: numbers(tmp_path / "pid"), "it runs")
    pid, = numbers(tmp_path / "pid")
    name, = engine.tasks()
    am.resolve({"alertname": "A"})
    if verb == "finish":
        engine("finish", "task", name, "--phase", "Succeeded", "--message", "by hand", code=0)
    else:
        engine("delete", "task", name, code=0)
    wait_until(lambda: not alive(pid), "its command is ended")
    if verb == "finish":
        time.sleep(0.5)
        status = engine.tasks()[name]["status"]
        assert (status["phase"], status["message"]) == ("Succeeded", "by hand")
    else:
        assert not engine.tasks()


def test_the_whole_loop(every_am, engine, tmp_path):
    """fire, Task, run, finish, re-fire, retrigger, run."""
    am = every_am
    labels = {"alertname": "A"}
    am.fire(labels)
    engine.start("run", "-f", engine.write(doc(am.url)), "--exec", f"echo $KELOS_ALERTNAME >>{tmp_path}/ran")

    def ran():
        return len((tmp_path / "ran").read_text().split()) if (tmp_path / "ran").exists() else 0
    wait_until(lambda: ran() == 1 and set(phases(engine).values()) == {"Succeeded"}, "the first run")
    (name, old), = engine.tasks().items()
    time.sleep(1.1)
    am.refire(labels)
    wait_until(lambda: ran() == 2 and set(phases(engine).values()) == {"Succeeded"}, "the second run")
    task, = engine.tasks().values()
    assert task["metadata"]["name"] == name and task["metadata"]["uid"] != old["metadata"]["uid"]
    assert task["metadata"]["annotations"]["alerts.kelos.dev/reason"] == "retrigger.refired"
    assert engine.spawner("s")["status"]["totalTasksCreated"] == 2
