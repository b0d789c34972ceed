"""The container image: built from the Dockerfile, without a registry, and run as a cluster would run it.

mmdebstrap makes the base that the Dockerfile names, buildah builds on it and runs the result under the seccomp profile
that podman and buildah give every container, with no capabilities and no new privileges. Needs root (as buildah's chroot
isolation does) and Debian's mirrors; `-L image`, a few minutes."""
import contextlib
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import harness  # noqa: E402

spec = importlib.util.spec_from_file_location("e2e_conftest", HERE.parent / "e2e" / "conftest.py")
e2e = importlib.util.module_from_spec(spec)
spec.loader.exec_module(e2e)
am = e2e.am

EPOCH = 1700000000
BASE = "debian:bookworm-slim"
MEGABYTES = 30 * 1000 * 1000


class Buildah:
    """With a storage of its own, which goes when we go."""

    def __init__(self, directory):
        self.directory = directory
        self.env = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(directory / "tmp")}
        (directory / "tmp").mkdir(parents=True)

    def command(self, *args):
        return ["buildah", "--root", str(self.directory / "root"), "--runroot", str(self.directory / "run"),
                *map(str, args)]

    def __call__(self, *args, code=0, timeout=1800):
        done = subprocess.run(self.command(*args), env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False)
        assert code is None or done.returncode == code, f"buildah {args}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def close(self):
        self("rm", "--all", code=None)
        shutil.rmtree(self.directory, ignore_errors=True)


class Image:
    """One built image: its configuration, its one layer, and that unpacked."""

    def __init__(self, buildah, name, directory):
        buildah("push", name, f"oci:{directory}/oci:it")

        def blob(digest):
            return directory / "oci" / "blobs" / "sha256" / digest.removeprefix("sha256:")
        index = json.loads((directory / "oci" / "index.json").read_text())
        manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
        self.config = json.loads(blob(manifest["config"]["digest"]).read_text())
        assert len(manifest["layers"]) == 1, "one layer, and nothing that a later one hides"
        self.layer = directory / "layer.tar"
        subprocess.run(["gzip", "-dfc", blob(manifest["layers"][0]["digest"])], stdout=self.layer.open("wb"), check=True)
        self.digest = self.config["rootfs"]["diff_ids"][0]
        assert "sha256:" + hashlib.sha256(self.layer.read_bytes()).hexdigest() == self.digest
        with tarfile.open(self.layer) as tar:
            self.members = {m.name.rstrip("/"): m for m in tar.getmembers()}
        self.root = directory / "unpacked"
        self.root.mkdir()
        subprocess.run(["tar", "-x", "--numeric-owner", "-p", "-C", self.root, "-f", self.layer], check=True)

    def elves(self):
        """{path within the image: [names it needs]}"""
        found = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
                said = subprocess.run(["readelf", "-dlW", path], capture_output=True, text=True, check=True).stdout
                found[path.relative_to(self.root).as_posix()] = (
                    re.findall(r"\(NEEDED\).*\[(.*)\]", said) +
                    [pathlib.Path(p).name for p in re.findall(r"interpreter: (.*)\]", said)])
        return found


