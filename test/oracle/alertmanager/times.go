package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

var zones = []string{"UTC", "Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
	"Africa/Casablanca", "Pacific/Apia"}

func load(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return l
}

// Whole hours' edges around every jump of the clocks of 2024 to 2027, and some that are far from any.
func moments(l *time.Location) (list []int64) {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, last := at.In(l).Zone(); at.Year() < 2028; at = at.Add(30 * time.Minute) {
		_, now := at.In(l).Zone()
		if now != last {
			last = now
			for _, d := range []int64{-7200, -3601, -1800, -1, 0, 1, 1799, 1800, 3600, 7199} {
				list = append(list, at.Unix()+d)
			}
		}
	}
	for i := 0; i < 20; i++ {
		list = append(list, at.Unix()-random.Int63n(4*365*86400))
	}
	return append(list, 0, -1, 951782400, 951868799)
}

// parse <text> <seconds> <nanoseconds> | parse <text> error
// parts <zone> <epoch> year month day hour minute second weekday yearday offset abbreviation dst, then as RFC 3339
func times() {
	base := []string{"2026-03-07T10:00:00Z", "2026-03-07T10:00:00+01:00", "2026-03-07T10:00:00.5Z", "2026-03-07T10:00:00.123456789Z",
		"2026-03-07T10:00:00.1234567890123Z", "2026-03-07T10:00:00,25Z", "2026-03-07T10:00:00.Z", "2026-03-07T10:00:00.Z5",
		"2026-03-07t10:00:00z", "2026-03-07 10:00:00Z", "2026-03-07T10:00:00", "2026-03-07T10:00Z", "2026-03-07",
		"2026-3-07T10:00:00Z", "2026-03-7T10:00:00Z", "2026-03-07T9:00:00Z", "2026-03-07T1:02:03Z", "2026-03-07T10:0:00Z",
		"2026-03-07T10:00:0Z", "2026-03-07T24:00:00Z", "2026-03-07T23:60:00Z", "2026-03-07T23:59:60Z", "2026-02-29T00:00:00Z",
		"2024-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
		"0000-02-29T00:00:00Z", "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "999-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z",
		"2026-03-07T10:00:00+24:00", "2026-03-07T10:00:00+24:60", "2026-03-07T10:00:00+25:00", "2026-03-07T10:00:00+00:61",
		"2026-03-07T10:00:00-00:00", "2026-03-07T10:00:00+0100", "2026-03-07T10:00:00+01", "2026-03-07T10:00:00+1:00",
		"2026-03-07T10:00:00-07:30", "2026-03-07T10:00:00ZZ", "2026-03-07T10:00:00Z ", " 2026-03-07T10:00:00Z", "",
		"T", "2026-03-07T", "+026-03-07T10:00:00Z", "-026-03-07T10:00:00Z", "2026/03/07T10:00:00Z", "2026-03-07T10-00-00Z",
		"2026-03-07T10:00:00.000Z", "2026-03-07T10:00:00.9999999999999999999999Z", "2026-03-07T10:00:00\x00Z", "2026-03-07T1O:00:00Z",
		"2026-03-07T10:00:00+aa:bb", "2026-03-07T10:00:00 +01:00", "2026-03-07T+1:00:00Z", "2026-03-07T 1:00:00Z"}
	for i := 0; i < 250; i++ { // one byte changed, gone or twice
		s := base[random.Intn(4)]
		at := random.Intn(len(s))
		switch random.Intn(3) {
		case 0:
			s = s[:at] + pick("0", "1", "5", "9", "-", ":", "T", "Z", ".", ",", "+", " ") + s[at+1:]
		case 1:
			s = s[:at] + s[at+1:]
		default:
			s = s[:at] + s[at:at+1] + s[at:]
		}
		base = append(base, s)
	}
	for _, s := range base {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			row("parse", s, "error")
		} else {
			row("parse", s, t.Unix(), t.Nanosecond())
		}
	}
	for _, name := range zones {
		l := load(name)
		for _, at := range moments(l) {
			t := time.Unix(at, 0).In(l)
			abbreviation, offset := t.Zone()
			weekday := (int(t.Weekday())+6)%7 + 1
			row("parts", name, at, t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), weekday, t.YearDay(),
				offset, abbreviation, t.IsDST(), t.Format(time.RFC3339))
		}
	}
}

var days = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

func clock(minute int) string {
	return fmt.Sprintf("%02d:%02d", minute/60, minute%60)
}

// Random hours in both grammars.
func hours(l *time.Location) (string, []timeinterval.TimeInterval) {
	var texts []string
	var list []timeinterval.TimeInterval
	for n := random.Intn(3); n >= 0; n-- {
		var parts []string
		interval := timeinterval.TimeInterval{Location: &timeinterval.Location{Location: l}}
		for m := random.Intn(3); m > 0; m-- {
			from := random.Intn(7)
			to := from + random.Intn(7-from)
			interval.Weekdays = append(interval.Weekdays, timeinterval.WeekdayRange{InclusiveRange: timeinterval.InclusiveRange{Begin: from, End: to}})
			if from == to {
				parts = append(parts, pick(days[from], strings.ToLower(days[from])))
			} else {
				parts = append(parts, days[from]+pick("-", " - ")+days[to])
			}
		}
		least := 0
		if len(parts) == 0 {
			least = 1
		}
		for m := least + random.Intn(2); m > 0; m-- {
			from := random.Intn(96) * 15
			to := from + 15 + random.Intn((1440-from)/15)*15
			if random.Intn(3) == 0 { // where clocks jump
				from, to = 90+random.Intn(4)*15, 150+random.Intn(6)*15
			}
			interval.Times = append(interval.Times, timeinterval.TimeRange{StartMinute: from, EndMinute: to})
			parts = append(parts, clock(from)+pick("-", " - ")+clock(to))
		}
		texts = append(texts, strings.Join(parts, " "))
		list = append(list, interval)
	}
	return strings.Join(texts, pick(",", ", ", " , ")), list
}

func inside(list []timeinterval.TimeInterval, at int64) bool {
	for _, interval := range list {
		if interval.ContainsTime(time.Unix(at, 0)) {
			return true
		}
	}
	return false
}

// <zone> <epoch> <hours> <within> <next|none>
func windows() {
	for _, name := range zones {
		l := load(name)
		near := moments(l)
		for i := 0; i < 120; i++ {
			text, list := hours(l)
			at := near[random.Intn(len(near))] - int64(random.Intn(3))*int64(random.Intn(86400*3))
			if at < 86400*10 {
				continue
			}
			within := inside(list, at)
			next := any(at)
			if !within {
				next = "none"
				for t := at - at%60 + 60; t <= at+8*86400; t += 60 {
					if inside(list, t) {
						next = t
						break
					}
				}
			}
			row(name, at, text, within, next)
		}
	}
}
