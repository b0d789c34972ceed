"""Credentials reach Alertmanager and nothing else."""
import base64
import os
import pathlib
import stat

import pytest

import harness
from harness import sends, spawner

TOKEN = "t0ken-Of-Alertmanager.zZ9"
USER, PASSWORD = "scraper", "pa:ss w0rd-ü"


def secret(name="am", **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}


def mounted(engine, name="am", newline="", **data):
    """As kubelet mounts it: ..data is a link to a directory with a date."""
    root = engine.directory / "secrets"
    real = root / name / "..2026_01_01"
    real.mkdir(parents=True)
    (root / name / "..data").symlink_to("..2026_01_01")
    for k, v in data.items():
        (real / k).write_text(v + newline)
        (root / name / k).symlink_to(pathlib.Path("..data") / k)
    return root


def doc(url, name="s", **more):
    return spawner(name, url, when={"secretRef": {"name": "am"}, **more})


BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
FORMS = [({"ALERTMANAGER_TOKEN": TOKEN}, f"Bearer {TOKEN}"),
         ({"ALERTMANAGER_USER": USER, "ALERTMANAGER_PASSWORD": PASSWORD}, BASIC)]


@pytest.mark.parametrize("data,header", FORMS, ids=["bearer", "basic"])
@pytest.mark.parametrize("how", ["data", "stringData", "mounted", "mounted with a newline"])
def test_the_header(engine, serve, how, data, header):
    server = serve(sends("[]"))
    args = []
    documents = [doc(server.url)]
    if how == "data":
        documents.append(secret(**data))
    elif how == "stringData":
        documents.insert(0, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "am"}, "stringData": data})
    else:
        args = ["--secrets", mounted(engine, newline="\n" if "newline" in how else "", **data)]
    done = engine("once", "-f", engine.write(*documents), *args, "--log-level", "debug", code=0)
    (_, _, headers), = server.requests
    assert headers["Authorization"].encode("latin-1") == header.encode()
    for text in (TOKEN, PASSWORD, BASIC[6:]):
        assert text not in done.stdout + done.stderr


@pytest.mark.parametrize("data", [
    {},
    {"TOKEN": TOKEN},
    {"ALERTMANAGER_USER": USER},
    {"ALERTMANAGER_PASSWORD": PASSWORD},
    {"ALERTMANAGER_TOKEN": TOKEN, "ALERTMANAGER_USER": USER},
    {"ALERTMANAGER_TOKEN": TOKEN, "ALERTMANAGER_USER": USER, "ALERTMANAGER_PASSWORD": PASSWORD},
    {"ALERTMANAGER_TOKEN": ""},
    {"ALERTMANAGER_TOKEN": "a\r\nX-Injected: 1"},
], ids=lambda d: "+".join(d) or "empty")
def test_wrong_keys_make_no_request(engine, serve, data):
    server = serve(sends("[]"))
    for how in ("document", "mounted"):
        args = ["--secrets", mounted(engine, **data)] if how == "mounted" else []
        documents = [doc(server.url)] + ([secret(**data)] if how == "document" else [])
        done = engine("once", "-f", engine.write(*documents), *args, code=1)
        assert "am" in done.stderr
        assert TOKEN not in done.stderr and PASSWORD not in done.stderr
    assert server.requests == []


def test_a_missing_secret_makes_no_request(engine, serve):
    server = serve(sends("[]"))
    done = engine("once", "-f", engine.write(doc(server.url), secret("another", ALERTMANAGER_TOKEN=TOKEN)), code=1)
    assert "am" in done.stderr and server.requests == []
    (engine.directory / "none").mkdir()
    engine("once", "-f", engine.write(doc(server.url)), "--secrets", engine.directory / "none", code=1)
    assert server.requests == []


def test_a_mounted_secret_cannot_lead_outside(engine, serve):
    server = serve(sends("[]"))
    (engine.directory / "ALERTMANAGER_TOKEN").write_text(TOKEN)
    root = engine.directory / "secrets"
    root.mkdir()
    document = doc(server.url, secretRef={"name": ".."})
    done = engine("once", "-f", engine.write(document, spawner("s2", server.url, suspend=True)), "--secrets", root, code=1)
    assert "secretRef.name" in done.stderr
    assert server.requests == []


