package main

import (
	"fmt"
	"math/rand"
	"strings"
)

const setsJSON = `{"alert":{"ID":"Pod-3fa9","Number":1073741824,"Title":"KubePodCrashLooping",
"Body":"summary: <b>waiting</b> & \"restarting\"\n\nnamespace: prod","Labels":"alertname, pod","Comments":"","Kind":"Alert",
"Alert":{"labels":{"alertname":"Kube","namespace":"prod","pod":"api-7d9","with-dash":"d","ü":"uml"},
"receivers":["team-a","team-b"],"values":[1,2,3],"ratio":0.125,"silenced":false},
"L":[1,"a",null],"M":{"a":1,"b":"two","n":null},"F":2.5,"N":3,"S":"héllo","B":true,"Nil":null},
"odd":{"ID":"x","Number":0,"Title":"","Body":"tab\there 'single' back\\slash \u0001 \u2028 ünïcödé 🥚 é\u0301 \u00a0\u00ad\ufeff",
"Labels":"","Kind":"ǅ","Comments":"%d","Alert":{"labels":{},"values":[],"ratio":1e21},
"L":[[1,2],[],["a",null,{"k":"v"}],-1.5e-7,true],"M":{"":"empty","x":{"y":{"z":1}},"n":null,"L":[1]},
"F":-0.000001,"N":-42,"S":"a\\b` + "`" + `c","B":false,"Nil":null,"Big":9223372036854775807,"Min":-9223372036854775808,
"G":123456789.0,"H":1e-320,"I":0.1}}`

type generator struct {
	*rand.Rand
	depth int
}

func (g *generator) pick(from ...string) string { return from[g.Intn(len(from))] }

func (g *generator) repeat(most int, sep string, f func() string) string {
	var out []string
	for range g.Intn(most + 1) {
		out = append(out, f())
	}
	return strings.Join(out, sep)
}

func (g *generator) field() string {
	return g.pick(".ID", ".Number", ".Title", ".Body", ".Labels", ".Comments", ".Kind", ".Alert", ".Alert.labels",
		".Alert.labels.pod", ".Alert.labels.ü", ".Alert.values", ".Alert.ratio", ".L", ".M", ".M.a", ".M.n", ".M.x.y",
		".F", ".N", ".S", ".B", ".Nil", ".Nil.x", ".Missing", ".G", ".H", ".I", ".Min", ".M.b.c", ".Alert.receivers")
}

func (g *generator) number() string {
	if g.Intn(12) > 0 {
		return g.pick("0", "1", "2", "3", "-1", "42", "1.5", "-0.0", "1e3", "0x1F", "1_000", "0b101", "0o17", "017",
			"'a'", "'\\n'", "'é'", "1i", "2.5", "100", "1e21", "1e20", "123456789", "0.00001", "'\\''", "'\"'",
			"9223372036854775807", "-9223372036854775808", "18446744073709551615", "1e100", "'\\U0010FFFF'", "128522")
	}
	return g.pick("-0x1e", "+5", "0x", "1__0", "1_", "0x_1", "1+2i", "1-2.5i", "0x1p-2", "0x1p4i", "08", "09.5", "1e400",
		"18446744073709551616", "99999999999999999999.0", "0b12", "1.2.3", "1e", "'", "'ab'", "''", "'\\x41'", "'\\400'",
		"'\\ud800'", ".5", "5.", "1e+2", "0x1.8p1", "0X1FP+2", "1.e1", "0777777777777777777777", "1i1", "1e5i", "0i",
		"0+0i", "1+0i", "0x1+2i", "1+2", "1_0.5", "1._5", "1e1_0", "-9223372036854775809", "+.5", "-", "+", "0_1", "1E5",
		"0x1e5", "+0x1E", "'\\q'", "'\\", "'\xff'", "1\xff", "0B1", "0O7", "9e18", "9.3e18", "1e999i", "1e999+1i")
}

