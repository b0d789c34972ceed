"""kube-probe, the engine's client of the API server at the end of two pipes (kube-probe.c)."""
import json
import os
import queue
import signal
import subprocess
import threading
import time

from harness import PATIENCE


class Probe:
    """probe(COMMAND, ARGS...) sends; wait(says=...) is the next line that matches. `env`: more of the environment;
    `wrapper`: a command that runs it."""

    def __init__(self, config, context="", env=None, wrapper=(), **popen):
        self.process = subprocess.Popen([*wrapper, os.environ["KUBE_PROBE"], str(config or ""), *([context] if context else [])],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})}, **popen)
        self.lines, self.seen, self.errors = queue.Queue(), [], []
        self.readers = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def __call__(self, *words):
        self.process.stdin.write("\t".join(w if isinstance(w, str) else json.dumps(w) for w in words) + "\n")
        self.process.stdin.flush()

    def wait(self, says=None, patience=PATIENCE, where=lambda _: True, **want):
        """The next such line; others are passed over. In `seen` are all."""
        end = time.monotonic() + patience
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not within {patience} s: {says} {want}; seen: {self.seen[-5:]} {self.errors}") from None
            assert line is not None, f"the probe ended, waiting for {says} {want}: {self.seen[-3:]} {''.join(self.errors)}"
            self.seen.append(line)
            if (says is None or line["says"] == says) and where(line) and all(line.get(k) == v for k, v in want.items()):
                return line

    def ask(self, *words):
        """The answer to one command."""
        self(*words)
        return self.wait(words[0])

    def dump(self):
        return self.ask("dump")

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        """It ends well: no leak, no handle left open."""
        if self.process.poll() is None:
            self.process.stdin.close()
        code = self.process.wait(timeout=PATIENCE)
        for reader in self.readers:
            reader.join()
        assert code == 0, f"kube-probe ended with {code}: {''.join(self.errors)}"

    def kill(self):
        self.process.kill()
        self.process.wait()
