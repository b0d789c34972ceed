-- text.redact: secrets go, the rest stays byte for byte; linear, and a second time changes nothing.
local R = "[redacted]"
for _, case in ipairs {
    {"password=hunter2", "password=" .. R}, {"password: hunter2 and more", "password: " .. R .. " and more"},
    {"PASSWORD = hunter2;user=x", "PASSWORD = " .. R .. ";user=x"}, {"DB_PASSWORD=a,user=b", "DB_PASSWORD=" .. R .. ",user=b"},
    {"password=a,b,c user=x", "password=" .. R .. " user=x"}, {"password='a b' x", "password='" .. R .. "' x"},
    {[["password": "a\"b", "user": "x"]], [["password": "]] .. R .. [[", "user": "x"]]}, {[[{\"token\":\"abc\",\"n\":1}]], [[{\"token\":\"]] .. R .. [[\",\"n\":1}]]},
    {"{password:abc}", "{password:" .. R .. "}"}, {"(token=abc)", "(token=" .. R .. ")"}, {"token => abc", "token => " .. R},
    {"clientSecret=abc", "clientSecret=" .. R}, {"x-api-key: abc", "x-api-key: " .. R}, {"AWS_SECRET_ACCESS_KEY=wJalr/XUt+nF", "AWS_SECRET_ACCESS_KEY=" .. R},
    {"apiKey:abc", "apiKey:" .. R}, {"--password hunter2 --user x", "--password " .. R .. " --user x"}, {"--token=abc", "--token=" .. R},
    {"GET /x?token=abc&y=1", "GET /x?token=" .. R .. "&y=1"}, {"PGPASSWORD=abc psql", "PGPASSWORD=" .. R .. " psql"},
    {"Authorization: Bearer abc.def.ghi x\nnext", "Authorization: " .. R .. "\nnext"}, {"curl -H 'Authorization: Basic dXNlcjpw' http://x", "curl -H 'Authorization: " .. R .. "' http://x"},
    {"Cookie: a=b; c=d", "Cookie: " .. R}, {"token: Bearer abc def", "token: " .. R .. " def"},
    {"Bearer abcdef0123456789abcdef", "Bearer " .. R}, {"bearer 123e4567-e89b-12d3-a456-426614174000.", "bearer " .. R .. "."},
    {"token 0123456789abcdef0123456789abcdef", "token " .. R}, {"the secret dGhpcyBpcyBhIHNlY3JldDEy== leaked", "the secret " .. R .. " leaked"},
    {"https://user:pass@host/x", "https://" .. R .. "@host/x"}, {"postgres://u:p/a@ss@db:5432/x", "postgres://" .. R .. "@db:5432/x"},
    {"https://ghtoken@github.com/a/b", "https://" .. R .. "@github.com/a/b"}, {"amqp://a:b@h1,amqp://c:d@h2", "amqp://" .. R .. "@h1,amqp://" .. R .. "@h2"},
    {"key AKIAIOSFODNN7EXAMPLE x", "key " .. R .. " x"}, {"ghp_0123456789abcdefghij0123456789abcdef", R}, {"glpat-0123456789abcdefghij", R},
    {"xoxb-123456789012-abcdef", R}, {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123", R}, {"https://hooks.slack.com/services/T000/B000/abcdefgh01234567", "https://hooks.slack.com/services/" .. R},
    {"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\n" .. R .. "\nb"}, {"-----BEGIN PRIVATE KEY-----\nMIIE", R},
    {"private_key: -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nb", "private_key: " .. R .. "\nb"},
    {"\"private_key\": \"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\"\nb", "\"private_key\": \"" .. R .. "\nb"},
    {"password='never closed\nnext", "password='" .. R .. "\nnext"}, {"password=", "password="}, {"password=\"\"", "password=\"\""}, {"passwd:x", "passwd:" .. R},
    {"pass=x bypass=y", "pass=" .. R .. " bypass=y"},
    {"password=<hunter2>", "password=" .. R .. ">"}, {[=["db_secret": ["a", "b,c"], "x": ["y"]]=], [=["db_secret": ["]=] .. R .. [=[", "]=] .. R .. [=["], "x": ["y"]]=]},
    {"password=\0abc d", "password=" .. R .. " d"}, {"Authorization: Digest username=\"u\", response=\"r\"\nx", "Authorization: " .. R .. "\nx"},
    {[[{"Authorization": "Bearer abc", "x": 1}]], [[{"Authorization": "]] .. R .. [[", "x": 1}]]}, {"Basic dXNlcjpw", "Basic " .. R}, {"Bearer abc-1234", "Bearer " .. R},
    {[[-H "Cookie: a='b'; c" -v]], [[-H "Cookie: ]] .. R .. [[" -v]]},
    -- and what is none
    {"Bearer token", "Bearer token"}, {"Basic Authentication", "Basic Authentication"},
    {"", ""}, {"password expired", "password expired"}, {"secretName: db-credentials-2", "secretName: db-credentials-2"}, {"tokens=500", "tokens=500"},
    {"max_tokens: 5", "max_tokens: 5"}, {"Basic authentication failed", "Basic authentication failed"}, {"secret payments-db-credentials-v2 missing", "secret payments-db-credentials-v2 missing"},
    {"https://host:8080/path/@x", "https://host:8080/path/@x"}, {"https://host/a@b", "https://host/a@b"}, {"http://host:80", "http://host:80"}, {"mail user@host", "mail user@host"},
    {"pod api-7d9f8b6c5-x2x4z restarted 5 times", "pod api-7d9f8b6c5-x2x4z restarted 5 times"}, {"-----BEGIN CERTIFICATE-----\nMIIE", "-----BEGIN CERTIFICATE-----\nMIIE"},
    {"sha256:0123456789abcdef0123456789abcdef", "sha256:0123456789abcdef0123456789abcdef"}, {"key=value", "key=value"}, {"a\0b\xff\xfe", "a\0b\xff\xfe"},
    {"disk-usage sk-1", "disk-usage sk-1"},
} do
    equal(text.redact(case[1]), case[2], text_of(case[1]))
end

-- any mix of pieces: a second pass changes nothing, and what carries the secret's name is gone
local pieces = {"password", "token", "=", ": ", "\"", "'", "\\", "://", "@", "a:b", " ", "\n", ",", ";", "&", ")", "]", "}", "Bearer ", "Cookie: ", "-----BEGIN ", "PRIVATE KEY-----",
    "-----END", "0123456789abcdef", "--secret ", "[redacted]", "\0", "é", "\xff", "x", "/services/T", "/", "eyJ", "authorization"}
local n = 99
for i = 1, 20000 do
    local s = {}
    for j = 1, i % 12 do
        n = (n * 1103515245 + 12345) % 2147483648
        s[j] = pieces[n // 65536 % #pieces + 1]
    end
    s = table.concat(s)
    local once = text.redact(s)
    local twice = text.redact(once)
    if once ~= twice then
        error("not the same twice: " .. text_of(s) .. " " .. text_of(once) .. " " .. text_of(twice))
    end
end
for _, before in ipairs {"", "x ", "\n", "{\"", "?", "&", ",", "a.", "MY_"} do
    for _, between in ipairs {"=", ":", ": ", " = ", "=\"", ": '", "\": \"", "\\\":\\\"", " => ", ":="} do
        local s = before .. "password" .. between .. "hunter2"
        assert(not text.redact(s):find("hunter2", 1, true), s)
    end
end

-- one megabyte of each piece, and of each pair: an answer in linear time, or this does not end
local function megabyte(s) return string.rep(s, 1000000 // #s) end
for _, a in ipairs(pieces) do
    text.redact(megabyte(a))
end
for _, s in ipairs {"Cookie: a\"", "password='", "password=,", "password=a,", "token=a,b", "://a:b/", "://a@", "key ", "key a", "token \\", "password\\", "-----BEGIN x", "-----BEGIN PRIVATE KEY ",
    "password=-----BEGIN ", "--token  ", "password    ", "a:b/://", "/services/T/", "password=)", "password=)a", "bearer aaaaaaaaaaaaaaaaaaa", "token=[\"", "token=[\"a\",", "token=[\"a\" \\", "Authorization: \\", "'Cookie: a", "token=Bearer ", "\\\"password\\\":\\\""} do
    text.redact(megabyte(s))
end
fails("text.redact: argument 1 must be a text", text.redact, {})
