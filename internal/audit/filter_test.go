package audit

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFilter(t *testing.T) {
	start := time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)
	now := start
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := Open(path, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Record{
		{ID: "a", Target: "alice", Actor: Actor{User: "root", SudoUser: "ann"}, Result: ResultDone},
		{ID: "b", Target: "bob", Actor: Actor{User: "ann"}, Result: ResultRefused},
		{ID: "c", Target: "alice", Actor: Actor{User: "ben"}, Result: ResultFailed},
		{ID: "d", Target: "alice", Actor: Actor{User: "ben"}, Result: ResultDone},
	} {
		r.Command = "user reset"
		if _, err := log.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	text := strings.Replace(string(readFile(t, path)), "\n", "\nno record\n", 1)
	for _, test := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "abcd"},
		{Filter{Target: "alice"}, "acd"},
		{Filter{Actor: "ann"}, "ab"},
		{Filter{Results: []Result{ResultRefused, ResultFailed}}, "bc"},
		{Filter{From: start.Add(time.Hour)}, "bcd"},
		{Filter{Until: start.Add(time.Hour)}, "a"},
		{Filter{From: start.Add(time.Hour), Until: start.Add(3 * time.Hour)}, "bc"},
		{Filter{Last: 1}, "d"},
		{Filter{Target: "alice", Last: 2}, "cd"},
		{Filter{Last: 9}, "abcd"},
	} {
		got, bad := "", 0
		for r, err := range test.filter.Select(Read(strings.NewReader(text)), func(err error) { bad = err.(*LineError).Line }) {
			if err != nil {
				t.Fatal(err)
			}
			got += r.ID
		}
		if got != test.want || bad != 2 {
			t.Errorf("%+v: %q, want %q; line %d is no record", test.filter, got, test.want, bad)
		}
	}
}