@pytest.fixture(scope="session")
def buildah(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("building an image needs root here")
    for tool in ("mmdebstrap", "buildah", "readelf"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: scripts/deps test")
    b = Buildah(tmp_path_factory.mktemp("buildah") / "storage")
    yield b
    b.close()


@pytest.fixture(scope="session")
def context(tmp_path_factory):
    """The tree as it is now: whoever edits it meanwhile does not disturb us."""
    directory = tmp_path_factory.mktemp("context") / "src"
    shutil.copytree(ROOT, directory, symlinks=True, ignore=lambda where, names: [
        n for n in names if n in (".git", "__pycache__") or (n == "build" and pathlib.Path(where) == ROOT)])
    return directory


@pytest.fixture(scope="session")
def built(buildah, context):
    """The image's name. The build stage's layers are kept, for test_reproducible."""
    base = buildah.directory / "base.tar"
    made = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", str(base)], env=buildah.env,
                          capture_output=True, text=True, timeout=900, check=False)
    if made.returncode != 0:
        pytest.skip(f"mmdebstrap cannot make Debian 12 here: {made.stderr[-300:]}")
    scratch = buildah("from", "scratch").stdout.strip()
    buildah("add", scratch, base, "/")
    buildah("commit", scratch, BASE)
    buildah("rm", scratch)
    base.unlink()
    buildah("bud", "--pull-never", "--layers", "--timestamp", EPOCH, "-t", "alertspawner:test", context)
    return "alertspawner:test"


@pytest.fixture(scope="session")
def image(buildah, built, tmp_path_factory):
    return Image(buildah, built, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def container(buildah, built):
    return buildah("from", "--pull-never", built).stdout.strip()


@pytest.fixture
def run(buildah, container):
    """run(PROGRAM, ARG...): in a container of the image; mounts=["/here:/there:ro"]. CompletedProcess."""
    def start(*args, mounts=(), timeout=300):
        volumes = [word for mount in mounts for word in ("--volume", mount)]
        return subprocess.run(["setpriv", "--no-new-privs", *buildah.command("run", "--cap-drop=all", *volumes, container),
                               "--", *map(str, args)], env=buildah.env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, check=False)
    return start


@pytest.fixture
def documents(tmp_path):
    """documents(DOCUMENT): a directory with it that the image's user may read."""
    def write(document):
        directory = tmp_path / "in"
        directory.mkdir()
        (directory / "web.yaml").write_text(json.dumps(document))
        return directory
    return write


def test_size(image):
    """On disk, and what a node has to fetch before it is compressed."""
    contents = sum(m.size for m in image.members.values() if m.isreg())
    print(f"{contents} bytes in {len(image.members)} files, {image.layer.stat().st_size} bytes as a layer")
    assert contents < MEGABYTES
    assert image.layer.stat().st_size < MEGABYTES


def test_configuration(image):
    assert image.config["config"]["User"] == "65532:65532"
    assert image.config["config"]["Entrypoint"] == ["/usr/bin/alertspawner"]
    assert "Cmd" not in image.config["config"]
    assert image.config["created"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(EPOCH))


ALLOWED = re.compile(r"""
    usr/bin/alertspawner | usr/bin/alertspawner-worker |
    lib | lib64 | usr/lib64/ld-[^/]+ | usr/lib/[^/]+-linux-gnu/[^/]+\.so(\.[0-9.]+)? |
    etc/passwd | etc/group | etc/nsswitch\.conf | etc/ssl/certs/ca-certificates\.crt |
    usr/share/zoneinfo/[A-Za-z0-9_+/-]+ | usr/share/alertspawner/policies/[a-z_]+\.lua |
    usr/share/doc/[a-z0-9.+-]+/copyright | usr/share/doc/alertspawner/LICENSE | var/lib/dpkg/status\.d/[a-z0-9.+-]+
    """, re.VERBOSE)


def test_files(image):
    """Nothing but what image-root says; root owns it, nobody may change it; one directory to write in."""
    for name, member in image.members.items():
        assert member.uid == 0 and member.gid == 0, name
        assert member.mode & 0o6000 == 0, f"{name} is setuid or setgid"
        if name == "tmp":
            assert member.isdir() and member.mode & 0o7777 == 0o1777
        elif not member.issym():
            assert member.mode & 0o022 == 0, f"{name} can be written by others"
        if not member.isdir():
            assert ALLOWED.fullmatch(name), f"{name}: what is that?"
            assert member.mtime == EPOCH, name
    assert {p.stem for p in (image.root / "usr/share/alertspawner/policies").iterdir()} == {
        p.stem for p in (ROOT / "policies").glob("*.lua")}
    listed = subprocess.run([image.root / "usr/bin/alertspawner", "version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", listed.stdout)


def test_libraries(image):
    """Each library that is needed is there, and each that is there is needed."""
    elves = image.elves()
    by_name = {pathlib.Path(path).name: path for path in elves}
    needed, todo = set(), ["alertspawner", "alertspawner-worker"]
    while todo:
        name = todo.pop()
        assert name in by_name, f"{name} is needed and not there"
        if name not in needed:
            needed.add(name)
            todo += elves[by_name[name]]
    assert set(by_name) == needed
    for program in ("alertspawner", "alertspawner-worker"):
        wall = {n.split(".so")[0] for n in elves[f"usr/bin/{program}"]}
        assert ("libcurl" in wall) == (program == "alertspawner")
        assert not ("liblua5.4" in wall and program == "alertspawner")


def test_packages_are_named(image):
    """Scanners learn what the files are from, and each has its licence."""
    status = image.root / "var/lib/dpkg/status.d"
    packages = {p.name: p.read_text() for p in status.iterdir()}
    assert {"libc6", "libcurl4", "liblua5.4-0", "libsqlite3-0", "libseccomp2", "tzdata", "ca-certificates"} <= set(packages)
    for name, text in packages.items():
        assert re.search(rf"^Package: {re.escape(name)}\nVersion: \S+\nArchitecture: \S+\nSource: \S+ \(\S+\)", text), text
        assert (image.root / "usr/share/doc" / name / "copyright").stat().st_size > 100


def test_time_zones(image):
    """Every name that this Debian has, but for the doubled ones: a policy may name any."""
    here = pathlib.Path("/usr/share/zoneinfo")
    names = {p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file() and p.suffix == "" and
             p.read_bytes()[:4] == b"TZif"}
    names = {n for n in names if n.split("/")[0] not in ("posix", "right", "localtime", "posixrules")}
    there = {p.relative_to(image.root / "usr/share/zoneinfo").as_posix()
             for p in (image.root / "usr/share/zoneinfo").rglob("*") if not p.is_dir()}
    assert len(names) > 400 and names <= there
    for name in there:
        assert (image.root / "usr/share/zoneinfo" / name).read_bytes()[:4] == b"TZif", name  # no link into the void


def test_the_wall_stands_in_a_container(run):
    """Under the container's own seccomp filter, without capabilities, and with no new privileges."""
    done = run("/usr/bin/alertspawner-worker", "--self-test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all refused\n")


def test_policies_are_ready(run):
    done = run("/usr/bin/alertspawner", "check", "--policies", "/usr/share/alertspawner/policies")
    assert done.returncode == 0, done.stdout + done.stderr


def test_once_in_the_image(run, am, documents):
    """A cycle against a real Alertmanager, with a policy that names a time zone."""
    a = am.fire({"alertname": "Disk", "team": "web"}, {"summary": "full"})
    document = harness.spawner("web", am.url, annotations={
        "alerts.kelos.dev/policy": "business_hours",
        "alerts.kelos.dev/policy-config": json.dumps({"zone": "Europe/Rome", "hours": "Mon-Sun 00:00-24:00"})})
    done = run("/usr/bin/alertspawner", "once", "-f", "/in", "--policies", "/usr/share/alertspawner/policies",
               "--store", "sqlite:/tmp/tasks.db", "-o", "json", mounts=[f"{documents(document)}:/in:ro"])
    assert done.returncode == 0, done.stdout + done.stderr
    decisions = json.loads(done.stdout)["spawners"][0]["decisions"]
    assert [(d["fingerprint"], d["verdict"]) for d in decisions] == [(a["fingerprint"], "create")], done.stdout


def test_exec_says_that_there_is_no_shell(run, am, documents):
    done = run("/usr/bin/alertspawner", "run", "-f", "/in", "--store", "sqlite:/tmp/exec.db", "--exec", "cat",
               mounts=[f"{documents(harness.spawner('web', am.url))}:/in:ro"], timeout=60)
    assert done.returncode != 0
    assert "/bin/sh" in done.stderr and "image" in done.stderr, done.stderr


def test_once_in_a_bare_chroot(image, am, documents):
    """As the image's user, in nothing but its files and /proc, with all but /tmp read-only."""
    am.fire({"alertname": "Disk", "team": "web"})
    (image.root / "proc").mkdir(exist_ok=True)
    (image.root / "in").mkdir(exist_ok=True)
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-eu", "-c", """
        mount --bind "$1" "$1"
        mount --bind "$2" "$1/in"
        mount -t proc proc "$1/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
        mount -o remount,bind,ro "$1"
        cd "$1"
        root=$1
        shift 2
        exec setpriv --no-new-privs chroot --userspec=65532:65532 "$root" "$@"
        """, "sh", str(image.root), str(documents(harness.spawner("web", am.url))), "/usr/bin/alertspawner", "once", "-f", "/in",
        "--store", "sqlite:/tmp/tasks.db"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "create" in done.stdout


def test_run_ends_at_once_when_told(buildah, container, am, documents, tmp_path):
    """PID 1 of a container gets SIGTERM; what a node sees while it runs: no privileges, a seccomp filter."""
    directory = documents(harness.spawner("web", am.url))
    with open(tmp_path / "log", "w") as log:
        outer = subprocess.Popen(["setpriv", "--no-new-privs", *buildah.command(
            "run", "--cap-drop=all", "--volume", f"{directory}:/in:ro", container), "--", "/usr/bin/alertspawner", "run",
            "-f", "/in", "--store", "sqlite:/tmp/run.db"], env=buildah.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        def engine():
            assert outer.poll() is None, (tmp_path / "log").read_text()
            return engine_of(b"run", b"sqlite:/tmp/run.db")
        pid, status = harness.wait_until(engine, "the engine runs")
        assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status and "CapEff:\t0000000000000000" in status
        assert "Uid:\t65532\t65532" in status
        time.sleep(1)
        os.kill(pid, signal.SIGTERM)
        assert outer.wait(30) == 0, (tmp_path / "log").read_text()
    finally:
        if outer.poll() is None:
            outer.kill()
            outer.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    sys.path.insert(0, str(HERE.parent / "kube"))
    import cluster as kube
    try:
        c = kube.Cluster(tmp_path_factory.mktemp("cluster"))
    except kube.Missing as why:
        pytest.skip(str(why))
    c.start()
    yield c
    c.stop()


def test_as_the_deployment_runs_it(buildah, container, cluster, am, tmp_path):
    """With the Deployment's own arguments, what the kubelet mounts, and a real API server: an alert becomes a Task."""
    import cluster as kube
    from engine import OURS, alert_spawner
    deployed = kube.Deployed(cluster, cluster.namespace("image"), tmp_path / "deploy")
    pod = next(o for o in deployed.objects if o["kind"] == "Deployment")["spec"]["template"]["spec"]
    mounts = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    account, policies = tmp_path / "account", tmp_path / "policies"
    account.mkdir()
    (account / "token").write_text(deployed.token())
    (account / "namespace").write_text(deployed.namespace)
    shutil.copy(cluster.directory / "ca.crt", account)
    (policies / "..2026").mkdir(parents=True)  # as a ConfigMap is mounted
    (policies / "..data").symlink_to("..2026")
    data = next(o for o in deployed.objects if o["kind"] == "ConfigMap")["data"]
    for name, text in data.items():
        (policies / "..2026" / name).write_text(text)
        (policies / name).symlink_to(f"..data/{name}")
    fired = am.fire({"alertname": "Disk"})
    host, port = cluster.url.removeprefix("https://").split(":")
    with open(tmp_path / "log", "w") as log:
        outer = subprocess.Popen(["setpriv", "--no-new-privs", *buildah.command(
            "run", "--cap-drop=all", "--env", f"KUBERNETES_SERVICE_HOST={host}", "--env", f"KUBERNETES_SERVICE_PORT={port}",
            "--volume", f"{account}:/var/run/secrets/kubernetes.io/serviceaccount:ro",
            "--volume", f"{policies}:{mounts['policies']}:ro", container), "--", "/usr/bin/alertspawner",
            *pod["containers"][0]["args"], "--listen", "127.0.0.1:0"], env=buildah.env, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log)

    def said():
        text = (tmp_path / "log").read_text()
        assert outer.poll() is None, text
        return text
    pid = None
    try:
        url = harness.wait_until(lambda: re.search(r"(http://127\S+)/metrics", said()), "it listens")[1]
        pid = harness.wait_until(lambda: engine_of(b"run", b"--listen", b"127.0.0.1:0"), "the engine")[0]
        cluster.admin.post(OURS.format(deployed.namespace), alert_spawner("web", am.url, annotations={
            "alerts.kelos.dev/policy": "severity_ladder"}))
        harness.wait_until(lambda: said() and cluster.tasks(deployed.namespace), "a Task")
        (task,) = cluster.tasks(deployed.namespace).values()
        assert task["metadata"]["annotations"]["alerts.kelos.dev/fingerprint"] == fired["fingerprint"]
        assert task["metadata"]["annotations"]["alerts.kelos.dev/policy"] == "severity_ladder"
        for probe in ("livenessProbe", "readinessProbe"):
            path = pod["containers"][0][probe]["httpGet"]["path"]
            harness.wait_until(lambda path=path: answers(url + path), f"{probe} is content")
        os.kill(pid, signal.SIGTERM)
        assert outer.wait(30) == 0, (tmp_path / "log").read_text()
        lease = cluster.admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{deployed.namespace}/leases/alertspawner")
        assert not lease["spec"].get("holderIdentity"), "handed over at its end"
        assert not [key for key in cluster.audit(deployed.user) if key[3] in (401, 403)]
    finally:
        if outer.poll() is None:
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            outer.kill()
            outer.wait()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def engine_of(*words):
    """(pid, what /proc says of it) of an engine in a container with these arguments."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
            command = (status.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if command[0] == b"/usr/bin/alertspawner" and set(words) <= set(command):
            return int(status.parent.name), text
    return None


def test_reproducible(buildah, built, image, context):
    """Compiled once more elsewhere in the build stage, it is the same layer, to the byte."""
    buildah("bud", "--pull-never", "--layers", "--timestamp", EPOCH, "--target", "build", "-t", "alertspawner:build", context)
    stage = buildah("from", "--pull-never", "alertspawner:build").stdout.strip()
    buildah("run", stage, "--", "sh", "-eu", "-c", f"""
        cp -r /src /elsewhere
        rm -rf /elsewhere/build
        cd /elsewhere
        scripts/build release alertspawner alertspawner-worker
        SOURCE_DATE_EPOCH=0 scripts/image-root build/release /again
        """)
    twin = buildah("from", "scratch").stdout.strip()
    buildah("copy", "--from", stage, twin, "/again", "/")
    buildah("commit", "--timestamp", EPOCH, twin, "alertspawner:again")
    again = buildah("inspect", "--type", "image", "alertspawner:again")
    digests = json.loads(again.stdout)["OCIv1"]["rootfs"]["diff_ids"]
    assert digests == [image.digest]
