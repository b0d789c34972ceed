#!/usr/bin/env python3
"""docs_policies.py PROBE [ALERTSPAWNER] | --write: every example of docs/policies.md does what the page says.

    ```lua FILE.lua         a whole policy (or library, lib_*.lua): loaded by a real worker, without error and without lint
    ```lua fragment         part of one: compiled in a wrapper
    ```text asked           an alert, and after "->" what the policy of the block before says of it
    ```json asked           the same of a ready-made policy
    ```text body            the body of the Task that the block before would make
    ```console check|plan   `alertspawner check` and `plan` with the policies before it (when ALERTSPAWNER is given)

--write makes the tables of helpers anew, from lua/prelude/helpers.def.

And the page names every hook, field, member, helper and ceiling that there is in the code, and none that there is not."""
import datetime
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/policies.md"
WRITE = sys.argv[1:] == ["--write"]
PROBE, ALERTSPAWNER = ([pathlib.Path(p).resolve() for p in sys.argv[1:]] + [None])[:2]
NOW = "2026-03-04T10:00:00Z"

text = PAGE.read_text()
problems = []
checked = 0


def wrong(line, sentence):
    problems.append(f"docs/policies.md:{line}: {sentence}")


def blocks():
    """(line, info string, content) of every fenced block."""
    for m in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.S | re.M):
        yield text.count("\n", 0, m.start()) + 1, m[1].split(), m[2]


