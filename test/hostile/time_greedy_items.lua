-- expect: worker: hung
return {
    api = 1, match = 'alertname!=""',
    filter = function() return ("a"):rep(2000):find(("a*"):rep(8) .. "b") == nil end,
}
