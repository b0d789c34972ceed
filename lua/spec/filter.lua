-- filter: which tests are run. options: tags, exclude_tags, exact_tags, filter, filter_out, name, exclude_names.
--
-- A tag is #word in a name. Without exact_tags "#fast" also is the beginning of "#faster". filter and filter_out are Lua
-- patterns for the full name.

local need = ...
local tree = need "tree"
local find, gmatch = string.find, string.gmatch

local filter = {}
local options = {}

function filter.set(o) options = o end

local function any(list, test)
    for _, each in ipairs(list or {}) do
        if test(each) then
            return true
        end
    end
    return false
end

local function given(list) return list ~= nil and #list > 0 end

local function has_tag(name, tag)
    if options.exact_tags then
        return any(filter.tags(name), function(each) return each == tag end)
    end
    return find(name, "#" .. tag) ~= nil
end

-- The tags in a name.
function filter.tags(name)
    local tags = {}
    for tag in gmatch(name, "#([%w_.-]+)") do tags[#tags + 1] = tag end
    return tags
end

-- Is an element of this name, in the element that runs, to be defined?
function filter.accepts(descriptor, name)
    local is_test = descriptor == "it" or descriptor == "pending"
    if not is_test and descriptor ~= "describe" then
        return true
    end
    local own, full = tostring(name), tree.future_name(name)
    if any(options.exclude_tags, function(tag) return has_tag(own, tag) end)
        or any(options.exclude_names, function(each) return each == full end)
        or any(options.filter_out, function(pattern) return find(full, pattern) ~= nil end)
        or given(options.name) and not any(options.name, function(each) return find(each, full, 1, true) ~= nil end) then
        return false
    end
    return not is_test or
        (not given(options.tags) or any(options.tags, function(tag) return has_tag(full, tag) end)) and
        (not given(options.filter) or any(options.filter, function(pattern) return find(full, pattern) ~= nil end))
end

return filter
