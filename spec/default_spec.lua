-- The default policy is Kelos' proposal, exactly: a Task for every alert that the spawner's selectors choose.

local p = policies.load "default.lua"

local T = "2026-03-04T10:00:00Z"

describe("default", function()
    before_each(function() clock.at(T) end)

    local function render(template, a)
        return p:decide(a, {templates = {prompt = template}}).prompt
    end

    describe("which alerts", function()
        it("keeps whatever the selectors chose", function()
            for _, file in ipairs {"oom.json", "node_down.json", "payments.json", "hostile.json", "odd.json"} do
                for _, a in ipairs(alert.all(file)) do
                    assert.is_true(p:decide(a).keep)
                end
            end
        end)
        it("does not look at endsAt", function()
            assert.is_true(p:decide(alert({alertname = "A"}, {ends_at = clock.ago "1h"})).keep)
        end)
        it("leaves state, silences and inhibitions to the selectors", function()
            assert.is_true(p:decide(alert({alertname = "A"}, {state = "unprocessed"})).keep)
            assert.is_true(p:decide(alert({alertname = "A"}, {state = "suppressed", silenced_by = {"s"}})).keep)
            assert.is_true(p:decide(alert({alertname = "A"}, {state = "suppressed", inhibited_by = {"f"}})).keep)
        end)
        it("does not ask for labels", function()
            assert.is_true(p:decide(alert{}).keep)
            assert.is_true(p:decide(alert{alertname = "", severity = ""}).keep)
        end)
    end)

    describe("ID", function()
        local function id(name, fingerprint)
            return render("{{.ID}}", alert({alertname = name, x = "y"}, {fingerprint = fingerprint or "a1b2c3d4e5f60718"}))
        end
        it("is alertname and fingerprint", function()
            local a = alert.from("oom.json", {pod = "search-0"})
            assert.equal("KubeContainerOOMKilled-" .. a.fingerprint, render("{{.ID}}", a))
        end)
        for name, want in pairs {
            ["Disk Full: /dev/sda1"] = "Disk-Full---dev-sda1", ["a..b...c"] = "a.b.c", [".-x-."] = "x",
            ["Größe"] = "Gr----e", -- every byte becomes one
            ["UPPER_case.1"] = "UPPER_case.1", ["-.a.-"] = "a", ["a\tb\nc"] = "a-b-c", [("x"):rep(300)] = ("x"):rep(300),
        } do
            it("reduces " .. name, function()
                assert.equal(want .. "-a1b2c3d4e5f60718", id(name))
            end)
        end
        it("is alert-<fingerprint> when nothing is left", function()
            assert.equal("alert-a1b2c3d4e5f60718", id "...")
            assert.equal("alert-a1b2c3d4e5f60718", id "äöü")
            local a = alert.from("odd.json", {job = "node"})
            assert.equal("alert-" .. a.fingerprint, render("{{.ID}}", a))
        end)
        it("is the key's: the fingerprint, by which Alertmanager knows the alert", function()
            assert.is_nil(p:decide(alert.from("oom.json")).key)
        end)
    end)

    it("has a Number of 31 bits", function()
        assert.equal("1145357516", -- 0xa1b2c3d4 xor 0xe5f60718, without its highest bit
            render("{{.Number}}", alert({alertname = "A"}, {fingerprint = "a1b2c3d4e5f60718"})))
        assert.equal("0", render("{{.Number}}", alert({alertname = "A"}, {fingerprint = "a1b2c3d4a1b2c3d4"})))
    end)

    it("has the alertname as Title, untouched", function()
        assert.equal("Größe: 100 % voll!", p:decide(alert.from("odd.json", {severity = "Critical"})).title)
        assert.equal(("x"):rep(300), p:decide(alert{alertname = ("x"):rep(300)}).title)
        assert.equal("", p:decide(alert.from("odd.json", {job = "node"})).title)
    end)

    describe("Body", function()
        local function body(annotations, labels) return p:decide(alert(labels or {}, {annotations = annotations})).body end

        it("is summary, description, the other annotations, an empty line, the labels", function()
            assert.equal(table.concat({
                "summary: Container was OOM killed.",
                "description: Container app in pod production/search-0 was killed: it used more memory than its limit.",
                "runbook_url: https://runbooks.example/oom",
                "",
                "alertname: KubeContainerOOMKilled",
                "container: app",
                "job: kube-state-metrics",
                "namespace: production",
                "owner: search",
                "pod: search-0",
                "severity: warning",
            }, "\n"), p:decide(alert.from("oom.json", {pod = "search-0"})).body)
        end)
        it("sorts by bytes", function()
            assert.equal("B: 1\na: 2\n\nZ: 3\n_: 4\nb: 5", body({a = "2", B = "1"}, {b = "5", _ = "4", Z = "3"}))
        end)
        it("leaves out what is empty, and the empty line where one part is", function()
            assert.equal("alertname: A", body({summary = ""}, {alertname = "A"}))
            assert.equal("summary: s", body({summary = "s"}, {}))
            assert.equal("", body({}, {}))
        end)
        it("indents further lines and drops trailing ones", function()
            assert.equal("description: one\n  two\n  \n  three\nnote: ja 😀\n\nalertname: Größe: 100 % voll!\nseverity: Critical",
                p:decide(alert.from("odd.json", {severity = "Critical"})).body)
        end)
        it("is at most 64 KiB, cut between characters, with a mark inside", function()
            local d = p:decide(alert({}, {annotations = {summary = ("é"):rep(40000)}}))
            assert.equal(65535, #d.body)
            assert.equal("é\n[truncated]", d.body:sub(-14))
            d = p:decide(alert({}, {annotations = {summary = ("x"):rep(65536 - 9)}}))
            assert.equal(65536, #d.body)
            assert.equal("x", d.body:sub(-1))
        end)
    end)

    it("fills in the other variables", function()
        local a = alert.from("payments.json", {alertname = "ErrorBudgetBurn"})
        assert.equal("http://prometheus.example/graph?g0.expr=up", render("{{.URL}}", a))
        assert.equal("alertname, long_window, namespace, owner, service, severity, short_window, slo", render("{{.Labels}}", a))
        assert.equal("Alert", render("{{.Kind}}", a))
        assert.equal(a.fingerprint, render("{{.Fingerprint}}", a))
        assert.equal(a.startsAt, render("{{.StartsAt}}", a))
        assert.equal("critical", render("{{.Severity}}", a))
        assert.equal("checkout of availability", render("{{.Alert.labels.service}} of {{.Alert.labels.slo}}", a))
        assert.equal("", render("{{.URL}}", alert({alertname = "A"}, {url = ""})))
    end)

    it("has the whole alert for templates", function()
        local a = alert({alertname = "A", pod = "p"}, {annotations = {summary = "s", runbook_url = "r"}, fingerprint = "a1b2c3d4e5f60718",
            url = "http://u", receivers = {"all", "oncall"}, starts_at = "2026-03-04T09:50:00.000Z",
            ends_at = "2026-03-04T10:05:00.000Z"})
        for member, want in pairs {
            labels = "map[alertname:A pod:p]", annotations = "map[runbook_url:r summary:s]", receivers = "[all oncall]",
            startsAt = "2026-03-04T09:50:00.000Z", endsAt = "2026-03-04T10:05:00.000Z", updatedAt = "2026-03-04T10:00:00.000Z",
            generatorURL = "http://u", fingerprint = "a1b2c3d4e5f60718", state = "active",
        } do
            assert.equal(want, render("{{.Alert." .. member .. "}}", a), member)
        end
        assert.equal("pod=p alertname=A", render('pod={{.Alert.labels.pod}} {{with .Alert.labels}}alertname={{.alertname}}{{end}}', a))
        assert.equal("all,oncall,", render("{{range .Alert.receivers}}{{.}},{{end}}", a))
    end)

    it("leaves alert text alone that looks like a template", function()
        local a = alert({alertname = "{{.Nope}}"}, {annotations = {summary = "{{printf \"%s\" .Title}}"}})
        assert.equal("{{.Nope}}", render("{{.Title}}", a))
        assert.equal("summary: {{printf \"%s\" .Title}}\n\nalertname: {{.Nope}}", render("{{.Body}}", a))
    end)

    it("leaves empty what alerts do not have, and refuses what nobody has", function()
        local a = alert.from("oom.json")
        for _, name in ipairs {"Comments", "Branch", "ReviewState", "ReviewComments", "Time", "Schedule"} do
            assert.equal("[]", render("[{{." .. name .. "}}]", a))
        end
        assert.has_error(function() render("{{.Nope}}", a) end)
        assert.has_error(function() render("{{.Alert.labels.nope}}", a) end)
    end)

    it("renders names and branches with the same variables", function()
        local a = alert({alertname = "DiskFull", pod = "db-0"}, {fingerprint = "a1b2c3d4e5f60718"})
        local d = p:decide(a, {templates = {prompt = "p", name = "{{.ID}}", branch = "fix/{{.Alert.labels.pod}}"}})
        assert.equal("DiskFull-a1b2c3d4e5f60718", d.name)
        assert.equal("fix/db-0", d.branch)
    end)
    it("has no name of its own and no branch without templates: the engine's name for the Task counts", function()
        local d = p:decide(alert{alertname = "A"})
        assert.equal("", d.name)
        assert.equal("", d.branch)
    end)

    describe("priority", function()
        local function priority(labels, wanted) return p:decide(alert(labels), {priority_labels = wanted}).priority end

        it("is the same for all without priorityLabels", function()
            assert.equal(priority({alertname = "A", severity = "critical"}), priority({alertname = "B"}))
        end)
        it("is the place of the first entry that fits, a key or key=value", function()
            local wanted = {"severity=critical", "pager", "severity=warning"}
            assert.equal(0, priority({severity = "critical", pager = "x"}, wanted))
            assert.equal(1, priority({severity = "warning", pager = "x"}, wanted))
            assert.equal(2, priority({severity = "warning"}, wanted))
            assert.equal(1000, priority({severity = "critical "}, wanted))
            assert.equal(1000, priority({Severity = "critical"}, wanted))
            assert.equal(1000, priority({severity = ""}, wanted))
            assert.equal(1000, priority({}, wanted))
        end)
    end)

    describe("retrigger", function()
        local function again(last, starts_at)
            return (p:retrigger(alert({alertname = "A"}, {starts_at = starts_at}), {last = last}))
        end

        it("is for an alert that fired after its Task had finished", function()
            for _, phase in ipairs {"Succeeded", "Failed"} do
                local last = {phase = phase, completed_at = clock.ago "30m"}
                assert.is_true(again(last, clock.ago "29m"))
                assert.is_false(again(last, clock.ago "30m"), "at the same moment is not later")
                assert.is_false(again(last, clock.ago "31m"))
            end
        end)
        it("wants a Task that has finished, and says when", function()
            for _, phase in ipairs {"", "Pending", "Waiting", "Running"} do
                assert.is_false(again({phase = phase}, clock.ago "1m"))
            end
            assert.is_false(again({phase = "Succeeded", completed_at = 0}, clock.ago "1m"))
        end)
        it("looks at the earliest of a group", function()
            assert.is_false(again({completed_at = clock.ago "30m", trigger_at = clock.ago "40m"}, clock.ago "1m"))
        end)
        it("happens once for an alert from the future", function()
            local soon = clock.ahead "2h"
            assert.is_true(again({starts_at = clock.ago "2h"}, soon))
            assert.is_false(again({starts_at = soon}, soon))
        end)
        it("compares startsAt with the completion exactly", function()
            local last = {completed_at = "2026-03-04T09:30:00.500Z"}
            assert.is_false(again(last, "2026-03-04T09:30:00.499Z"))
            assert.is_false(again(last, "2026-03-04T09:30:00.500Z"))
            assert.is_true(again(last, "2026-03-04T09:30:00.501Z"))
        end)
        it("counts no attempts", function()
            for _, attempts in ipairs {0, 1, 17, 1000} do
                assert.is_true(again({attempts = attempts}, clock.ago "1m"))
            end
        end)
        it("makes a Task anew that is gone", function()
            assert.is_true(again({gone = true, phase = "Succeeded"}, clock.ago "3h"))
            assert.is_true(again({gone = true, phase = "Running"}, clock.ago "3h"))
        end)
        it("gives no reason of its own", function()
            local _, reason = p:retrigger(alert{alertname = "A"})
            assert.is_nil(reason)
        end)
    end)

    it("leaves Tasks alone whose alerts have resolved", function()
        assert.equal("keep", (p:resolve(alert{alertname = "A"})))
    end)
end)
