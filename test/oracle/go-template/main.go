// Makes random templates, runs them with Go's own text/template, and writes what came of it as cases for
// go-template-vectors:
//
//	go run . -seed 7 -n 5000 > cases.json && build/debug/test/go-template-vectors cases.json
//
// A case that Go cannot answer in a second, that prints addresses, or whose output is over 64 KiB is left out.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
)

// convert gives JSON the types that the engine's data has: int for numbers without fraction and exponent.
func convert(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			f, _ := v.Float64()
			return f
		}
		i, _ := v.Int64()
		return int(i)
	case map[string]any:
		out := map[string]any{}
		for key, e := range v {
			out[key] = convert(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = convert(e)
		}
		return out
	}
	return v
}

type limited struct {
	bytes.Buffer
}

var errTooLong = errors.New("too long")

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > 64<<10 {
		return 0, errTooLong
	}
	return l.Buffer.Write(p)
}

type outcome struct {
	text, stage string
	skip        bool
}

func run(text string, data any) (o outcome) {
	defer func() {
		if recover() != nil {
			o = outcome{skip: true}
		}
	}()
	t, err := template.New("prompt").Option("missingkey=error").Parse(text)
	if err != nil {
		return outcome{text: err.Error(), stage: "parse"}
	}
	var out limited
	if err := t.Execute(&out, data); err != nil {
		return outcome{text: err.Error(), stage: "exec", skip: errors.Is(err, errTooLong)}
	}
	return outcome{text: out.String()}
}

func put(c map[string]string, name, s string) {
	if utf8.ValidString(s) && !strings.ContainsAny(s, "\x00\ufdd0") {
		c[name] = s
	} else {
		c[name+"_hex"] = hex.EncodeToString([]byte(s))
	}
}

func main() {
	seed := flag.Int64("seed", 1, "where the random numbers begin")
	n := flag.Int("n", 2000, "how many cases")
	flag.Parse()
	g := &generator{Rand: rand.New(rand.NewSource(*seed))}

	sets := map[string]any{}
	d := json.NewDecoder(strings.NewReader(setsJSON))
	d.UseNumber()
	if err := d.Decode(&sets); err != nil {
		panic(err)
	}
	var cases []map[string]string
	for i := 0; len(cases) < *n; i++ {
		set := g.pick("alert", "odd")
		text := g.text()
		done := make(chan outcome, 1)
		go func() {
			o := run(text, convert(sets[set]))
			if o != run(text, convert(sets[set])) {
				o.skip = true // it printed an address
			}
			done <- o
		}()
		var o outcome
		select {
		case o = <-done:
		case <-time.After(time.Second):
			o.skip = true
		}
		if o.skip {
			continue
		}
		c := map[string]string{"name": fmt.Sprintf("fuzz-%d-%d", *seed, i), "data": set}
		put(c, "text", text)
		if o.stage == "" {
			put(c, "want", o.text)
		} else {
			put(c, "error", o.text)
			c["stage"] = o.stage
		}
		cases = append(cases, c)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	io.WriteString(os.Stdout, `{"sets":`+setsJSON+`,"cases":`)
	if err := e.Encode(cases); err != nil {
		panic(err)
	}
	io.WriteString(os.Stdout, "}\n")
}
