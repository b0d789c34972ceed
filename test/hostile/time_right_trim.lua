-- expect: judge: error policy.error
-- expect: string.find: patterns work on at most 8192 bytes, this text has 32769
return {
    api = 1, match = 'alertname!=""',
    filter = function() return ((" "):rep(32768) .. "x"):find("%s+$") == nil end,
}
