-- expect: body=[800000]
-- Each of these words may announce a secret; looking for it to the end each time takes minutes.
return { api = 1, match = 'alertname!=""',
    body = function() return tostring(#text.redact(string.rep("key/", 200000))) end,
}
