// Asks Alertmanager's and Prometheus' own packages, and Go's time, what the helpers of policies must answer:
//
//	go run . durations > ../../../lua/testdata/durations.tsv
//	go run . times     > ../../../lua/testdata/times.tsv
//	go run . windows   > ../../../lua/testdata/windows.tsv
//	go run . matchers  > ../../../lua/testdata/matchers.tsv
//
// One case a line, fields between tabs; \t, \n, \\ and \xNN in fields. The same every time it runs.
package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"strings"
)

var (
	out    = bufio.NewWriter(os.Stdout)
	random = rand.New(rand.NewSource(7))
)

func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\\':
			b.WriteString(`\\`)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func row(fields ...any) {
	for i, f := range fields {
		if i > 0 {
			out.WriteByte('\t')
		}
		out.WriteString(escape(fmt.Sprint(f)))
	}
	out.WriteByte('\n')
}

func pick(list ...string) string {
	return list[random.Intn(len(list))]
}

func main() {
	jobs := map[string]func(){"durations": durations, "times": times, "windows": windows, "matchers": matchers}
	if len(os.Args) != 2 || jobs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "Usage: go run . durations|times|windows|matchers")
		os.Exit(2)
	}
	row("# made by test/oracle/alertmanager: do not edit")
	jobs[os.Args[1]]()
	out.Flush()
}
