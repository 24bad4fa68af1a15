package audit

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/secret"
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
	checkAt := func(minute int, to caller.Recipient, status caller.Status, where Database) {
		t.Helper()
		now = time.Date(2026, 11, 27, 12, minute, 0, 0, time.UTC)
		r := &Recorder{Log: log, Command: "identity check", Place: func() Place { return Place{Database: &where} }}
		checked := r.Verifications(answers{status: status})
		if got, err := checked.CheckVerification(t.Context(), to, "VE1", "123456"); err != nil || got != status {
			t.Fatal(got, err)
		}
	}
	own := caller.Phone{Masked: "+44 *******123"}
	check := func(minute int, username string, status caller.Status, where Database) {
		t.Helper()
		checkAt(minute, caller.Recipient{Username: username, Phone: own}, status, where)
	}
	given := func(username, number string) caller.Recipient {
		return caller.Recipient{Username: username, Given: true, Phone: caller.Phone{E164: secret.New(number), Masked: own.Masked}}
	}
	fresh := func(username, masked string) caller.Recipient {
		return caller.Recipient{Username: username, Phone: caller.Phone{Masked: masked}, Fresh: &caller.Change{}}
	}
	check(0, "too-old", caller.Pending, here)
	check(1, "wrong", caller.Pending, here)
	check(2, "wrong", caller.Canceled, here) // the fifth
	check(3, "right after all", caller.Pending, here)
	check(4, "right after all", caller.Approved, here)
	check(5, "wrong again", caller.Approved, here)
	check(6, "wrong again", caller.Pending, here)
	check(7, "elsewhere", caller.Pending, Database{Host: "test", Name: "uzerp"})
	// A right code that shows nothing about the user takes back only what was wrong with the same number.
	check(8, "then a number of the caller's", caller.Pending, here)
	checkAt(9, given("then a number of the caller's", "+447700900123"), caller.Approved, here)
	check(10, "then a new number", caller.Pending, here)
	checkAt(11, fresh("then a new number", "+44 *******999"), caller.Approved, here)
	check(11, "then one that ends alike", caller.Pending, here)
	checkAt(12, fresh("then one that ends alike", own.Masked), caller.Approved, here)
	checkAt(12, given("their number", "+447700900999"), caller.Pending, here)
	checkAt(13, given("their number", "+447700900999"), caller.Approved, here)
	check(14, "both", caller.Pending, here)
	checkAt(15, given("both", "+447700900999"), caller.Pending, here)
	checkAt(16, given("both", "+447700900999"), caller.Approved, here)
	checkAt(17, given("verified at last", "+447700900999"), caller.Pending, here)
	check(18, "verified at last", caller.Approved, here)
	checkAt(19, caller.Recipient{Username: "without a country", Phone: caller.Phone{Masked: own.Masked, Region: "GB"}}, caller.Pending, here)
	checkAt(20, caller.Recipient{Username: "without a country", Phone: caller.Phone{Masked: own.Masked, Region: "GB"}}, caller.Approved, here)
	r, err := ReadRejections(t.Context(), path, Here{Databases: []Database{here}}, time.Date(2026, 11, 27, 12, 1, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for name, minute := range map[string]int{
		"too-old": -1, "wrong": 2, "right after all": -1, "wrong again": 6, "elsewhere": -1, "nobody": -1,
		"then a number of the caller's": 8, "then a new number": 10, "then one that ends alike": 11, "their number": -1, "both": 14, "verified at last": -1,
		"without a country": -1,
	} {
		if at, known := r.At(name); known != (minute >= 0) || known && at.Minute() != minute {
			t.Errorf("%s: %v %t", name, at, known)
		}
	}
}
