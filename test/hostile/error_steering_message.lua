-- expect: judge: error policy.error
-- What an error says cannot forge a line of the log nor steer a terminal: NUL, escapes, newlines, bytes that are no UTF-8.
return { api = 1, match = 'alertname!=""', filter = function()
    error("a\0b\27[2J\r\n2026-01-01 ERROR forged\xff\xfe\u{202e}\8", 0)
end }
