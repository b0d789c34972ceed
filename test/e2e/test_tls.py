"""TLS to Alertmanager: the system's CAs or --ca-file, and nobody else's word."""
import json
import ssl
import subprocess

import pytest

import harness
from harness import alert_json, sends, spawner

TOKEN = "tls-T0ken-nobody-may-see"


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


@pytest.fixture
def pki(tmp_path):
    """ca.pem, and a certificate of it for each of two names."""
    def ca(name):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem")

    def leaf(name, san):
        (tmp_path / "ext").write_text(f"subjectAltName={san}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.csr")
        openssl("x509", "-req", "-in", tmp_path / f"{name}.csr", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", tmp_path / "ext", "-out", tmp_path / f"{name}.pem")
    ca("ca")
    ca("other")
    leaf("right", "IP:127.0.0.1")
    leaf("wrong", "DNS:elsewhere.example")
    return tmp_path


def tls(server, pki, leaf):
    """Makes a harness.Server speak TLS; its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / f"{leaf}.pem", pki / f"{leaf}.key")
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    return server.url.replace("http:", "https:")


def document(url):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "am"},
              "stringData": {"ALERTMANAGER_TOKEN": TOKEN}}
    return spawner("s", url, when={"secretRef": {"name": "am"}}), secret


def test_a_ca_that_is_named_is_trusted(engine, serve, pki):
    server = serve(sends(json.dumps([alert_json({"alertname": "A"})])))
    file = engine.write(*document(tls(server, pki, "right")))
    decisions = engine.decisions("once", "-f", file, "--ca-file", pki / "ca.pem")["s"]
    assert [d["verdict"] for d in decisions] == ["create"]
    assert server.requests[0][2]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("leaf,ca", [("right", "other"), ("right", None), ("wrong", "ca")],
                         ids=["another CA", "the system's CAs", "another name"])
def test_who_cannot_prove_its_name_gets_no_request(engine, serve, pki, leaf, ca):
    server = serve(sends("[]"))
    args = ["--ca-file", pki / f"{ca}.pem"] if ca else []
    done = engine("once", "-f", engine.write(*document(tls(server, pki, leaf))), *args, code=1)
    assert "certificate" in done.stderr.lower() or "ssl" in done.stderr.lower(), done.stderr
    assert TOKEN not in done.stderr
    assert server.requests == [], "the token must not have left"
    assert engine.spawner("s")["status"]["phase"] == "Failed"


def test_a_ca_file_that_is_not_there(engine, serve):
    done = engine("once", "-f", engine.write(spawner("s", serve(sends("[]")).url)), "--ca-file", "absent.pem", code=2)
    assert "absent.pem" in done.stderr


def test_a_proxy_of_the_environment_is_used(engine, serve):
    """The request arrives at the proxy, with the whole URL in its first line."""
    seen = []

    def proxy(handler):
        seen.append(handler.path)
        harness.send(handler, "[]")
    server = serve({"http://alertmanager.example:9093": proxy})
    engine.env["http_proxy"] = server.url
    engine("once", "-f", engine.write(spawner("s", "http://alertmanager.example:9093")), code=0)
    assert seen and seen[0].startswith("http://alertmanager.example:9093/api/v2/alerts?")
    engine.env["no_proxy"] = "alertmanager.invalid"
    done = engine("once", "-f", engine.write(spawner("s", "http://alertmanager.invalid:9093")), code=1)
    assert len(seen) == 1 and "alertmanager.invalid" in done.stderr
