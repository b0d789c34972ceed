-- template.render: lookups, filters, each; no code, and never a second look at data.
local a = alert [[{"labels":{"alertname":"High","team":"payments","evil":"{{labels.team}}","empty":""},"annotations":{"summary":"s"},"fingerprint":"a1b2c3d4e5f60718","startsAt":"2026-11-18T10:00:00Z","status":{"state":"active"}}]]
local data = {labels = a.labels, alert = a, n = 3, f = 1.5, yes = true, no = false, list = {"a", "b"}, rows = {{name = "x", in_ = {"1", "2"}}, {name = "y", in_ = {}}},
    evil = "{{n}}", deep = {er = {est = "d"}}, ["end"] = "E", fun = print, spaced = "  s  ", long = string.rep("é", 10)}
for _, case in ipairs {
    {"", ""}, {"plain } }} { {", "plain } }} { {"}, {"{{labels.alertname}} on {{labels.instance | default \"?\"}}", "High on ?"},
    {"{{ n }}{{f}}{{yes}}{{no}}", "31.5truefalse"}, {"{{labels.evil}}|{{evil}}", "{{labels.team}}|{{n}}"}, {"{{deep.er.est}}", "d"},
    {"{{labels.empty | default \"-\"}}", "-"}, {"{{labels.empty}}", ""}, {"{{no|default \"x\"}}", "false"}, {"{{x.y.z|default 5}}", "5"},
    {"{{x|default \"a\\\"b\\\\}}|\"}}", "a\"b\\}}|"}, {"{{labels.team | upper}}", "PAYMENTS"}, {"{{labels.alertname|lower|upper|lower}}", "high"},
    {"[{{spaced|trim}}]", "[s]"}, {"{{long|truncate 5}}", "éé"}, {"{{n|json}}{{list|json}}{{labels.evil|json}}", "3[\"a\",\"b\"]\"{{labels.team}}\""},
    {"{{each list}}<{{this}}>{{end}}", "<a><b>"}, {"{{each rows}}{{this.name}}:{{each this.in_}}{{this}},{{end}};{{end}}", "x:1,2,;y:;"},
    {"{{each rows}}{{n}}{{labels.team}}{{end}}", "3payments3payments"}, {"{{list.1}}{{list.2}}", "ab"}, {"{{list.3|default \"z\"}}", "z"},
    {"{{alert.name}} {{alert.labels.team}}", "High payments"}, {"{{alert.nosuch | default \"n\"}}", "n"}, {"{{eachother|default \"e\"}}", "e"},
    {"{{n}}{{n}}\n{{ each list }}{{ this | upper }}{{ end }}", "33\nAB"}, {"{{x|upper|default \"d\"}}", "d"}, {"a{{n}}}}", "a3}}"},
} do
    equal(template.render(case[1], data), case[2], case[1])
end
equal(template.render("{{labels.team}}/{{annotations.summary}}", a), "payments/s")
for _, case in ipairs {
    {"{{x}}", "there is no x;"}, {"{{labels.instance}}", "there is no labels.instance;"}, {"{{labels.team.upper}}", "there is no labels.team.upper"},
    {"{{n.x}}", "there is no n.x"}, {"{{labels}}", "labels is a userdata"}, {"{{list}}", "list is a table"}, {"{{fun}}", "fun is a function"},
    {"{{fun|json}}", "text.json"}, {"{{x|json}}", "there is no x"}, {"{{this}}", "there is no this"}, {"{{", "is not closed"}, {"{{n", "is not closed"},
    {"{{n}", "is not closed"}, {"{{x | default \"}}", "is not closed"}, {"{{}}", "a name is expected"}, {"{{ }}", "a name is expected"},
    {"{{1}}", "a name is expected"}, {"{{n+1}}", "'+1' is not understood"}, {"{{n|}}", "the filters are"}, {"{{n|exec}}", "the filters are"},
    {"{{n|truncate}}", "truncate wants a number"}, {"{{n|truncate \"5\"}}", "wants a number"}, {"{{n|truncate -1}}", "not negative"},
    {"{{n|default}}", "default wants a text"}, {"{{n|default x}}", "default wants"}, {"{{n|upper 3}}", "'3' is not understood"}, {"{{end}}", "without {{each}}"},
    {"{{each list}}", "without {{end}}"}, {"{{each x}}{{end}}", "each wants a list; x is not there"}, {"{{each n}}{{end}}", "n is a number"},
    {"{{each list|upper}}{{end}}", "not understood"}, {"{{each labels}}{{end}}", "no length"}, {"{{os.execute(\"x\")}}", "not understood"},
    {string.rep("{{each list}}", 6) .. string.rep("{{end}}", 6), "more than 4 deep"}, {string.rep("a", 70000), "at most 65536 bytes"},
    {"{{" .. string.rep("a", 2000) .. "}}", "longer than 1024 bytes"}, {"{{n|truncate 99999999999999999999}}", "wants a number"},
} do
    fails(case[2], template.render, case[1], data)
end
fails("argument 1 must be a text", template.render, nil, {})
fails("argument 2 must be a table", template.render, "x")
fails("at most 1000 elements", template.render, "{{each l}}{{end}}", {l = setmetatable({}, {__len = function() return 1 << 62 end})})
fails("larger than 1048576 bytes", template.render, "{{each l}}{{this}}{{end}}", {l = setmetatable({}, {__len = function() return 1000 end, __index = function() return string.rep("x", 10000) end})})
-- many tags: linear
assert(#template.render(string.rep("{{n}}", 10000), data) == 10000)
fails("", template.render, string.rep("{", 60000), {})
