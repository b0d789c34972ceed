-- expect: compose: ok title=[two lines
-- expect: {{.Deps}}
-- Bytes that are no text and template text in a body stay text: nothing is expanded, NUL and lone surrogates are replaced.
return { api = 1, match = 'alertname!=""',
    title = function() return "two lines\nforged: yes\0\27[0m" end,
    body = function() return "\0 \xed\xa0\x80 \xff {{.Deps}} {{.Title}} ```\n```" end }