func (g *generator) quoted() string {
	if g.Intn(8) > 0 {
		return g.pick(`""`, `"a"`, `"pod"`, `"%d"`, "`raw\\n`", "`r\ra\nw`", `"é"`, `"\x41\xff"`, `"<&>'=+"`, `"\000"`, `"a\tb"`, `"two"`)
	}
	return g.pick(`""`, `"a"`, `"pod"`, `"labels"`, `"%d"`, `"%v %v"`, `"q\"uo\tte"`, "`raw\\n`", "`r\ra\nw`", `"é"`, `"\x41\xff"`,
		`"\u00e9\U0001F642"`, `"\000"`, `"\q"`, `"\'"`, `"<&>'=+"`, `"\xe2\x82"`, `"\ufeff\u200b"`, `"\a\b\f\v\r"`, "\"\xff\"",
		`"\ud800"`, `"`, "\"\n\"", "`", `"\`, `"\400"`, `"\x4"`, "\"~\x7f\"", `"Missing"`, `"日本"`)
}

func (g *generator) format() string {
	one := func() string {
		return "%" + g.repeat(2, "", func() string { return g.pick("#", "+", "-", " ", "0") }) +
			g.pick("", "", "", "[1]", "[2]", "[3]", "[0]", "[x]", "[", "[1", "[99999999]") +
			g.pick("", "", "", "5", "8", "12", "*", "10000019", "020", "0") +
			g.pick("", "", "", ".", ".0", ".2", ".3", ".10", ".*", ".[2]*", ".30", ".120") + g.pick("", "", "", "", "[1]", "[2]") +
			g.pick("v", "v", "s", "q", "d", "x", "X", "t", "g", "e", "f", "G", "E", "F", "b", "o", "O", "c", "U", "T", "p", "w",
				"z", "é", "%", "!", "", " ", "\\xff", "\\u00a0")
	}
	return `"` + g.repeat(3, "", func() string { return g.pick("", "a", " ", "é|") + one() }) + g.pick("", "", "x", "%") + `"`
}

func (g *generator) variable() string {
	return g.pick("$", "$", "$", "$", "$x", "$y", "$é", "$_1", "$.N", "$x.a", "$.Alert.labels")
}

func (g *generator) operand() string {
	g.depth++
	defer func() { g.depth-- }()
	switch k := g.Intn(20); {
	case k < 6:
		return g.field()
	case k < 9:
		return g.number()
	case k < 12:
		return g.quoted()
	case k < 13:
		return g.pick("true", "false", "nil", ".", ".", "$")
	case k < 14:
		return g.variable()
	case k < 15 && g.depth < 4:
		return "(" + g.pipeline() + ")" + g.pick(".a", ".labels", ".x.y", "..")
	case g.depth < 4:
		return "(" + g.pipeline() + ")"
	}
	return g.field()
}

func (g *generator) command() string {
	if g.Intn(3) == 0 {
		return g.operand()
	}
	name := g.pick("and", "or", "not", "len", "index", "slice", "print", "printf", "printf", "println", "html", "js",
		"urlquery", "call", "eq", "ne", "lt", "le", "gt", "ge", "nosuch")
	if name == "nosuch" && g.Intn(30) > 0 {
		name = "index"
	}
	args := []string{name}
	if name == "printf" && g.Intn(10) > 0 {
		args = append(args, g.format())
	}
	if (name == "index" || name == "slice") && g.Intn(3) > 0 {
		args = append(args, g.pick(".L", ".S", ".Alert.values", ".Body", ".M", ".Alert.labels", "\"h\\xffé\""))
		for range g.Intn(4) {
			args = append(args, g.pick("0", "1", "2", "3", "5", "\"a\"", "-1", ".N", "nil"))
		}
		return strings.Join(args, " ")
	}
	for range g.Intn(4) {
		args = append(args, g.operand())
	}
	return strings.Join(args, " ")
}

func (g *generator) pipeline() string {
	g.depth++
	defer func() { g.depth-- }()
	s := g.command()
	for g.Intn(4) == 0 {
		s += g.pick(" | ", "|") + g.pick(g.command(), g.pick("len", "html", "js", "print", "not", "urlquery", "call", "and 0", "or 0",
			"eq 1", "printf \"%v\"", "printf \"%q\"", "printf", "index .L", "slice \"abc\""))
	}
	return s
}

func (g *generator) action() string {
	left, right := g.pick("{{", "{{", "{{ ", "{{- ", "{{-\n"), g.pick("}}", "}}", " }}", " -}}", "\n-}}", "  -}}")
	wrap := func(s string) string { return left + s + right }
	g.depth++
	defer func() { g.depth-- }()
	body := func() string { return g.nodes(3) }
	if g.depth > 4 {
		return wrap(g.pipeline())
	}
	name := g.pick(`"one"`, `"two"`, "`three`", `"prompt"`, "four", `"a\"b"`)
	switch g.Intn(16) {
	case 0:
		return wrap("if "+g.pipeline()) + body() + g.pick("", "{{else}}"+body(), "{{else if "+g.pipeline()+"}}"+body()) + "{{end}}"
	case 1:
		return wrap("with "+g.pick("", "$x := ")+g.pipeline()) + body() + g.pick("", "{{else}}"+body(), "{{else with "+g.pipeline()+"}}"+body()) + "{{end}}"
	case 2, 3:
		over := g.pick(".L", ".M", ".Alert.labels", ".Alert.values", "3", "2", "0", ".S", ".N", ".Nil", "(index .S 0)", g.pipeline())
		return wrap("range "+g.pick("", "$x := ", "$x, $y := ", "$y, $x = ", "$x = ", "$x, ", "$x,$y,$z := ")+over) + body() +
			g.pick("", "{{break}}", "{{if .}}{{continue}}{{end}}"+body(), "{{else}}"+body()) + "{{end}}"
	case 4:
		return wrap(g.pick("$x", "$y", "$é", "$") + g.pick(" := ", ":=", " = ", "=", " : ", ", $y := ") + g.pipeline())
	case 5:
		return wrap("define "+name) + body() + g.pick("{{end}}", "{{end}}", "{{end}}", "{{else}}{{end}}", "")
	case 6:
		return wrap("block "+name+" "+g.pipeline()) + body() + "{{end}}"
	case 7:
		return "{{if $." + g.pick("Never", "B") + "}}" + wrap("template "+name+g.pick("", " .", " "+g.pipeline())) + "{{end}}"
	case 8:
		return left + "/* c\n */" + right
	case 9:
		if g.Intn(3) > 0 {
			break
		}
		return wrap(g.pick("break", "continue", "end", "else", "", "template", "define", "if", "range", "/*", "*/", "block \"x\"", "else if .B",
			"end end", "break 1", "nil", "$x := 1, 2", "(", ")", "..", ".a.", ". a", ".5", "$", "$$", "@", "#", "a.b", "é", "\x01", "\xff", "a\u00a0b",
			"|", "1|", "1 |2", ".x-y", "\"a\".b", "true.x", "nil.x", "$.x.y.", ",", ":", ":=", "print,", "printf \"\"\"\"", "index.a", "len.x 1"))
	case 10:
		return `{{define "one"}}` + body() + "{{end}}{{template \"one\" " + g.operand() + "}}"
	}
	return wrap(g.pipeline())
}

func (g *generator) nodes(most int) string {
	return g.repeat(most, "", func() string {
		return g.pick("", "x", " \n\t z", "<&>é", "%", "{", "}}", "\r\n", "a{b") + g.action()
	})
}

// mutate breaks a template at a few places.
func (g *generator) mutate(s string) string {
	b := []byte(s)
	for range 1 + g.Intn(3) {
		if len(b) == 0 {
			break
		}
		i := g.Intn(len(b))
		j := min(len(b), i+1+g.Intn(4))
		switch g.Intn(4) {
		case 0:
			b = append(b[:i:i], b[j:]...)
		case 1:
			b = append(b[:i:i], append([]byte(g.pick("{{", "}}", " ", "\n", "(", ")", "|", ".", "$", "\"", "'", "`", "-", "\xff", "é", "0", "a",
				" -}}", "{{- ", "/*", "*/", ":=", "=", ",", "%")), b[i:]...)...)
		case 2:
			b = append(b[:j:j], b[i:]...)
		case 3:
			b[i] = byte(g.Intn(256))
		}
	}
	return string(b)
}

func (g *generator) text() string {
	g.depth = 0
	switch g.Intn(10) {
	case 0, 1:
		args := g.repeat(4, " ", g.operand)
		return fmt.Sprintf("{{printf %s %s}}", g.format(), args)
	case 2:
		return "{{" + g.pick("", "print ", "printf \"%v %T\" ") + g.number() + g.pick("", " ", " 1") + "}}"
	case 3, 4:
		return g.mutate(g.nodes(3))
	case 5:
		return "{{$x := " + g.operand() + "}}{{$y := " + g.number() + "}}" + g.nodes(4)
	case 6:
		return "{{" + g.command() + "}}"
	}
	return g.nodes(5)
}
