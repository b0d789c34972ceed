-- modules: `require` for specs. Modules are Lua text that specs may read, and those of busted and luassert, which are the
-- runner's own.

local need = ...
local files, frame, host = need "files", need "frame", need "host"
local gsub, gmatch = string.gsub, string.gmatch

local STANDARD = "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;/usr/local/lib/lua/5.4/?.lua;" ..
    "/usr/local/lib/lua/5.4/?/init.lua;/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua;./?.lua;./?/init.lua"

local modules = {loaded = {}}

local built_in = {} -- by name: a function that answers the module
local package = {
    loaded = modules.loaded, preload = {}, path = STANDARD, cpath = "", config = "/\n;\n?\n!\n-\n",
}
modules.package = package

-- package.searchpath: the first readable file, or nil and what was tried.
function package.searchpath(name, path, separator, replacement)
    if separator ~= "" then
        name = gsub(name, "%" .. (separator or "."), replacement or "/")
    end
    local tried = {}
    for template in gmatch(path, "[^;]+") do
        local file = gsub(template, "%?", (gsub(name, "%%", "%%%%")))
        if files.read(file) then
            return file
        end
        tried[#tried + 1] = "\n\tno file '" .. file .. "'"
    end
    return nil, (gsub(table.concat(tried), "^\n\t", ""))
end

local function from_file(name)
    local file, tried = package.searchpath(name, package.path)
    if not file then
        local library = host.read(name .. ".lua", "policy") -- a policy's lib_*.lua
        if not library then
            return nil, "\n\t" .. tried
        end
        file = name .. ".lua"
        return assert(host.compile(library, "@" .. file, need "globals".table)), file
    end
    local f, why = host.compile(files.read(file), "@" .. file, need "globals".table)
    if not f then
        error("error loading module '" .. name .. "' from file '" .. file .. "':\n\t" .. why, 0)
    end
    return f, file
end

-- As Lua's.
function modules.require(name)
    local module = modules.loaded[name]
    if module then
        return module
    end
    local loader, where = package.preload[name], ":preload:"
    if not loader and built_in[name] then
        loader, where = built_in[name], ":runner:"
    end
    if not loader then
        loader, where = from_file(name)
        if not loader then
            error(frame.where(2) .. "module '" .. name .. "' not found:\n\tno field package.preload['" .. name .. "']" ..
                where, 0)
        end
    end
    local answer = loader(name, where)
    if answer ~= nil then
        modules.loaded[name] = answer
    elseif modules.loaded[name] == nil then
        modules.loaded[name] = true
    end
    return modules.loaded[name], where
end

-- A module of the runner's: `f` answers it when it is required.
function modules.offer(name, f)
    built_in[name] = f
end

-- Directories before the standard ones: templates, in a list or with ";" between them.
function modules.prefix(templates)
    local path = type(templates) == "table" and table.concat(templates, ";") or templates
    package.path = path == "" and STANDARD or path .. ";" .. STANDARD
end

return modules
