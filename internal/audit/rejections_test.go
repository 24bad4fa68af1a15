package audit

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"uzerp-mfa/internal/caller"
)

// answers answers every code with the same status.
type answers struct {
	caller.Verifications
	status caller.Status
}

func (a answers) CheckVerification(context.Context, caller.Recipient, string, string) (caller.Status, error) {
	return a.status, nil
}

func TestRejections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	log, err := Open(path, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	here := Database{Host: "db", Name: "uzerp"}
	check := func(minute int, username string, status caller.Status, where Database) {
		t.Helper()
		now = time.Date(2026, 11, 27, 12, minute, 0, 0, time.UTC)
		r := &Recorder{Log: log, Command: "identity check", Place: func() Place { return Place{Database: &where} }}
		checked := r.Verifications(answers{status: status})
		if got, err := checked.CheckVerification(t.Context(), caller.Recipient{Username: username}, "VE1", "123456"); err != nil || got != status {
			t.Fatal(got, err)
		}
	}
	check(0, "too-old", caller.Pending, here)
	check(1, "wrong", caller.Pending, here)
	check(2, "wrong", caller.Canceled, here) // the fifth
	check(3, "right after all", caller.Pending, here)
	check(4, "right after all", caller.Approved, here)
	check(5, "wrong again", caller.Approved, here)
	check(6, "wrong again", caller.Pending, here)
	check(7, "elsewhere", caller.Pending, Database{Host: "test", Name: "uzerp"})
	r, err := ReadRejections(t.Context(), path, Here{Databases: []Database{here}}, time.Date(2026, 11, 27, 12, 1, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for name, minute := range map[string]int{"too-old": -1, "wrong": 2, "right after all": -1, "wrong again": 6, "elsewhere": -1, "nobody": -1} {
		if at, known := r.At(name); known != (minute >= 0) || known && at.Minute() != minute {
			t.Errorf("%s: %v %t", name, at, known)
		}
	}
}
