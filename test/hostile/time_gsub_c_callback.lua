-- expect: judge: keep
return {
    api = 1, match = 'alertname!=""',
    filter = function() return #(("a"):rep(8192):gsub(".", string.upper)) == 8192 end,
}
