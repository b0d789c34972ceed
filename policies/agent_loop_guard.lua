-- Agent loop guard: alerts about the agents' own Jobs and Pods are no work for agents.
--
-- Use it where the cluster that runs the agents is the one that is watched. Without it a failing agent sets
-- off KubeJobFailed, which gets a Task, whose agent fails, and so on.
--
-- Kelos gives a Task's Job the Task's name, and its Pods the label kelos.dev/task. What is recognised:
--   - an alert with a label that was made of kelos.dev/task or kelos.dev/taskspawner;
--   - a Job whose name ends in "-" and a fingerprint, and a Pod of such a Job. That is how Tasks are named
--     without a nameTemplate; with one, name the beginnings in `agent_names`;
--   - everything in the namespaces of `agent_namespaces`.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: agent_loop_guard
--          alerts.kelos.dev/policy-config: '{"agent_namespaces": ["agents"], "agent_names": ["fix-"]}'
--
-- policy-config   agent_namespaces   namespaces that only agents use (default ["kelos-system"])
--                 agent_names        beginnings of the names of the agents' Jobs and Pods (default none)

local TASK_LABELS = {
    "label_kelos_dev_task", "kelos_dev_task", "label_kelos_dev_taskspawner", "kelos_dev_taskspawner",
}
local JOB_LABELS = {"job_name", "exported_job_name", "owner_name", "created_by_name", "label_job_name"}
local POD_LABELS = {"pod", "exported_pod", "pod_name"}
local NAME_MAX = 253 -- of anything in Kubernetes

-- How many hexadecimal digits stand at the end of the name, behind a "-"; 0: none do.
local function digits_at_end(name)
    if #name > NAME_MAX then
        return 0
    end
    local parts = text.split(name, "-")
    local last = parts[#parts]
    return #parts > 1 and string.find(last, "^%x+$") and #last or 0
end

local function is_task_job(name)
    return digits_at_end(name) == 16
end

-- A Pod is called after its Job, "-" and five characters. From a name that would be too long Kubernetes cuts the
-- Job's end: of 16 digits at least 11 stay. A ReplicaSet's hash has no more than 10.
local function is_task_pod(name)
    local digits = digits_at_end(text.trim_end(name:sub(1, -6), "-"))
    return digits >= 11 and digits <= 16
end

-- The label that tells, or nil.
local function telling_label(alert, ctx)
    for _, label in ipairs(TASK_LABELS) do
        if alert:label(label, "") ~= "" then
            return label
        end
    end
    local function tells(labels, is_task)
        for _, label in ipairs(labels) do
            local name = alert:label(label, "")
            if is_task(name) then
                return label
            end
            for _, beginning in ipairs(ctx.config.agent_names or {}) do
                if text.starts_with(name, beginning) then
                    return label
                end
            end
        end
    end
    return tells(JOB_LABELS, is_task_job) or tells(POD_LABELS, is_task_pod)
end

return policy.extend(policy.base, {
    api = 1,
    name = "agent_loop_guard",
    describe = "no Tasks for alerts about the agents' own Jobs and Pods",
    reasons = {
        own_task = "it is about an agent's own Job or Pod",
        agent_namespace = "its namespace belongs to the agents",
    },

    filter = function(alert, ctx, super)
        local label = telling_label(alert, ctx)
        if label then
            return false, "own_task", "its label " .. label .. " names an agent's Job or Pod"
        end
        local namespace = alert:label("namespace", "")
        for _, name in ipairs(ctx.config.agent_namespaces or {"kelos-system"}) do
            if namespace == name then
                return false, "agent_namespace", "the namespace " .. name .. " belongs to the agents"
            end
        end
        return super()
    end,
})
