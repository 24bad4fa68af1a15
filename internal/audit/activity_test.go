package audit

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
)

// What counts for the administrator's policy: the operator's own changes of the last hour, and callers who gave the code
// that went to a number of uzERP's, at the same place.
func TestReadActivity(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := now
	path := t.TempDir() + "/audit.jsonl"
	log, err := Open(path, Options{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	here := Place{Database: &Database{Host: "db", Port: 5432, Name: "live"}, Service: &Service{SID: "VA1"}}
	other := Place{Database: &Database{Host: "db", Port: 5432, Name: "copy"}, Service: here.Service}
	ann, ben := Actor{User: "root", SudoUser: "ann", Host: "h", PID: 1}, Actor{User: "root", SudoUser: "ben", Host: "h", PID: 2}
	refused := errs.New(errs.Refused, "no", "")
	do := func(ago time.Duration, actor Actor, place Place, command, target, word string, after Values, err error) {
		t.Helper()
		clock = now.Add(-ago)
		r := &Recorder{Log: log, Actor: actor, Command: command, VerifiedBy: word, Place: func() Place { return place }}
		_ = r.Record(t.Context(), target, nil, after, func() error { return err })
	}
	masked := func(status string) Values { return Values{"to": "+44 ***123", "status": status} }
	const minute = time.Minute
	do(61*minute, ann, here, "user enable", "early", "", nil, nil)
	do(50*minute, ann, here, "user enable", "alice", "", nil, nil)
	do(50*minute, ann, here, "user enable", "alice", "", nil, nil)    // the same user once more
	do(49*minute, ann, other, "user enable", "carol", "", nil, nil)   // in another database
	do(48*minute, ann, here, "user enable", "dave", "", nil, refused) // nothing was changed
	do(47*minute, ann, here, "user enable", "erin", "", nil, errs.ErrLostReply)
	do(46*minute, ben, here, "user enable", "frank", "", nil, nil)

	do(11*minute, ann, here, "identity check", "late", "", masked("approved"), nil)
	do(9*minute, ann, here, "identity check", "yes", "", masked("approved"), nil)
	do(9*minute, ann, here, "identity check", "twice", "in-person", masked("approved"), nil)
	do(9*minute, ann, here, "identity check", "wrong", "", masked("pending"), refused)
	do(9*minute, ann, here, "identity send", "sent", "", Values{"to": "+44 ***123", "status": "approved", "channel": "sms"}, nil)
	do(9*minute, ann, here, "identity check", "given", "", Values{"to": "+447700900123", "status": "approved"}, nil)
	do(9*minute, ann, here, "identity check", "fresh", "", Values{"to": "+44 ***123", "status": "approved", "number_changed": nil}, nil)
	do(9*minute, ann, here, "identity check", "indian", "", Values{"to": "+91 ***123", "status": "approved", "region": "IN"}, nil)
	do(9*minute, ann, other, "identity check", "copied", "", masked("approved"), nil)
	do(9*minute, ben, here, "identity check", "bens", "", masked("approved"), nil)
	do(-minute, ann, here, "identity check", "ahead", "", masked("approved"), nil) // the clock was set back since
	do(9*minute, ann, here, "user reset", "lost", "", masked("approved"), errors.New("failed"))

	got, err := ReadActivity(t.Context(), path, ann, here, now.Add(-time.Hour), now.Add(-10*minute), now)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Approved) != 2 || !got.Approved["yes"] || !got.Approved["twice"] || len(got.VerifiedBy) != 2 || got.VerifiedBy["yes"] || !got.VerifiedBy["twice"] {
		t.Errorf("approved %v, and in another way %v", got.Approved, got.VerifiedBy)
	}
	if want := "ahead alice carol copied erin fresh given indian late sent twice yes"; strings.Join(slices.Sorted(maps.Keys(got.Changed)), " ") != want {
		t.Errorf("changed %v, want %s", got.Changed, want)
	}
	if got, err := ReadActivity(t.Context(), path+"x", ann, here, now, now, now); err != nil || len(got.Changed) != 0 {
		t.Errorf("no log: %v, %v", got, err)
	}
}
