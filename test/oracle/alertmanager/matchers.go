package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"strings"

	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/common/model"
)

// <matchers> <labels as JSON> <true|false|error|empty>, as an Alertmanager with default flags parses and compares
func matchers() {
	sets := []model.LabelSet{
		{"alertname": "HighErrorRate", "team": "payments", "severity": "critical", "env": "prod", "pod": "api-1"},
		{"alertname": "Disk", "team": "web", "severity": "info", "instance": "10.0.0.1:9100", "path": `C:\new\tmp`},
		{"alertname": "Odd", "quote": `say "hi", you`, "line": "one\ntwo", "uni": "größe", "empty": "", "star": "a*b", "brace": "{x}"},
		{"alertname": "UTF-8", "café 1": "x", "a.b": "y", "with \"quote\"": "z", "emoji": "🙂", "comma": "a,b", "eq": "a=b"},
	}
	texts := []string{``, ` `, `{}`, `{ }`, `,`, `{,}`, `team`, `=`, `="x"`, `team=`, `team=""`, `team="payments"`, `team=payments`,
		` team = payments `, `{team="payments"}`, `{team="payments",}`, `{team="payments", }`, `{team="payments"`, `team="payments"}`,
		`{{team="payments"}}`, `{team="payments"},`, `team="payments",,severity="critical"`, `,team="payments"`, `team="payments",`,
		`team="payments" , severity="critical"`, `team="payments" severity="critical"`, `team=pay,severity=critical`,
		`team=~"pay.*"`, `team=~pay.*`, `team=~".*"`, `team=~".+"`, `team=~""`, `team!~""`, `nothing=""`, `nothing!=""`, `nothing=~""`,
		`nothing=~".*"`, `nothing=~".+"`, `nothing!~".+"`, `nothing!~".*"`, `team=~"a)|(payments"`, `team=~"payments)|(x"`, `team=~")("`,
		`team=~"^payments$"`, `team=~"(?i)PAYMENTS"`, `team=~"(?m)^pay$"`, `line=~"(?m)one$"`, `line=~"(?m)one$(?s).*"`, `line=~"one.two"`,
		`line=~"(?s)one.two"`, `line="one\ntwo"`, `line=~"one\ntwo"`, `line=~"one\\ntwo"`, "line=\"one\ntwo\"", `line=~"one$"`, `team=~"["`,
		`team=~"a{1001}"`, `team=~"a{1000}"`, `team=~"a**"`, `team=~"a{2}{3}"`, `team=~"a++"`, `team=~"+"`, `team=~"?"`, `team=~"*"`, `team=*`,
		`team=~"\\pL+"`, `team=~"\pL+"`, `team=~"\\p{Greek}+"`, `uni=~"\\pL+"`, `uni=~"gr..e"`, `uni=~"\\w+"`, `uni=~"gr\\x{f6}\\x{df}e"`,
		`team=~"\\Qpayments\\E"`, `team=~"(?P<n>pay).*"`, `team=~"(?<n>pay).*"`, `team=~"pay(?=ments)"`, `team=~"(pay)\\1"`, `team=~"\\C+"`,
		`team=~"\\bpayments\\b"`, `team=~"\\Apayments\\z"`, `team=~"\\Apayments\\Z"`, `team=~"[[:alpha:]]+"`, `team=~"[[:word:]]+"`,
		`team=~"[[:foo:]]+"`, `team=~"(?U)p.*"`, `team=~"(?x)pay"`, `team=~"pay\\x6dents"`, `team=~"\\141"`, `team=~"\\8"`, `team=~"\\h"`,
		`team=~"\\z"`, `team=~"x{,3}"`, `team=~"p{1}ayments"`, `team=~"(?:pay|web)(?:ments)?"`, `team=~"payments|"`, `team=~"|payments"`,
		`empty=""`, `empty=~"|x"`, `empty!~"x"`, `quote="say \"hi\", you"`, `quote=say "hi"`, `quote="say "hi", you"`, `quote=~"say \"hi\".*"`,
		`quote='say'`, "quote=`say`", `path="C:\new\tmp"`, `path="C:\\new\\tmp"`, `path=C:\new\tmp`, `path=~"C:\\\\new.*"`, `path=~"C:\\new.*"`,
		`path="C:\"`, `path=C:\`, `path=\"x\"`, `uni="größe"`, `uni=größe`, `größe=x`, `"größe"=x`, `café="x"`, `"café 1"="x"`, `"café 1"=x`,
		`"café 1"=~"x|y"`, `"team"="payments"`, `"team"=payments`, `'team'="payments"`, `"team"=payments,severity=critical`, `""="x"`,
		`"with \"quote\""="z"`, `"a.b"="y"`, `a.b="y"`, `a.b=y`, `a-b=y`, `1team=x`, `te am=x`, `🙂=x`, `"🙂"="x"`, `emoji="🙂"`, `emoji=🙂`,
		`emoji="\xF0\x9F\x99\x82"`, `emoji="\u1F642"`, `comma="a,b"`, `comma=a,b`, `comma=a\,b`, `eq=a=b`, `eq="a=b"`, `eq=a==b`, `eq==a=b`,
		`eq=~a=b`, `team==payments`, `team=!payments`, `team=~=x`, `team!payments`, `team~"x"`, `team!=payments`, `team!~payments`,
		`team ! = payments`, `team= ~payments`, `team=~ payments`, `:team="x"`, `team:x="y"`, `_x!="1"`, `star="a*b"`, `star=a*b`, `star=~"a\\*b"`,
		`brace="{x}"`, `brace={x}`, `brace="}"`, `brace=x}`, `{brace="{x}"}`, `{brace={x}}`, `team="payments"x`, `team=pay"ments"`, `team="pay"ments`,
		`team="payments`, `team=payments"`, `team="`, `team=" payments "`, `team=  "payments"  `, "team\t=\t\"payments\"", "team=\"payments\"\n",
		"\nteam=payments\n", "team=payments\u00a0", "\u00a0team=payments", "\u2003team=payments\u2003", "team=pay\u00a0ments", "team=\"payments\",\u00a0", "team\u00a0=payments",
		"team=\"a\x00b\"", `team="\\"`, `team="\"`, `team="\\\"`, `team="\n"`, `team="\t"`, `team=\n`, `team="\x"`, `"te\nam"="x"`, `"te\\am"="x"`,
		`team="payments", "café 1"="x"`, `team=payments,"café 1"=x`, `{"café 1"="x","a.b"="y"}`, `"café 1"="x","a.b"="y",`, `{"café 1"="x",,}`,
		`{"café 1"="x"`, `"café 1"="x"}`, `"café 1"`, `"café 1"=`, `"café 1"=,`, `"café 1"=x y`, `"café 1"=x"y"`, `"café 1"="x" "a.b"="y"`,
		`"café 1"='x'`, `"café 1"="x\"`, `"café 1"="x`, `"café 1=x`, `café=x,y`, `café=~x|y`, `café!=x`, `café!~"x"`, `ca fé=x`, `caf"é=x`,
		`"café 1"="\x"`, `"café 1"="\t"`, `"café 1"="\u0078"`, `"café 1"=\x`, `"café 1"="a\\b"`, `"café 1"=(x)`, `"café 1"={x}`, `"café 1"=!x`,
		`"café 1"=~[`, `"café 1"=~"["`, `"café 1"!x`, `"café 1"==x`, `+=x`, `*=x`, `/=x`, `a/b=x`, `a/b!=x`, `a|b=x`, `a(b)=x`, `$x=y`, `@=x`, `#=x`, `a#b=y`,
	}
	names := []string{"team", "severity", "env", "pod", "nothing", "alertname", "instance", `"team"`, `"café 1"`, "a.b", "comma"}
	operators := []string{"=", "!=", "=~", "!~", " = ", " =~ "}
	values := []string{`"payments"`, "payments", `"pay.*"`, "pay.*", `"web|payments"`, "web|payments", `""`, "", `"critical"`, "info", `".+"`,
		`"(pay|web).*"`, "x", `"10\\.0\\..*"`, `10.0.0.1:9100`, `"api-[0-9]+"`, `api-\d`, `"api-\\d"`, `"Odd"`, "y", `"a,b"`}
	for i := 0; i < 220; i++ {
		var parts []string
		for n := random.Intn(3); n >= 0; n-- {
			parts = append(parts, pick(names...)+pick(operators...)+pick(values...))
		}
		text := strings.Join(parts, pick(",", ", ", " , "))
		if random.Intn(4) == 0 {
			text = "{" + text + "}"
		}
		texts = append(texts, text)
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	parse := compat.FallbackMatchersParser(logger)
	for i, text := range texts {
		list, err := parse(text, "oracle")
		for n, set := range sets {
			if (err != nil || len(list) == 0 || i >= len(texts)-220) && n != i%len(sets) {
				continue // one is enough
			}
			answer := "error"
			if err == nil && len(list) == 0 {
				answer = "empty"
			} else if err == nil {
				answer = "false"
				if list.Matches(set) {
					answer = "true"
				}
			}
			labels, _ := json.Marshal(set)
			row(text, string(labels), answer)
		}
	}
}
