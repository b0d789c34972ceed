"""A server for poll_test.c that answers in every way an Alertmanager should not. The first path segment picks how.
Prints its port, then serves until its stdin closes. Every body and every header that could be quoted holds s3cr3t."""
import gzip
import socket
import struct
import sys
import threading
import time

ALERT = (b'{"labels":{"alertname":"A","x":"s3cr3t"},"fingerprint":"%016x","startsAt":"2026-11-22T08:15:30.123Z",'
         b'"status":{"state":"active","silencedBy":[],"inhibitedBy":[]}}')
TWO = b"[" + ALERT % 1 + b"," + ALERT % 2 + b"]\n"


def answer(body, status=b"200 OK", kind=b"Content-Type: application/json\r\n", more=b"", length=None):
    n = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\n%s%sContent-Length: %d\r\n\r\n%s" % (status, kind, more, n, body)


def unsized(body, more=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + more + b"Connection: close\r\n\r\n" + body


def chunked(body, n):
    out = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for i in range(0, len(body), n):
        out += b"%x\r\n%s\r\n" % (len(body[i:i + n]), body[i:i + n])
    return out + b"0\r\n\r\n"


HTML = b"<html><body>s3cr3t login</body></html>"
ANSWERS = {
    "ok": answer(TWO),
    "charset": answer(TWO, kind=b"Content-Type: Application/JSON; charset=utf-8\r\n"),
    "early_hints": b"HTTP/1.1 103 Early Hints\r\nLink: s3cr3t\r\n\r\n" + answer(TWO),
    "chunks": chunked(TWO, 7),
    "bytes": chunked(TWO, 1),
    "unsized": unsized(TWO),
    "gzip": answer(gzip.compress(TWO), more=b"Content-Encoding: gzip\r\n"),
    "one_bad": answer(b"[" + ALERT % 1 + b',{"labels":{"s3cr3t":1}},17]'),
    "truncated": answer(TWO[:-40], length=len(TWO)),
    "truncated_unsized": unsized(TWO[:-40]),
    "truncated_between": unsized(TWO[:-2]),
    "truncated_chunks": chunked(TWO, 50)[:-60],
    "broken_chunks": chunked(TWO, 50)[:200] + b"s3cr3t\r\n\r\n",
    "empty": answer(b""),
    "html": answer(HTML, kind=b"Content-Type: text/html\r\n"),
    "html_as_json": answer(HTML),
    "text": answer(b"s3cr3t"),
    "no_type": answer(TWO, kind=b""),
    "strange_type": answer(TWO, kind=b"Content-Type: s3cr3t\x01!!\r\n"),
    "null": answer(b"null\n"),
    "object": answer(b'{"status":"success","data":"s3cr3t"}'),
    "string": answer(b'"s3cr3t"'),
    "bom": answer(b"\xef\xbb\xbf" + TWO),
    "two_arrays": answer(TWO + TWO),
    "no_comma": answer(TWO.replace(b"},{", b"} {")),
    "end_comma": answer(TWO.replace(b"}]", b"},]")),
    "broken": answer(TWO.replace(b"s3cr3t", b"s3cr3t\x01")),
    "surrogate": answer(TWO.replace(b"s3cr3t", b"s3cr3t\\ud800")),
    "not_utf8": answer(TWO.replace(b"s3cr3t", b"s3cr3t\xff")),
    "bad_gzip": answer(b"s3cr3t" * 10, more=b"Content-Encoding: gzip\r\n"),
    "cut_gzip": answer(gzip.compress(TWO)[:-30], more=b"Content-Encoding: gzip\r\n"),
    "bad_encoding": answer(TWO, more=b"Content-Encoding: s3cr3t\r\n"),
    "ssh": b"SSH-2.0-s3cr3t\r\n",
    "silent": b"",
}
for code in (201, 204, 301, 302, 307, 400, 401, 403, 404, 407, 410, 418, 429, 500, 502, 503, 504, 599):
    ANSWERS[str(code)] = answer(b'"s3cr3t"' if code != 204 else b"", status=b"%d s3cr3t" % code,
                                more=b"Location: http://127.0.0.1/s3cr3t\r\n")


def special(conn, how, head):
    if how == "stall":  # not even a head
        time.sleep(20)
    elif how == "stall_body":
        conn.sendall(answer(TWO)[:-60])
        time.sleep(20)
    elif how == "drip":
        for b in answer(TWO):
            conn.sendall(bytes([b]))
            time.sleep(0.05)
    elif how == "reset":
        conn.sendall(answer(TWO)[:300])
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "endless":
        conn.sendall(unsized(b"["))
        while True:
            conn.sendall((ALERT % 3 + b",") * 100)
    elif how == "endless_element":
        conn.sendall(unsized(b'[{"x":"'))
        while True:
            conn.sendall(b"s3cr3t" * 10000)
    elif how == "endless_space":
        conn.sendall(unsized(b"["))
        while True:
            conn.sendall(b" " * 60000)
    elif how == "bomb":
        conn.sendall(unsized(gzip.compress(b"[" + b" " * (64 << 20)), more=b"Content-Encoding: gzip\r\n"))
    elif how == "echo":  # what was asked, as an alertname
        said = head.split(b"\r\n")
        wanted = [said[0]] + sorted(h for h in said if h.lower().startswith((b"authorization", b"user-agent", b"accept:")))
        text = b"|".join(wanted).replace(b'"', b"'")
        conn.sendall(answer(b"[" + (ALERT % 1).replace(b'"A"', b'"' + text + b'"') + b"]"))
    else:
        conn.sendall(ANSWERS[how])


def serve(conn):
    try:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = conn.recv(65536)
            if not piece:
                return
            head += piece
        special(conn, head.split(b"/")[1].decode().split(" ")[0], head)
    except OSError:
        pass
    finally:
        conn.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    sys.stdout.write("%d\n" % listener.getsockname()[1])
    sys.stdout.flush()

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


main()
