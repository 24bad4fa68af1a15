package audit

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/notify"
)

// Of each mail the log says whether it was sent.
func TestUnsentMails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &Recorder{Log: log, Command: "user reset", Actor: Actor{User: "root", SudoUser: "ann", PID: 4711}}
	running := errors.New("no outcome")
	for _, m := range []struct {
		to  string
		err error
	}{
		{"sent@example.com", nil}, {"failed@example.com", errors.New("the disk is full")}, {"lost@example.com", errs.ErrLostReply},
		{"notdue@example.com", errs.New(errs.Refused, "nothing was changed", "")}, {"", errors.New("no address")}, {"died@example.com", running},
		{"x\xff\u202e@example.com", errors.New("bad")},
	} {
		end, err := r.BeginMail(t.Context(), notify.Mail{Kind: notify.Removed, Username: "alice", To: m.to})
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(m.err, running) {
			end(m.err)
		}
	}
	r.Refused("alice", errors.New("another line"))
	files, err := OpenFiles(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	var got []string
	unsent, err := UnsentMails(Filter{}.Select(files.Records(time.Time{}), func(bad error) { t.Error(bad) }))
	for _, m := range unsent {
		state := "failed"
		if m.Unknown {
			state = "unknown"
		}
		if m.Username != "alice" || m.Kind != "reset" || m.Operator != "ann" || m.Command != "user reset" || m.Time.IsZero() {
			t.Errorf("%+v", m)
		}
		got = append(got, m.To+" "+state+": "+m.Message)
	}
	want := "failed@example.com failed: the disk is full\n" +
		"lost@example.com unknown: no usable answer; it may have taken effect\n" +
		" failed: no address\n" +
		"died@example.com unknown: process 4711 has not said how it ended: it is running, or it died\n" +
		"x\\xff\u202e@example.com failed: bad"
	if strings.Join(got, "\n") != want || err != nil {
		t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
	}
}

// A mail that can't be recorded is not begun.
func TestBeginMailFails(t *testing.T) {
	dir := t.TempDir()
	log, err := Open(filepath.Join(dir, "audit.jsonl"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	log.turn <- struct{}{} // another line is being written, for ever
	log.o.Wait = 1
	r := &Recorder{Log: log, Command: "user reset"}
	if end, err := r.BeginMail(t.Context(), notify.Mail{Kind: notify.Removed, Username: "alice"}); err == nil || end != nil {
		t.Error("begun all the same")
	}
}
