-- report: what a Task is told about its alerts. Text from alerts stands inside one fence (see text.fence); what
-- the policy itself says, outside of it.

local BODY_MAX = 64 * 1024    -- of a body, all in all
local OWN_MAX = 8 * 1024      -- of intro, and of outro
local COLUMNS_MAX = 6         -- labels of the members' table
local MARKER = "\n[truncated]"

local BODY_OPTIONS = {fence = "boolean", group = "boolean", labels = "boolean", annotations = "boolean",
    runbook = "boolean", intro = "string", outro = "string"}
local MEMBERS_OPTIONS = {fence = "boolean", labels = "table"}

local function check_options(options, known, name)
    if options == nil then
        return {}
    elseif type(options) ~= "table" then
        error(name .. ": the options must be a table, got " .. type(options), 0)
    end
    local checked = {}
    for option, value in next, options do
        local wanted = known[option]
        if not wanted then
            local names = {}
            for each in next, known do
                names[#names + 1] = each
            end
            table.sort(names)
            error(name .. ": there is no option '" .. text.truncate(tostring(option), 40, "...") .. "'; there are " ..
                table.concat(names, ", "), 0)
        elseif type(value) ~= wanted then
            error(name .. ": " .. option .. " must be a " .. wanted .. ", got " .. type(value), 0)
        end
        checked[option] = value
    end
    return checked
end

-- "name: value". Further lines of the value are indented: they cannot pass for lines of ours.
local function add_line(lines, name, value)
    value = text.trim_end(text.truncate(value or "", BODY_MAX), "\n")
    if value ~= "" then
        lines[#lines + 1] = name .. ": " .. text.replace(text.replace(value, "\r\n", "\n"), "\n", "\n  ")
    end
end

local function add_part(parts, lines)
    if #lines > 0 then
        parts[#parts + 1] = table.concat(lines, "\n")
    end
end

-- The names of the labels that are not the same in all members, sorted; alertname has a column of its own.
local function differing(group)
    local first, differ, names = {}, {}, {}
    for i = 1, #group do
        local n = 0
        for name, value in pairs(group[i].labels) do
            n = n + 1
            if i == 1 then
                first[name] = value
            elseif first[name] ~= value then
                differ[name] = true
            end
        end
        if i > 1 then
            for name in next, first do
                if group[i].labels[name] == nil then
                    differ[name] = true
                end
            end
        end
    end
    differ.alertname = nil
    for name in next, differ do
        names[#names + 1] = name
    end
    return text.sorted(names)
end

local function members_text(group, wanted)
    local names = wanted or differing(group)
    local left_out = #names - COLUMNS_MAX
    local headers, rows = {"ALERT"}, {}
    for i = 1, math.min(#names, COLUMNS_MAX) do
        headers[#headers + 1] = names[i]
    end
    headers[#headers + 1] = "SINCE"
    for i = 1, #group do
        local alert = group[i]
        local row = {alert.name or ""}
        for column = 2, #headers - 1 do
            row[column] = alert.labels[headers[column]] or ""
        end
        row[#headers] = internal.moment(alert.starts_at or 0)
        rows[i] = row
    end
    local out = text.table(rows, headers)
    local more = (group.count or #group) - #group
    if more > 0 then
        out = out .. "\n... and " .. more .. " more"
    end
    if left_out > 0 and not wanted then
        out = out .. "\nThey differ in " .. left_out .. " more labels: " ..
            table.concat(names, ", ", COLUMNS_MAX + 1, math.min(#names, COLUMNS_MAX + 20))
    end
    return out
end

local report = {}

function report.members(group, options)
    options = check_options(options, MEMBERS_OPTIONS, "report.members")
    if type(group) ~= "table" and type(group) ~= "userdata" or internal.is_alert(group) then
        error("report.members: argument 1 must be ctx.group, got " ..
            (internal.is_alert(group) and "one alert" or type(group)), 0)
    elseif math.type(#group) ~= "integer" or #group > 1000 then
        error("report.members: argument 1 has more than 1000 members", 0)
    end
    for i = 1, #group do
        if not internal.is_alert(group[i]) then
            error("report.members: argument 1 must be ctx.group; its element " .. i .. " is no alert", 0)
        end
    end
    local wanted
    if options.labels then
        wanted = {}
        if #options.labels > COLUMNS_MAX then
            error("report.members: labels may name at most " .. COLUMNS_MAX .. " labels", 0)
        end
        for i = 1, #options.labels do
            wanted[i] = options.labels[i]
            if type(wanted[i]) ~= "string" then
                error("report.members: labels must be a list of label names", 0)
            end
        end
    end
    local out = members_text(group, wanted)
    return options.fence and text.fence(out, "alerts") or out
end

local function alert_text(alert, ctx, options)
    local parts, lines = {}, {}
    add_line(lines, "alert", alert.name)
    add_line(lines, "firing since", alert.starts_at and internal.moment(alert.starts_at))
    local runbook = options.runbook ~= false and alert.annotations.runbook_url or nil
    add_line(lines, "runbook", runbook)
    add_part(parts, lines)
    if options.annotations ~= false then
        lines = {}
        add_line(lines, "summary", alert.annotations.summary)
        add_line(lines, "description", alert.annotations.description)
        for name, value in pairs(alert.annotations) do
            if name ~= "summary" and name ~= "description" and not (runbook and name == "runbook_url") then
                add_line(lines, name, value)
            end
        end
        add_part(parts, lines)
    end
    if options.labels ~= false then
        lines = {}
        for name, value in pairs(alert.labels) do
            add_line(lines, name, value)
        end
        add_part(parts, lines)
    end
    local group = ctx.group
    local count = group and (group.count or #group) or 0
    if options.group ~= false and count > 1 then
        parts[#parts + 1] = "This is one of " .. count .. " alerts that belong together:\n" .. members_text(group)
    end
    return table.concat(parts, "\n\n")
end

-- The policy's own words, whole lines of them.
local function own_text(value)
    if not value or value == "" then
        return ""
    end
    return text.truncate(value, OWN_MAX, MARKER)
end

function report.body(alert, ctx, options)
    options = check_options(options, BODY_OPTIONS, "report.body")
    if not internal.is_alert(alert) then
        error("report.body: argument 1 must be an alert, got " .. type(alert), 0)
    elseif type(ctx) ~= "table" and (type(ctx) ~= "userdata" or internal.is_alert(ctx)) then
        error("report.body: argument 2 must be the hook's ctx, got " .. type(ctx), 0)
    end
    local intro, outro = own_text(options.intro), own_text(options.outro)
    local content = alert_text(alert, ctx, options)
    local room = BODY_MAX - #intro - #outro - 4
    if options.fence == false then
        content = text.truncate(content, room, MARKER)
    else
        content = internal.fence(content, "alert", room)
    end
    local parts = {}
    for _, part in ipairs {intro, content, outro} do
        if part ~= "" then
            parts[#parts + 1] = part
        end
    end
    return table.concat(parts, "\n\n")
end

return report