def ask(request):
    done = subprocess.run([PROBE], input=json.dumps(request) + "\n", capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{PROBE}: {done.stderr}\n{json.dumps(request)[:2000]}")
    return json.loads(done.stdout)


def iso(epoch):
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def coded(said):
    detail = f" ({said['detail']})" if said["detail"] else ""
    return f"{said['code']}{detail}"


def lines_of(answer):
    """What the policy said, as the page writes it."""
    judged = answer["judged"]
    if judged["answer"] != "keep":
        yield f"{judged['answer']} {coded(judged)}"
    else:
        yield "keep"
        if "key" in judged:
            yield f"key {judged['key']}"
        yield f"priority {judged['priority']}"
    if judged["fallback"]:
        yield f"fallback {judged['fallback']}"
    composed = answer.get("composed", {})
    if composed:
        yield f"title {composed['title']}"
        yield f"body {json.dumps(composed['body'], ensure_ascii=False)}"
        if composed["fallback"]:
            yield f"fallback {composed['fallback']}"
    for name, said in (("retrigger", answer.get("retriggered")), ("resolve", answer.get("resolved"))):
        if said:
            value = said["value"]
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                value = iso(value)
            elif isinstance(value, bool):
                value = str(value).lower()
            yield f"{name} {value} {coded(said)}".rstrip()
            yield f"{name} {value}"
    for note in answer["notes"]:
        yield f"note {note['name']} {note['value']}"
    if answer["state"]:
        yield "state " + json.dumps(answer["state"], sort_keys=True)


def alerts(labels, more):
    a = {"labels": labels, "annotations": more.get("annotations", {})}
    if "starts_at" in more:
        a["startsAt"] = more["starts_at"]
    return a


body = None # of the block before


def compare(line, files, named, given, expected):
    global checked, body
    request = {"files": files, "named": named, "now": given.get("at", NOW), "alert": alerts(given["alert"], given)}
    if isinstance(request["now"], str):
        request["now"] = datetime.datetime.fromisoformat(request["now"].replace("Z", "+00:00")).timestamp()
    for name in ("config", "seen", "last", "state", "created", "resolve"):
        if name in given:
            request[name] = given[name]
    for name in ("group", "firing"):
        if name in given:
            request[name] = [alerts(labels, {}) for labels in given[name]]
    answer = ask(request)
    if answer["load"] or "judged" not in answer:
        wrong(line, f"the policy does not load: {answer['load']}")
        return
    body = answer.get("composed", {}).get("body")
    said = list(lines_of(answer))
    if not expected:
        wrong(line, "nothing is expected here")
    for want in expected:
        if want.startswith("state "):
            want = "state " + json.dumps(json.loads(want[6:]), sort_keys=True)
        checked += 1
        if want not in said:
            wrong(line, f"'{want}' is not what it says:\n    " + "\n    ".join(said))


def check_load(line, files, name):
    global checked
    answer = ask({"files": files, "named": name.removesuffix(".lua"), "lint": True})
    for sentence in answer["load"]:
        wrong(line, f"does not load: {sentence}")
    for lint in answer["lint"]:
        wrong(line, f"lint: {lint['file']}:{lint['line']}: {lint['sentence']}")
    checked += 1


def policy_name(source, file):
    m = re.search(r"\bname = \"([^\"]+)\"", source)
    return m[1] if m else file.removesuffix(".lua")


def ready_made():
    return {f.name: f.read_text() for f in sorted((ROOT / "policies").glob("*.lua")) if f.name != "default.lua"}


# console blocks

DOCUMENT = """apiVersion: kelos.dev/v1alpha2
kind: TaskSpawner
metadata: {name: oncall}
spec:
  when:
    prometheusAlerts: {url: "http://alertmanager.example:9093"}
  taskTemplate:
    type: claude-code
    credentials: {type: api-key, secretRef: {name: claude}}
    workspaceRef: {name: app}
    promptTemplate: "{{.Title}}"
"""


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (ROOT / "spec/fixtures/payments.json").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def run_console(line, verb, content, files):
    global checked
    command, _, expected = content.partition("\n")
    if ALERTSPAWNER is None:
        return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        d = pathlib.Path(directory)
        (d / "oncall.yaml").write_text(DOCUMENT)
        (d / "policies.d").mkdir()
        for name, source in files.items():
            (d / "policies.d" / name).write_text(source)
        words = command.removeprefix("$ alertspawner ").split()
        if verb == "plan":
            words += ["--alertmanager", f"http://127.0.0.1:{server.server_port}", "--store", f"sqlite:{d}/tasks.db"]
        done = subprocess.run([ALERTSPAWNER, *words], cwd=d, capture_output=True, text=True, timeout=300)
    server.shutdown()
    strip = "\n".join(x.rstrip() for x in expected.rstrip().split("\n"))
    got = "\n".join(x.rstrip() for x in done.stdout.rstrip().split("\n"))
    checked += 1
    if strip != got:
        wrong(line, f"`{command}` says (exit {done.returncode}):\n{done.stdout}{done.stderr}")


def run_examples():
    global checked
    libraries, last, seen_files = {}, None, {}
    made = ready_made()
    for line, info, content in blocks():
        if info[:1] == ["lua"] and len(info) == 2 and info[1].endswith(".lua"):
            name = info[1]
            if name.startswith("lib_"):
                libraries[name] = content
                continue
            files = {**libraries, name: content}
            files.update({f"lib_{n}": s for n, s in made.items() if f'"lib_{n[:-4]}"' in content})
            seen_files = {name: content}
            last = (files, policy_name(content, name))
            check_load(line, files, last[1])
        elif info == ["lua", "fragment"]:
            source = f"local function _(alert, ctx, super)\n{content}\nend\nreturn policy.extend(policy.base, {{api = 1}})"
            answer = ask({"files": {"fragment.lua": source}})
            for sentence in answer["load"]:
                wrong(line, f"does not compile: {sentence}")
        elif info[:1] == ["lua"]:
            wrong(line, "a lua block is either FILE.lua or fragment")
        elif info == ["text", "asked"]:
            given, expected = {}, []
            for row in content.splitlines():
                if row.startswith("-> "):
                    expected.append(row[3:])
                else:
                    key, _, value = row.partition(" ")
                    value = value.strip()
                    given[key] = json.loads(value) if value[0] in "[{" else value
            compare(line, last[0], last[1], given, expected)
        elif info == ["json", "asked"]:
            given = json.loads(content)
            name = given["policy"]
            compare(line, {name + ".lua": made[name + ".lua"]}, name, given, given["answer"])
        elif info == ["text", "body"]:
            checked += 1
            if body is None or body.rstrip() != content.rstrip():
                wrong(line, f"the body is\n{body}")
        elif info[:1] == ["console"]:
            run_console(line, info[1], content, seen_files)


# names

def source(path):
    return (ROOT / path).read_text()


def strings_of(path, variable):
    """The string literals of `variable` = {...} in a C or Lua file."""
    m = re.search(re.escape(variable) + r"(?:\[[^]]*\])*\s*=\s*\{(.*?)\}", source(path), re.S)
    if not m:
        raise SystemExit(f"{path}: there is no list {variable}")
    return re.findall(r'"([^"]+)"', m[1])


ENVIRONMENT = """
local found = {}
for name, value in pairs(_ENV) do
  if type(value) == "table" then
    for field in pairs(value) do found[#found + 1] = name .. "." .. tostring(field) end
  else
    found[#found + 1] = name
  end
end
table.sort(found)
local all = table.concat(found, "\\n")
return policy.extend(policy.base, {api = 1, name = "env", body = function() return all end})
"""


def environment():
    answer = ask({"files": {"env.lua": ENVIRONMENT}, "named": "env", "alert": {"labels": {"alertname": "A"}}})
    return set(answer["composed"]["body"].split("\n"))


LUA_LIBRARIES = {"string", "table", "math", "utf8"} # known to who knows Lua; the page says what is missing
BASE_FIELDS = {"policy.base", "policy.extend"}


def helper_tables():
    """Of helpers.def: "--- name(arguments) -> result: what it does"."""
    groups = {}
    for name, arguments, result, does in re.findall(r"^--- ([\w.]+)(\([^)]*\)) -> ([^:]+): (.*)$",
                                                    source("lua/prelude/helpers.def"), re.M):
        does = does.replace("|", "\\|")
        library = name.split(".")[0] if "." in name else ""
        groups.setdefault(library, []).append(f"| `{name}{arguments}` | {result}: {does} |")
    lines = []
    for library in sorted(groups):
        head = f"`{library}`" if library else "Of no library"
        lines += [f"| {head} | |", "|---|---|", *groups[library], ""]
    return "\n" + "\n".join(lines)


MARKS = "<!-- helpers -->\n", "<!-- end of helpers -->\n"


def check_helpers():
    before, _, rest = text.partition(MARKS[0])
    there, _, after = rest.partition(MARKS[1])
    if WRITE:
        PAGE.write_text(before + MARKS[0] + helper_tables() + MARKS[1] + after)
    elif there != helper_tables():
        wrong(1, "the tables of helpers are not those of lua/prelude/helpers.def: test/docs_policies.py --write")


def check_names():
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    said = {word.replace("\\|", "|") for word in re.findall(r"`([^`\n]+)`", prose)}
    heads = {re.match(r"[\w.:]*", word)[0] for word in said}

    real = environment()
    helpers = {n for n in real if n.split(".")[0] not in LUA_LIBRARIES and not n.startswith("policy.base.")}
    for name in sorted(helpers - heads):
        wrong(1, f"{name} is not on the page")
    libraries = {n.split(".")[0] for n in helpers if "." in n}
    codes = set(re.findall(r"`(policy\.\w+)`", source("docs/reasons.md"))) | {"policy."}
    for content in ready_made().values():
        declared = re.search(r"^    reasons = \{(.*?)\}", content, re.S | re.M)
        codes.update("policy." + code for code in re.findall(r"(\w+) = \"", declared[1] if declared else ""))
    for code in sorted(codes - heads - {"policy.shadow"}):
        wrong(1, f"the reason {code} is not on the page")
    for head in sorted(heads):
        if head.split(".")[0] in libraries and "." in head and head not in helpers | ABSENT | codes:
            wrong(1, f"{head} does not exist")

    hooks = strings_of(*HOOKS)
    for title, expected in (("| Field | Type | Meaning |", hooks + FIELDS()), ("| Hook | Asked |", hooks)):
        table = text[text.index(title):].partition("\n\n")[0]
        there = re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines()))
        for name in sorted(set(expected) ^ set(there)):
            wrong(1, f"the table '{title}' and the code differ about {name}")

    ctx = re.search(r"ctx has no field '%s'; it has([^;]*)\"", source("lua/bind_ctx.c").replace('"\n', ""))
    members = re.findall(r"[a-z_]+", re.sub(r'"\s*"', "", ctx[1]))
    members = ["ctx." + m for m in members]
    members += ["ctx.seen." + f for f in strings_of("lua/bind_record.c", "seen_fields")]
    members += ["ctx.last." + f for f in strings_of("lua/bind_record.c", "last_fields")]
    members += ["ctx.policy.name", "ctx.policy.hash", "ctx.spawner.name", "ctx.spawner.namespace", "ctx.group.count"]
    for prefix, expected in (("ctx.", members), ("alert.", ALERT())):
        for name in expected:
            if name not in heads:
                wrong(1, f"{name} is not on the page")
        for head in sorted(h for h in heads if h.startswith(prefix)):
            base = head if head in expected else ".".join(head.split(".")[:2])
            if head not in expected and not (prefix == "alert." and base in ("alert.labels", "alert.annotations")):
                wrong(1, f"{head} does not exist")
    return len(helpers)


