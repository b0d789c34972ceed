"""Who we are to the API server: kubeconfigs as kubectl reads them, tokens that rotate, plugins, certificates, proxies."""
import base64
import json
import os
import pathlib
import socket
import stat
import subprocess
import threading
import time

import pytest
import yaml

from harness import wait_until
from probe import Probe

@pytest.fixture
def probes():
    started = []

    def start(*args, **more):
        started.append(Probe(*args, **more))
        return started[-1]
    yield start
    for probe in started:
        if probe.process.poll() is None:
            probe.close()


@pytest.fixture
def account(cluster, namespace):
    """A token of a ServiceAccount that may read ConfigMaps."""
    cluster.service_account(namespace, "engine")
    cluster.kubectl("-n", namespace, "create", "role", "engine", "--verb=get,list,watch", "--resource=configmaps")
    cluster.kubectl("-n", namespace, "create", "rolebinding", "engine", "--role=engine",
                    f"--serviceaccount={namespace}:engine")
    return lambda: cluster.token(namespace, "engine")


def encoded(path):
    return base64.b64encode(pathlib.Path(path).read_bytes()).decode()


def write(cluster, path, namespace, user, **more):
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": cluster.url,
                                                  "certificate-authority": str(cluster.directory / "ca.crt"), **more}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}]}))
    return path


def ready(probe):
    probe.wait("ready")
    return probe


def works(probe):
    return probe.ask("list", "configmaps", "0", "-", "-")


# ---- kubeconfigs, compared with kubectl ----

