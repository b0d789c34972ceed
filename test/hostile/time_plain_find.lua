-- expect: judge: keep
-- A plain search is linear here: needle and haystack that cost n*m elsewhere.
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local hay, needle = ("a"):rep(1000000), ("a"):rep(300000) .. "b"
        return hay:find(needle, 1, true) == nil
    end,
}