def test_a_rotated_secret_is_read_anew(engine, serve):
    server = serve(sends("[]"))
    root = mounted(engine, ALERTMANAGER_TOKEN="first")
    engine.start("run", "-f", engine.write(doc(server.url, pollInterval="5s")), "--secrets", root)
    harness.wait_until(lambda: server.requests, "the first poll")
    (root / "am" / "..2026_01_01" / "ALERTMANAGER_TOKEN").write_text("second")
    harness.wait_until(lambda: len(server.requests) > 1, "the second poll")
    assert [h["Authorization"] for _, _, h in server.requests[:2]] == ["Bearer first", "Bearer second"]


def processes_of(pid):
    """The engine and all that it started, as far as they live."""
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        try:
            for t in os.listdir(f"/proc/{p}/task"):
                todo += map(int, pathlib.Path(f"/proc/{p}/task/{t}/children").read_text().split())
        except FileNotFoundError:
            pass
    return found


def memory(pid):
    """What is in the writable memory of a process, but for the deserts that sanitizers map."""
    text = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            start, end = (int(x, 16) for x in span.split("-"))
            if "rw" not in mode or end - start > 1 << 26:
                continue
            try:
                mem.seek(start)
                text += mem.read(end - start) or b""
            except (OSError, ValueError, OverflowError):
                pass
    return text


def test_nobody_else_sees_it(engine, serve):
    """While a cycle runs: argv and environment of engine and workers, the workers' memory, and afterwards the files."""
    data = {"ALERTMANAGER_TOKEN": TOKEN}
    seen = []
    ref = []

    def slowly(handler):
        seen.append(1)
        ref[0].closing.wait(harness.PATIENCE)
        harness.send(handler, "[]")
    server = serve(slowly)
    ref.append(server)
    run = engine.start("run", "-f", engine.write(doc(server.url)), "--secrets", mounted(engine, **data))
    harness.wait_until(lambda: seen, "the poll began")
    workers = [p for p in processes_of(run.pid) if p != run.pid]
    assert workers, "workers are kept ready"
    for p in [run.pid, *workers]:
        assert TOKEN.encode() not in pathlib.Path(f"/proc/{p}/cmdline").read_bytes()
        if p != run.pid:
            environ = pathlib.Path(f"/proc/{p}/environ")
            try:
                # a build with sanitizers tells the worker's what it cannot do behind the wall
                assert {v for v in environ.read_bytes().split(b"\0") if v} <= {b"ASAN_OPTIONS=detect_leaks=0"}
            except PermissionError:
                pass  # not dumpable: nobody can read it, which is better still
            try:
                text = memory(p)
            except PermissionError:
                continue
            assert TOKEN.encode() not in text
    server.closing.set()
    code, _ = run.terminate()
    assert code == 0
    assert TOKEN not in run.stdout + run.stderr
    for root, _, files in os.walk(engine.store.parent):
        for f in files:
            assert TOKEN.encode() not in (pathlib.Path(root) / f).read_bytes(), f


def test_the_store_is_private(engine, serve):
    server = serve(sends("[]"))
    engine("once", "-f", engine.write(doc(server.url), secret(ALERTMANAGER_TOKEN=TOKEN)), code=0)
    assert TOKEN.encode() not in engine.store.read_bytes()
    assert stat.S_IMODE(engine.store.stat().st_mode) & 0o077 == 0


def test_check_and_render_print_no_secret(engine, serve):
    server = serve(sends("[]"))
    file = engine.write(doc(server.url), secret(ALERTMANAGER_TOKEN=TOKEN))
    done = engine("check", "-f", file, code=0)
    assert TOKEN not in done.stdout + done.stderr
    broken = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "am"}, "stringData": {"ALERTMANAGER_TOKEN": [TOKEN]}}
    done = engine("check", "-f", engine.write(doc(server.url), broken), code=1)
    assert TOKEN not in done.stdout + done.stderr
    broken = secret()
    broken["data"] = {"ALERTMANAGER_TOKEN": TOKEN + "!"}
    done = engine("check", "-f", engine.write(doc(server.url), broken), code=1)
    assert TOKEN not in done.stdout + done.stderr
    assert server.requests == []
