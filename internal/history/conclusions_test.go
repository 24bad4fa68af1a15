package history_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// The rows of testdata/conclusions.txt are histories in words; conclusions.golden says what they come to.
func TestConclusions(t *testing.T) {
	input, err := os.ReadFile("testdata/conclusions.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, block := range strings.Split(string(input), "\n== ")[1:] {
		name, body, _ := strings.Cut(block, "\n")
		h := parseHistory(t, body)
		fmt.Fprintf(&out, "== %s\n", name)
		if s := h.Suspect(); s != nil {
			fmt.Fprintf(&out, "suspect: %s%s\n", s.Message(h.Now), map[bool]string{true: " (too early)"}[s.TooEarly])
			if len(s.Addresses)+len(s.Browsers) > 0 {
				fmt.Fprintf(&out, "  from %s %s\n", strings.Join(s.Addresses, ", "), strings.Join(s.Browsers, ", "))
			}
		}
		d := h.Diagnose()
		fmt.Fprintf(&out, "%s: %s\n", d.Cause, d.Message)
		for _, hint := range d.Help {
			fmt.Fprintf(&out, "  - %s\n", hint)
		}
	}
	golden(t, "testdata/conclusions.golden", out.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

var yes = true

func alice() mfa.User {
	id, sid := "22222222-2222-4222-8222-222222222222", "YF0000000000000000000000000000000a"
	return mfa.User{Username: "alice", Row: mfa.Row{UUID: &id, SID: &sid, Enrolled: &yes, Enabled: &yes}}
}

// parseHistory reads lines such as "read twilio uzerp-log", "broken", "factor -10m" (the factor is there since then) or
// "-12m code-refused twilio+audit-lines 192.0.2.1 Firefox YFa".
func parseHistory(t *testing.T, body string) history.History {
	t.Helper()
	h := history.History{User: alice(), Since: now.Add(-24 * time.Hour), Now: now}
	read := []string{}
	from := h.Since.Add(-time.Hour)
	for _, line := range strings.Split(body, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		switch f[0] {
		case "read":
			read = f[1:]
		case "broken":
			h.User.SID = nil
		case "factor":
			from = parseEvent(t, []string{f[1], "", ""}).At
		case "not-enrolled":
			h.User.Row = mfa.Row{UUID: h.User.UUID}
		case "nameless":
			h.Nameless, _ = strconv.Atoi(f[1])
		default:
			h.Events = append(h.Events, parseEvent(t, f))
		}
	}
	for _, s := range history.Sources() {
		c := history.Coverage{Source: s, Asked: true, Zone: history.ZoneKnown, Reaches: true, Oldest: h.Since.Add(-time.Hour)}
		if !slices.Contains(read, string(s)) {
			c = history.Coverage{Source: s, Asked: true, Err: errs.New(errs.Config, "may not be read", "")}
		}
		if s == history.FromTwilio && c.Read() && h.User.Whole() {
			c.From = from
		}
		h.Coverage = append(h.Coverage, c)
	}
	slices.SortStableFunc(h.Events, func(a, b history.Event) int { return b.At.Compare(a.At) })
	return h
}

func parseEvent(t *testing.T, f []string) history.Event {
	t.Helper()
	ago, err := time.ParseDuration(f[0])
	if err != nil {
		t.Fatal(f, err)
	}
	e := history.Event{Zone: history.ZoneKnown, Entry: history.Entry{At: now.Add(ago), Username: "alice"}}
	what, code, _ := strings.Cut(f[1], ":")
	e.What = history.What(what)
	if code != "" {
		n, err := strconv.Atoi(code)
		if err != nil {
			t.Fatal(f, err)
		}
		e.Errors = []history.TwilioError{{Code: n, Message: "words"}}
	}
	for _, s := range strings.Split(f[2], "+") {
		if s == "assumed" {
			e.Zone = history.ZoneAssumed
			continue
		}
		e.Sources = append(e.Sources, history.Source(s))
	}
	e.Source = e.Sources[0]
	if len(f) > 3 {
		e.Address = f[3]
	}
	if len(f) > 4 {
		e.Browser = f[4]
	}
	if len(f) > 5 {
		e.FactorSID = f[5]
	}
	return e
}