def kubectl_view(cluster, env, context=None):
    """What kubectl makes of the same files."""
    done = subprocess.run([cluster.assets / "kubectl", "config", "view", "--minify", "--raw", "--flatten", "-o", "json",
                           *([f"--context={context}"] if context else [])], capture_output=True, text=True, env=env, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def test_merged_as_kubectl_does(probes, cluster, tmp_path):
    d = cluster.directory
    (tmp_path / "sub").mkdir()
    for name in ("ca.crt", "admin.crt", "admin.key"):
        (tmp_path / "sub" / name).write_bytes((d / name).read_bytes())
    (tmp_path / "a").write_text(yaml.safe_dump({
        "current-context": "one", "contexts": [{"name": "one", "context": {"cluster": "x", "user": "me", "namespace": "n1"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://from-a:1", "tls-server-name": "a"}}]}))
    (tmp_path / "sub" / "b").write_text(yaml.safe_dump({
        "current-context": "two", "contexts": [{"name": "one", "context": {"cluster": "z", "user": "z"}},
                                               {"name": "two", "context": {"cluster": "z", "user": "me"}},
                                               {"name": "three", "context": {"cluster": "w", "user": "basic"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://from-b", "certificate-authority": "ca.crt"}},
                     {"name": "z", "cluster": {"server": "https://z", "certificate-authority": "ca.crt"}},
                     {"name": "w", "cluster": {"server": "https://w", "insecure-skip-tls-verify": True,
                                               "proxy-url": "http://proxy:3128"}}],
        "users": [{"name": "me", "user": {"client-certificate": "admin.crt", "client-key": "admin.key"}},
                  {"name": "basic", "user": {"username": "u", "password": "p"}}]}))
    listed = f"{tmp_path}/none:{tmp_path}/a:{tmp_path}/sub/b"
    env = {**os.environ, "KUBECONFIG": listed, "HOME": str(tmp_path)}
    for context in (None, "two", "three"):
        p = probes("", context or "", env=env)
        mine = p.wait("ready")
        theirs = kubectl_view(cluster, env, context)
        k, u, c = (theirs[k][0] for k in ("clusters", "users", "contexts"))
        k, u, c = k["cluster"], u["user"], c["context"]

        def data(of, key):
            return base64.b64decode(of.get(key + "-data", "")).decode()
        assert mine["server"] == k["server"] and mine["ns"] == c.get("namespace", "default")
        assert mine["ca"] == data(k, "certificate-authority")
        assert mine["cert"] == data(u, "client-certificate")
        assert mine["insecure"] == k.get("insecure-skip-tls-verify", False)
        assert mine["tls_server_name"] == k.get("tls-server-name", "") and mine["proxy"] == k.get("proxy-url", "")
        assert mine["user"] == u.get("username", "") and mine["token"] == u.get("token", "")


def test_errors_name_the_line(cluster, tmp_path):
    config = tmp_path / "config"
    config.write_text("apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts:\n- name: x\n  context: {cluster: gone}\n")
    p = Probe(config)
    said = p.wait("config")
    assert said["message"] == f'{config}:6: the context "x" names the cluster "gone", which is not there'
    assert p.process.wait(10) == 1


# ---- tokens ----

def test_a_token_file_that_rotates(probes, cluster, namespace, account, tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cr3t-and-no-longer-valid\n")
    p = ready(probes(write(cluster, tmp_path / "config", namespace, {"tokenFile": "token"})))
    refused = works(p)
    assert refused["error"] == "forbidden" and "s3cr3t" not in str(refused)
    token.write_text(account() + "\n")
    assert "error" not in works(p)  # the 401 makes it look again, well before the minute is over
    token.unlink()
    assert "error" not in works(p)  # what was read last still does
    p2 = ready(probes(tmp_path / "config"))
    missing = works(p2)
    assert missing["error"] == "not found" and str(token) in missing["message"]


# ---- in a pod ----

@pytest.fixture
def pod(cluster, namespace, account, tmp_path):
    """What a Pod of that ServiceAccount has: files and variables. pod.command: what runs a program there."""
    class Pod:
        mount = tmp_path / "serviceaccount"
        env = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": cluster.url.rpartition(":")[2],
               "HOME": str(tmp_path)}
        command = ["unshare", "--map-root-user", "--mount", "sh", "-ec",
                   "mount -t tmpfs pod /run; d=/run/secrets/kubernetes.io/serviceaccount; mkdir -p $d; "
                   f"mount --bind {tmp_path}/serviceaccount $d; exec \"$@\"", "pod"]
    Pod.mount.mkdir()
    (Pod.mount / "ca.crt").write_bytes((cluster.directory / "ca.crt").read_bytes())
    (Pod.mount / "namespace").write_text(namespace)
    (Pod.mount / "token").write_text(account())
    tried = subprocess.run([*Pod.command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespaces here: {tried.stderr.strip()}")
    return Pod


def test_in_a_pod(pod, probes, namespace, account):
    p = probes("", wrapper=pod.command, env=pod.env)
    hello = p.wait("ready")
    assert hello["ns"] == namespace and hello["origin"] == "the pod's service account"
    assert hello["server"] == f"https://127.0.0.1:{pod.env['KUBERNETES_SERVICE_PORT']}"
    assert "error" not in works(p)
    (pod.mount / "token").write_text("s3cr3t")  # read by the next process; this one goes on with what it has
    assert "error" not in works(p)
    q = probes("", wrapper=pod.command, env=pod.env)
    q.wait("ready")
    refused = works(q)
    assert refused["error"] == "forbidden" and "s3cr3t" not in str(refused)
    (pod.mount / "token").write_text(account())  # the kubelet rotates it
    assert "error" not in works(q)


def test_the_engine_in_a_pod(pod, cluster, namespace):
    """Without any option that says so, it works on the cluster."""
    cluster.kubectl("-n", namespace, "create", "role", "tasks", "--verb=get,list,watch", "--resource=tasks.kelos.dev")
    cluster.kubectl("-n", namespace, "create", "rolebinding", "tasks", "--role=tasks", f"--serviceaccount={namespace}:engine")
    done = subprocess.run([*pod.command, os.environ["ALERTSPAWNER"], "get", "tasks", "-o", "json"], capture_output=True,
                          text=True, check=False, env={**os.environ, **pod.env})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"] == []
    (pod.mount / "ca.crt").unlink()
    done = subprocess.run([*pod.command, os.environ["ALERTSPAWNER"], "get", "tasks"], capture_output=True,
                          text=True, check=False, env={**os.environ, **pod.env})
    assert done.returncode == 1 and "the pod's service account: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt" in done.stderr


# ---- plugins ----

PLUGIN = """#!/usr/bin/python3
import json, os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/runs", "a") as f:
    f.write(json.dumps({"info": json.loads(os.environ["KUBERNETES_EXEC_INFO"]), "args": sys.argv[1:],
                        "mine": os.environ.get("MINE"), "alertmanager": os.environ.get("ALERTMANAGER_TOKEN"),
                        "fds": sorted(int(n) for n in os.listdir("/proc/self/fd")), "pid": os.getpid()}) + "\\n")
exec(open(here + "/behaviour").read())
"""


@pytest.fixture
def plugin(tmp_path):
    class Plugin:
        path = tmp_path / "plugin"

        def does(self, code):
            (tmp_path / "behaviour").write_text(code)

        def says(self, api="client.authentication.k8s.io/v1", **status):
            self.does("print(" + repr(json.dumps({"apiVersion": api, "kind": "ExecCredential", "status": status})) + ")")

        def runs(self):
            return [json.loads(line) for line in (tmp_path / "runs").read_text().splitlines()]

        def user(self, **more):
            return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "args": ["login"],
                             "env": [{"name": "MINE", "value": "yes"}], "interactiveMode": "IfAvailable",
                             "provideClusterInfo": True, **more}}
    made = Plugin()
    made.path.write_text(PLUGIN)
    made.path.chmod(made.path.stat().st_mode | stat.S_IEXEC)
    return made


def test_a_plugin(probes, cluster, namespace, account, plugin, tmp_path):
    plugin.says(token=account(), expirationTimestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6)))
    p = ready(probes(write(cluster, tmp_path / "config", namespace, plugin.user()), env={"ALERTMANAGER_TOKEN": "s3cr3t"}))
    for _ in range(3):
        p("list", "configmaps", "0", "-", "-")
    for _ in range(3):
        assert "error" not in p.wait("list")
    run, = plugin.runs()  # once for all of them
    assert run["args"] == ["login"] and run["mine"] == "yes" and run["alertmanager"] is None
    info = run["info"]
    assert info["kind"] == "ExecCredential" and info["apiVersion"] == "client.authentication.k8s.io/v1"
    assert info["spec"]["interactive"] is False and info["spec"]["cluster"]["server"] == cluster.url
    assert base64.b64decode(info["spec"]["cluster"]["certificate-authority-data"]) == (cluster.directory / "ca.crt").read_bytes()
    assert set(run["fds"]) <= {0, 1, 2, 3, 4}  # 3 and 4: its own file, and the directory that it reads
    wait_until(lambda: "error" not in works(p) and len(plugin.runs()) == 2, "it is asked again when the token expires", 20)
    # refused: asked again at once
    plugin.says(token="s3cr3t")
    p = ready(probes(tmp_path / "config"))
    refused = works(p)
    assert refused["error"] == "forbidden" and "s3cr3t" not in str(refused) and len(plugin.runs()) == 4
    plugin.says(token=account())
    assert "error" not in works(p) and len(plugin.runs()) == 5


def test_a_plugin_with_a_certificate(probes, cluster, namespace, plugin, tmp_path):
    crt, key = cluster.certificate("robot", "/O=system:masters/CN=robot")
    plugin.says(clientCertificateData=crt.read_text(), clientKeyData=key.read_text())
    p = ready(probes(write(cluster, tmp_path / "config", namespace, plugin.user())))
    assert "error" not in works(p) and len(plugin.runs()) == 1


@pytest.mark.parametrize("code,says", [
    ("sys.exit(3)", "ended with exit code 3; it says why on standard error"),
    ("print('s3cr3t')", "it printed no ExecCredential in JSON"),
    ("os.kill(os.getpid(), 9)", "it was ended by signal 9"),
    ("print('x' * 3000000)", "it printed more than 1 MiB"),
    ("sys.stderr.write('please log in\\n'); sys.exit(1)", "exit code 1")])
def test_a_plugin_that_fails(probes, cluster, namespace, plugin, tmp_path, code, says):
    plugin.does(code)
    p = ready(probes(write(cluster, tmp_path / "config", namespace, plugin.user())))
    failed = works(p)
    assert says in failed["message"] and "s3cr3t" not in str(failed) and str(plugin.path.name) in failed["message"]
    if "log in" in code:
        p.close()
        assert "please log in" in "".join(p.errors)


def test_a_plugin_that_is_not_there(probes, cluster, namespace, plugin, tmp_path):
    p = ready(probes(write(cluster, tmp_path / "config", namespace,
                           plugin.user(command="no-such-plugin", installHint="get it from example.com"))))
    failed = works(p)
    assert failed["error"] == "not found"
    assert failed["message"].endswith("credential plugin no-such-plugin cannot be started: no such file or directory; "
                                      "get it from example.com")
    p = ready(probes(write(cluster, tmp_path / "config", namespace, plugin.user(interactiveMode="Always"))))
    assert "there is no terminal" in works(p)["message"]


def test_a_plugin_ends_with_us(cluster, namespace, plugin, tmp_path):
    plugin.does("time.sleep(3600)")
    p = ready(Probe(write(cluster, tmp_path / "config", namespace, plugin.user())))
    p("list", "configmaps", "0", "-", "-")
    wait_until(lambda: (tmp_path / "runs").exists() and plugin.runs(), "it runs")
    p.close()
    wait_until(lambda: not pathlib.Path(f"/proc/{plugin.runs()[0]['pid']}").exists(), "it is gone", 10)


# ---- TLS and proxies ----

def test_certificates(probes, cluster, namespace, tmp_path):
    admin = {"client-certificate": str(cluster.directory / "admin.crt"), "client-key": str(cluster.directory / "admin.key")}
    assert "error" not in works(ready(probes(write(cluster, tmp_path / "a", namespace, admin))))
    # the name in the certificate is checked, and may be another than the address
    p = ready(probes(write(cluster, tmp_path / "b", namespace, admin, server=cluster.url, **{"tls-server-name": "wrong.example"})))
    refused = works(p)
    assert refused["error"] == "unreachable" and "wrong.example" in refused["message"]
    p = ready(probes(write(cluster, tmp_path / "c", namespace, admin, **{"tls-server-name": "kubernetes.default.svc"})))
    assert "error" not in works(p)
    # another CA than the server's
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "k", "-out",
                    tmp_path / "other.crt", "-subj", "/CN=other"], check=True, capture_output=True)
    p = ready(probes(write(cluster, tmp_path / "d", namespace, admin,
                           **{"certificate-authority": str(tmp_path / "other.crt")})))
    refused = works(p)
    assert refused["error"] == "unreachable" and "certificate" in refused["message"]
    cluster_of = {"server": cluster.url, "insecure-skip-tls-verify": True}
    config = yaml.safe_load((tmp_path / "d").read_text())
    config["clusters"][0]["cluster"] = cluster_of
    (tmp_path / "e").write_text(yaml.safe_dump(config))
    assert "error" not in works(ready(probes(tmp_path / "e")))
    config["clusters"][0]["cluster"] = {"server": cluster.url}  # the system's CAs do not know it
    (tmp_path / "f").write_text(yaml.safe_dump(config))
    assert works(ready(probes(tmp_path / "f")))["error"] == "unreachable"


class ConnectProxy:
    """An HTTP proxy that knows CONNECT alone."""

    def __init__(self):
        self.asked = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.decode())
        host, port = head.split()[1].decode().split(":")
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        def copy(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
            except OSError:
                pass
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        threading.Thread(target=copy, args=(client, server), daemon=True).start()
        copy(server, client)


def test_a_proxy(probes, cluster, namespace, account, tmp_path):
    proxy = ConnectProxy()
    config = write(cluster, tmp_path / "config", namespace, {"token": account()}, **{"proxy-url": f"http://u:s3cr3t@{proxy.url}"})
    p = ready(probes(config, env={"no_proxy": "*", "NO_PROXY": "*"}))  # proxy-url wins over the variables
    assert "error" not in works(p)
    assert proxy.asked[0].startswith(f"CONNECT {cluster.url[8:]} ") and "Proxy-Authorization: Basic" in proxy.asked[0]
    proxy.socket.shutdown(socket.SHUT_RDWR)
    proxy.socket.close()
    refused = works(ready(probes(config)))
    assert refused["error"] == "unreachable" and "s3cr3t" not in str(refused)


def test_nothing_secret_is_seen(probes, cluster, namespace, tmp_path):
    """Not in the arguments, the environment of others, or what it prints."""
    p = ready(probes(write(cluster, tmp_path / "config", namespace, {"token": "s3cr3t"})))
    refused = works(p)
    assert refused["error"] == "forbidden"
    command = pathlib.Path(f"/proc/{p.process.pid}/cmdline").read_text()
    assert "s3cr3t" not in command and "s3cr3t" not in str(refused) and "s3cr3t" not in "".join(p.errors)
