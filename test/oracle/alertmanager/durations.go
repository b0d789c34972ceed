package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// parse <text> <milliseconds|error>, and format <milliseconds> <text>
func durations() {
	texts := []string{"", "0", "00", "0s", "0ms", "1", "1s", "01s", "1 s", " 1s", "1s ", "-1s", "+1s", "1.5h", ".5h", "1h30m",
		"30m1h", "1h1h", "1y2w3d4h5m6s7ms", "7ms6s", "1M", "1H", "1S", "1us", "1µs", "1ns", "1mo", "m", "s1", "1h-30m",
		"1d 2h", "1m1d", "1m30", "30", "292y", "293y", "292y24w3d", "292y24w4d", "292y171d23h47m16s854ms",
		"292y171d23h47m16s855ms", "9223372036s", "9223372037s", "9223372036854ms", "9223372036855ms",
		"18446744073709551615ms", "18446744073709551616ms", "99999999999999999999999ms", "1s\x00", "1\x00s", "1s\n",
		"１s", "1٣s", "0y0w0d0h0m0s0ms", "1ms1s", "1y1y", "000000000000000000001s", "5m0s", "90s", "61m", "25h", "8d", "53w",
		"1msms", "1ss", "1hm", "h", "ms", "1e3s", "0x1s", "1_0s", "106751d", "106752d", "15250w", "15251w", "2562047h",
		"2562048h", "153722867m", "153722868m"}
	units := []string{"y", "w", "d", "h", "m", "s", "ms"}
	for i := 0; i < 300; i++ { // mostly in order
		var b strings.Builder
		for _, u := range units {
			if random.Intn(3) == 0 {
				fmt.Fprintf(&b, "%d%s", random.Intn(pickLimit()), u)
			}
		}
		texts = append(texts, b.String())
	}
	for i := 0; i < 200; i++ { // anything
		var b strings.Builder
		for n := random.Intn(4); n >= 0; n-- {
			b.WriteString(pick("1", "20", "0", "3", "", "s", "m", "h", "ms", "d", "w", "y", " ", "-", "."))
			b.WriteString(pick(units...))
		}
		texts = append(texts, b.String())
	}
	for _, s := range texts {
		d, err := model.ParseDuration(s)
		if err != nil {
			row("parse", s, "error")
		} else {
			row("parse", s, time.Duration(d).Milliseconds())
		}
	}
	ms := []int64{0, 1, 999, 1000, 1001, 59999, 60000, 3600000, 5400000, 86400000, 7 * 86400000, 8 * 86400000, 14 * 86400000,
		365 * 86400000, 366 * 86400000, 372 * 86400000, 730 * 86400000, 9223372036000}
	for i := 0; i < 200; i++ {
		unit := []int64{1, 1000, 60000, 3600000, 86400000, 604800000, 31536000000}[random.Intn(7)]
		ms = append(ms, unit*int64(random.Intn(100))+int64(random.Intn(2))*int64(random.Intn(90000)))
	}
	for _, n := range ms {
		row("format", n, model.Duration(time.Duration(n)*time.Millisecond).String())
	}
}

func pickLimit() int {
	return []int{2, 10, 100, 5000}[random.Intn(4)]
}
