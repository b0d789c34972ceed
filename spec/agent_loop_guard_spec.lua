local p = policies.load "agent_loop_guard.lua"

describe("agent_loop_guard", function()
    local recorded = alert.all "agents.json"

    local function reason(a, config) return p:decide(a, {config = config}).reason end
    local function find(labels) return alert.from("agents.json", labels) end

    it("knows a Task's Job and Pods", function()
        assert.equal("own_task", reason(find{alertname = "KubeJobFailed", namespace = "agents"}))
        assert.equal("own_task", reason(find{alertname = "KubePodCrashLooping"}))
        local d = p:decide(find{alertname = "KubePodCrashLooping"})
        assert.equal("its label pod names an agent's Job or Pod", d.detail)
    end)

    it("knows a Pod whose Job's name was too long for it", function()
        assert.equal("own_task", reason(find{alertname = "KubePodNotReady", namespace = "agents"}))
    end)

    it("knows the label that Kelos gives them", function()
        assert.equal("own_task", reason(find{alertname = "AgentOverCPU"}))
        assert.equal("own_task", reason(alert{alertname = "A", kelos_dev_taskspawner = "oncall"}))
    end)

    it("knows the names that Tasks really get", function()
        -- the Task's own name for this alert, as nameTemplate's default has it
        local a = alert.from("oom.json", {pod = "search-0"})
        local job = "oncall-kubecontaineroomkilled-" .. a.fingerprint
        assert.equal("own_task", reason(alert{alertname = "KubeJobFailed", job_name = job}))
        assert.equal("own_task", reason(alert{alertname = "KubePodNotReady", pod = job .. "-abc12"}))
        assert.equal("own_task", reason(alert{alertname = "KubePodNotReady", exported_pod = job .. "-abc12"}))
    end)

    it("leaves everybody else's alone", function()
        local kept = 0
        for _, a in ipairs(recorded) do
            if a.labels.namespace == "production" and not a.labels.label_kelos_dev_task then
                assert.is_true(p:decide(a).keep, a.labels.pod or a.labels.job_name)
                kept = kept + 1
            end
        end
        assert.equal(3, kept)
        for _, name in ipairs {"", "-", "a1b2c3d4e5f60718", "x-a1b2c3d4e5f6071", "x-a1b2c3d4e5f607180", "x-a1b2c3d4e5f6071g"} do
            assert.is_true(p:decide(alert{alertname = "KubeJobFailed", job_name = name}).keep, name)
        end
    end)

    it("wants a name that Kubernetes would give", function()
        local digits = "-a1b2c3d4e5f60718"
        assert.equal("own_task", reason(alert{alertname = "A", job_name = "x" .. digits}))
        assert.equal("own_task", reason(alert{alertname = "A", job_name = ("x"):rep(253 - #digits) .. digits}))
        assert.is_true(p:decide(alert{alertname = "A", job_name = ("x"):rep(254 - #digits) .. digits}).keep)
        assert.equal("own_task", reason(alert{alertname = "A", pod = "x-a1b2c3d4e5f" .. "x7k2p"}))
        assert.is_true(p:decide(alert{alertname = "A", pod = "x-a1b2c3d4e5" .. "x7k2p"}).keep)
        assert.is_true(p:decide(alert{alertname = "A", pod = "x" .. digits .. "0-x7k2p"}).keep)
    end)

    it("takes namespaces from the config", function()
        local controller = find{alertname = "KelosControllerDown"}
        assert.equal("agent_namespace", reason(controller))
        assert.is_true(p:decide(controller, {config = {agent_namespaces = {}}}).keep)
        assert.equal("agent_namespace", reason(alert{alertname = "A", namespace = "agents"}, {agent_namespaces = {"agents"}}))
    end)

    it("takes beginnings of names from the config", function()
        local a = alert{alertname = "KubeJobFailed", job_name = "fix-search"}
        assert.is_true(p:decide(a).keep)
        assert.equal("own_task", reason(a, {agent_names = {"heal-", "fix-"}}))
        assert.is_true(p:decide(a, {config = {agent_names = {"x-"}}}).keep)
    end)

    it("does not break on a label of a megabyte", function()
        assert.is_true(p:decide(alert{alertname = "A", pod = ("-a"):rep(200000)}).keep)
    end)
end)
