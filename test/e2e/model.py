"""The rules that decide how an alert becomes a Task, written a second time and independently of the program."""
import ctypes
import re
import subprocess

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits.restype = ctypes.c_uint64
_xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def xxh3(text):
    data = text.encode()
    return f"{_xxhash.XXH3_64bits(data, len(data)):016x}"


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxhash.XXH3_128bits.restype = _Hash128
_xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def policy_hash(*files):
    """Of a policy (name, source), then of the libraries that it includes, by name."""
    data = b"".join(name.encode() + b"\0" + source + b"\0" for name, source in files)
    h = _xxhash.XXH3_128bits(data, len(data))
    return f"{h.high:016x}{h.low:016x}"


def fingerprint(labels):
    """FNV-1a 64 over the sorted labels, as Prometheus' common library does it."""
    h = 0xcbf29ce484222325
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def item_id(name, fp):
    """<alertname>-<fingerprint>, the alertname (or a policy's key) reduced to what branches and names can bear."""
    kept = re.sub(rb"[^A-Za-z0-9._-]", b"-", name.encode()).decode()
    kept = re.sub(r"\.\.+", ".", kept).strip(".-")
    return f"{kept or 'alert'}-{fp}"


def number(fp):
    n = int(fp, 16)
    return ((n >> 32) ^ (n & 0xffffffff)) & 0x7fffffff


def body(alert):
    def part(pairs):
        lines = []
        for name, value in pairs:
            value = value.rstrip("\n")
            if value:
                lines.append(f"{name}: " + value.replace("\n", "\n  "))
        return "\n".join(lines)

    annotations = alert["annotations"]
    first = [k for k in ("summary", "description") if k in annotations]
    rest = sorted((k for k in annotations if k not in first), key=str.encode)
    labels = sorted(alert["labels"], key=str.encode)
    parts = [part((k, annotations[k]) for k in first + rest), part((k, alert["labels"][k]) for k in labels)]
    text = "\n\n".join(p for p in parts if p)
    if len(text.encode()) > 65536:
        tail = "\n[truncated]"
        text = text.encode()[:65536 - len(tail)].decode(errors="ignore") + tail
    return text


def variables(alert):
    fp = alert["fingerprint"]
    labels = alert["labels"]
    return {"ID": item_id(labels.get("alertname", ""), fp), "Number": str(number(fp)),
            "Title": labels.get("alertname", ""), "Body": body(alert), "URL": alert.get("generatorURL", ""),
            "Labels": ", ".join(sorted(labels, key=str.encode)), "Kind": "Alert", "Fingerprint": fp,
            "StartsAt": alert["startsAt"], "Severity": labels.get("severity", ""), "Comments": "", "Branch": "",
            "ReviewState": "", "ReviewComments": "", "Time": "", "Schedule": ""}


def render(template, alert):
    """Templates that hold nothing but {{.Variable}}."""
    return re.sub(r"\{\{\.(\w+)\}\}", lambda m: variables(alert)[m[1]], template)


def dns_name(text):
    text = re.sub(r"[^a-z0-9.-]", "-", text.lower())
    return ".".join(label.strip("-") for label in text.split(".") if label.strip("-"))


def task_name(spawner, ident, fp):
    name = dns_name(f"{spawner}-{ident}")
    if len(name) <= 63:
        return name
    head = name.removesuffix(f"-{fp}")[:37].rstrip("-.")
    return f"{head}-{xxh3(spawner)[:8]}-{fp}"


def branch(text):
    """Illegal parts become one '-' each. Knows only the illegal parts that these tests use."""
    return re.sub(r"[\x00-\x20~^:?*\[\\\x7f]+|\.\.+|//+", "-", text)


def is_branch(name):
    """Would git take it?"""
    return subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True).returncode == 0
