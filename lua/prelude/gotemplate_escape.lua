-- What html, js and urlquery do to a text (text/template, funcs.go; net/url).
local M = ...
local escape = {}

local quote = M.gotemplate_quote
local byte, find, format, gsub, sub = string.byte, string.find, string.format, string.gsub, string.sub

local html = {
    ["\0"] = "\u{FFFD}", ['"'] = "&#34;", ["'"] = "&#39;", ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
}

function escape.html(s)
    return (gsub(s, "[\0\"'&<>]", html))
end

local js = {
    ["\\"] = "\\\\", ["'"] = "\\'", ['"'] = '\\"', ["<"] = "\\u003C", [">"] = "\\u003E", ["&"] = "\\u0026",
    ["="] = "\\u003D",
}
for c = 0, 31 do
    js[string.char(c)] = format("\\u00%02X", c)
end

-- Invalid bytes pass unchanged: U+FFFD, which they decode to, is printable.
function escape.js(s)
    s = gsub(s, "[\0-\31\\'\"<>&=]", js)
    if not find(s, "[\x80-\xff]") then
        return s
    end
    local pieces, n, i = {}, 0, 1
    while i <= #s do
        n = n + 1
        local _, stop = find(s, "^[^\x80-\xff]+", i)
        if stop then
            pieces[n] = sub(s, i, stop)
            i = stop + 1
        else
            local r, width = quote.decode(s, i)
            if M.gotemplate_unicode.is_print(r) then
                pieces[n] = sub(s, i, i + width - 1)
            else
                pieces[n] = format("\\u%04X", r)
            end
            i = i + width
        end
    end
    return table.concat(pieces)
end

function escape.urlquery(s)
    s = gsub(s, "[^%w%-_.~ ]", function(c)
        return format("%%%02X", byte(c))
    end)
    return (gsub(s, " ", "+"))
end

return escape
