-- expect: judge: error policy.
-- Many short strings that differ in one byte only: whatever the string table makes of them, a ceiling ends it.
return { api = 1, match = 'alertname!=""', filter = function()
    local t = {}
    for i = 1, 1 << 40 do t[string.pack("<I8", i << 24)] = true end
    return true
end }