HOOKS = ("lua/policy.h", "") # see main()
ABSENT = {"string.dump", "math.random", "math.randomseed"}


def FIELDS():
    return [f for f in strings_of("lua/prelude/check.lua", "FIELDS")]


def ALERT():
    methods = {"label", "annotation", "matches"}
    return [("alert:" if f in methods else "alert.") + f for f in strings_of("lua/bind_alert.c", "fields")]


# ceilings

HEADERS = ["core/policy/wire.h", "core/policy/judge.h", "core/policy/policy_files.h", "core/policy/policy_health.h",
           "core/alerts/episode.h", "core/tasks/store.h", "lua/policy.h", "lua/sandbox.h", "lua/matcher.h", "core/policy/zone_name.h",
           "core/policy/library_name.h"]
# Ranges of a policy's `limits`, in the sentence below the table.
RANGES = {name: f"WIRE_{name.upper()}_MAX" for name in ("per_hour", "per_day", "ramp", "slots")}
# Of those files, what no policy and no operator can notice.
INTERNAL = {
    "WIRE_FRAME_MAX", "JUDGE_BATCH_ALERTS", "JUDGE_BATCH_BYTES", "JUDGE_CODE_MAX", "JUDGE_NOTES_MAX", "JUDGE_DEATHS_UNEXPLAINED_MAX",
    "JUDGE_LINTS_MAX", "JUDGE_MEMBERS_BYTES_MAX", "JUDGE_STATES_BYTES_MAX", "HEALTH_POISON_MAX",
    "EPISODES_COLLAPSE_MIN", "MATCHER_CACHE_MAX", "WIRE_MATCH_MAX", *RANGES.values(),
}


