"""Says what it was asked, for http_test.c. Prints its port; ends with its standard input."""
import http.server
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self):
        Handler.connections += 1
        super().setup()

    def answer(self, text, status=200, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = self.path.partition("?")[0]
        if path == "/connections":
            self.answer(str(Handler.connections))
        elif path == "/length":
            self.answer(f"{len(body)} {body[-1]}" if len(set(body)) == 1 else "mixed")
        elif path.startswith("/retry/"):
            self.answer("later", 429, [("Retry-After", path[7:])])
        elif path == "/silent":
            time.sleep(60)
        elif path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "15")
            self.end_headers()
            for _ in range(15):
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            head = "".join(f"|{k}: {v}" for k, v in self.headers.items())
            self.answer(f"{self.command} {self.path}{head}|body {body}")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
