-- colour: terminal colours by name, for specs that ask for them. What the engine prints, it colours itself.

local CODES = {
    reset = 0, bright = 1, dim = 2, underscore = 4, blink = 5, reverse = 7, hidden = 8,
    black = 30, red = 31, green = 32, yellow = 33, blue = 34, magenta = 35, cyan = 36, white = 37,
    onblack = 40, onred = 41, ongreen = 42, onyellow = 43, onblue = 44, onmagenta = 45, oncyan = 46, onwhite = 47,
}

local colour = {colors = {}}

for name, code in pairs(CODES) do
    local begin = "\27[" .. code .. "m"
    colour.colors[name] = setmetatable({}, {
        __call = function(_, text) return begin .. text .. "\27[0m" end,
        __tostring = function() return begin end,
        __concat = function(a, b) return tostring(a) .. tostring(b) end,
    })
end

-- A function that paints a text: "none", "red", "bright.red".
function colour.named(names)
    return function(text)
        if names ~= "none" then
            for name in string.gmatch(names or "", "[^.]+") do
                local paint = colour.colors[name] or error("there is no colour '" .. name .. "'", 0)
                text = paint(text)
            end
        end
        return text
    end
end

-- For `require "term"`: nobody reads a spec's output on a terminal.
function colour.isatty() return false end

return colour
