-- config: a `.busted` file, which is Lua that returns a table of tasks: {_all = {...}, default = {...}, name = {...}}.
--
-- It is run without any globals, as the data it is. What counts, the last first: busted's defaults, _all, the task (`default`
-- when none is named), the command line.

local need = ...
local host = need "host"

local config = {}

local LISTS = {"ROOT", "pattern", "exclude-pattern", "filter", "filter-out", "name", "e"} -- one value is a list, too
local COMMA_LISTS = {"tags", "exclude-tags", "Xoutput", "Xhelper"} -- "a,b" is two

local DEFAULTS = {
    ROOT = {"spec"}, pattern = {"_spec"}, ["auto-insulate"] = true, ["keep-going"] = true, recursive = true, ["repeat"] = 1,
    lpath = "./src/?.lua;./src/?/?.lua;./src/?/init.lua",
}

local function merge(into, more)
    for k, v in pairs(more) do into[k] = v end
end

local function listed(value, comma)
    local list = {}
    for _, each in ipairs(type(value) == "table" and value or {value}) do
        if comma then
            for part in string.gmatch(tostring(each), "[^,]+") do list[#list + 1] = part end
        else
            list[#list + 1] = tostring(each)
        end
    end
    return list
end

-- What a file, or none (nil), and the command line say together: a table by busted's long option names, or nil and a
-- sentence.
function config.merge(file, source, task, cli)
    local tasks = {}
    if source then
        local f, why = host.compile(source, "@" .. file, {})
        if not f then
            return nil, string.format("failed loading config file `%s`: %s", file, why)
        end
        local ok, answer = pcall(f)
        if not ok then
            return nil, tostring(answer)
        elseif type(answer) ~= "table" then
            return nil, ".busted file does not return a table."
        end
        tasks = answer
    end
    local merged = {}
    merge(merged, DEFAULTS)
    merge(merged, type(tasks._all) == "table" and tasks._all or {})
    if task and task ~= "" then
        if type(tasks[task]) ~= "table" then
            return nil, "Task `" .. task .. "` not found, or not a table."
        end
        merge(merged, tasks[task])
    else
        merge(merged, type(tasks.default) == "table" and tasks.default or {})
    end
    merge(merged, cli or {})
    for _, name in ipairs(LISTS) do
        merged[name] = merged[name] ~= nil and listed(merged[name]) or nil
    end
    for _, name in ipairs(COMMA_LISTS) do
        merged[name] = merged[name] ~= nil and listed(merged[name], true) or nil
    end
    for name, value in pairs(merged) do
        local kind = type(value)
        if type(name) ~= "string" or (kind ~= "table" and kind ~= "string" and kind ~= "number" and kind ~= "boolean") then
            return nil, string.format("%s: option `%s` has a %s for a value.", file or ".busted", tostring(name), kind)
        end
    end
    for _, wanted in ipairs(merged.tags or {}) do
        for _, unwanted in ipairs(merged["exclude-tags"] or {}) do
            if wanted == unwanted then
                return nil, "Cannot use --tags and --exclude-tags for the same tags"
            end
        end
    end
    return merged
end

return config
