package audit

import (
	"errors"
	"maps"
	"os"
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
	masked := func(status string) Values { return Values{"to": "+44 ***123", "to_given": false, "status": status} }
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
	do(9*minute, ann, here, "identity check", "b\xff", "", masked("approved"), nil)
	do(9*minute, ann, here, "identity check", "wrong", "", masked("pending"), refused)
	do(9*minute, ann, here, "identity send", "sent", "", Values{"to": "+44 ***123", "to_given": false, "status": "approved", "channel": "sms"}, nil)
	do(9*minute, ann, here, "identity check", "given", "", Values{"to": "+4477*", "to_given": true, "status": "approved"}, nil)
	do(9*minute, ann, here, "identity check", "fresh", "", Values{"to_given": false, "status": "approved", "number_changed": nil}, nil)
	do(9*minute, ann, here, "identity check", "indian", "", Values{"to_given": false, "status": "approved", "region": "IN"}, nil)
	do(9*minute, ann, other, "identity check", "copied", "", masked("approved"), nil)
	do(9*minute, ben, here, "identity check", "bens", "", masked("approved"), nil)
	do(-minute, ann, here, "identity check", "ahead", "", masked("approved"), nil) // the clock was set back since
	do(9*minute, ann, here, "user reset", "lost", "", masked("approved"), errors.New("failed"))

	got, err := ReadActivity(t.Context(), path, ann, here, now.Add(-time.Hour), now.Add(-10*minute), now)
	if err != nil {
		t.Fatal(err)
	}
	// A name that is no UTF-8 is in the log with \xff written out.
	if len(got.code) != 3 || !got.Code("yes") || !got.Code("twice") || !got.Code("b\xff") || got.Word("yes") || !got.Word("twice") || got.Word("b\xff") {
		t.Errorf("approved %v, and in another way %v", got.code, got.word)
	}
	if want := `ahead alice b\xff carol copied erin fresh given indian late sent twice yes`; strings.Join(slices.Sorted(maps.Keys(got.changed)), " ") != want {
		t.Errorf("changed %v, want %s", got.changed, want)
	}
	if got.Code(`b\xff`) || got.Changed(`b\xff`) {
		t.Error("what was done for a name that is no UTF-8 counts for the one that is its escape")
	}
	if got, err := ReadActivity(t.Context(), path+"x", ann, here, now, now, now); err != nil || got.Changes() != 0 {
		t.Errorf("no log: %v, %v", got, err)
	}
	if !got.Changed("b\xff") {
		t.Error("a name that is no UTF-8 is not found")
	}
	read := func() (Activity, error) {
		return ReadActivity(t.Context(), path, ann, here, now.Add(-time.Hour), now.Add(-10*minute), now)
	}
	// A rotation hides nothing.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log = openLog(t, path)
	do(minute, ann, here, "user enable", "grace", "", nil, nil)
	rotated, err := read()
	if err != nil || rotated.Changes() != got.Changes()+1 || !rotated.Code("yes") {
		t.Errorf("after a rotation: %v, %v", rotated, err)
	}
	// What can't be read does no harm if it is older, and else is an error: it may have more changes.
	unreadable := path + ".2.xz"
	writeFile(t, unreadable, []byte("x"))
	if _, err := read(); errs.KindOf(err) != errs.Config {
		t.Errorf("with a file that can't be read: %v", err)
	}
	early := now.Add(-2 * time.Hour)
	if err := os.Chtimes(unreadable, early, early); err != nil {
		t.Fatal(err)
	}
	if again, err := read(); err != nil || again.Changes() != rotated.Changes() {
		t.Errorf("with an old file that can't be read: %v, %v", again, err)
	}
	// A log that others may have written is no evidence.
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); errs.KindOf(err) != errs.Config {
		t.Errorf("a log that everybody may change: %v", err)
	}
}