def constants():
    found = {}
    for path in HEADERS:
        plain = re.sub(r"/\*.*?\*/", "", source(path), flags=re.S)
        for name, value in re.findall(r"\b([A-Z][A-Z0-9_]+)\s*=\s*([0-9][0-9 *<]*)\s*[,}]", plain):
            found[name] = eval(value)
    INTERNAL.update(name for name in found if name.startswith("WIRE_CHAIN_"))  # of an explanation: no policy meets them
    for path in ("lua/prelude/extend.lua", "lua/prelude/check.lua"):
        for name, value in re.findall(r"^local ([A-Z_]+_MAX) = ([0-9]+)$", source(path), re.M):
            found[name] = int(value)
    defaults = re.search(r"judge_limits_default\(void\)\s*\{(.*?)\n\}", "".join(
        f.read_text() for f in (ROOT / "core/policy").glob("judge*.c")), re.S)[1]
    for name, value in re.findall(r"\.(\w+) = ([^,}]+)[,}]", defaults):
        value = re.sub(r"\([a-z0-9_]+\)|(?<=\d)[uUlL]+", "", value).replace("MOMENT_SECOND", "1000000")
        found[name] = eval(value)
    return found


def check_limits():
    known = constants()
    section = text[text.index("## All limits"):]
    rows = re.findall(r"^\|([^|]*)\| (\d+)( KiB| MiB)? \| `(\w+)` \|$", section, re.M)
    for what, number, unit, name in rows:
        value = int(number) * {"": 1, " KiB": 1024, " MiB": 1024 * 1024}[unit]
        if known.get(name) != value:
            wrong(1, f"the limit {name} is {known.get(name)}, not {value}")
    named = {row[3] for row in rows}
    for name in sorted(known):
        if re.search(r"_(MAX|SHOWN|DAYS|POLLS|DEPTH)$", name) and name not in named | INTERNAL:
            wrong(1, f"the limit {name} = {known[name]} is not on the page")
    if len(rows) < 20:
        wrong(1, "the table of limits is not read")
    # limits' own ranges
    for name in strings_of("lua/prelude/check.lua", "LIMITS"):
        if f"`limits.{name}`" not in text:
            wrong(1, f"limits.{name} is not on the page")
    for name, constant in RANGES.items():
        if not re.search(rf"`{name}` 1 to {known[constant]}\b", section):
            wrong(1, f"limits' {name} is 1 to {known[constant]}")
    return len(rows)


def check_ready_made():
    """Each has an entry, a spec, a header with an example, and no match."""
    entries = set(re.findall(r"^### (\w+)$", text, re.M))
    for file, content in ready_made().items():
        name = file.removesuffix(".lua")
        if name not in entries:
            wrong(1, f"{file} has no entry")
        if not (ROOT / f"spec/{name}_spec.lua").exists():
            wrong(1, f"{file} has no spec")
        if f"alerts.kelos.dev/policy: {name}\n" not in content or not content.startswith("-- "):
            wrong(1, f"{file} has no header with an example")
        if re.search(r"^\s*match\s*=", content, re.M):
            wrong(1, f"{file} has a match")
        entry = re.search(rf"^### {name}$(.*?)^##", text, re.S | re.M)
        for option in sorted(set(re.findall(r"ctx\.config\.(\w+)|(?<!ctx\.)\bconfig\.(\w+)", content))):
            option = option[0] or option[1]
            if entry and f"`{option}`" not in entry[1]:
                wrong(1, f"the entry of {name} does not name its config {option}")
            if not re.search(rf"^--.*\b{option}\b", content, re.M):
                wrong(1, f"the header of {file} does not name its config {option}")
        check_load(1, {file: content}, name)


def main():
    global HOOKS
    check_helpers()
    if WRITE:
        return
    for path in sorted((ROOT / "lua").glob("policy*.c")):
        if re.search(r"hook_names\w*\[", path.read_text()) and "{\"filter\"" in path.read_text():
            HOOKS = (str(path.relative_to(ROOT)), re.search(r"\w*hook_names", path.read_text())[0])
    run_examples()
    check_ready_made()
    helpers, limits = check_names(), check_limits()
    print("\n".join(problems) or f"{checked} examples, {helpers} helpers and {limits} limits are as docs/policies.md says")
    sys.exit(bool(problems))


main()
