package output_test

import (
	"bytes"
	"strings"
	"testing"

	"uzerp-mfa/internal/output"
)

func TestProgress(t *testing.T) {
	var out, err bytes.Buffer
	s := output.New(strings.NewReader(""), &out, &err)
	count := func() string {
		err.Reset()
		p := s.NewProgress("users", 2)
		p.Step()
		p.Step()
		p.Done()
		return err.String()
	}
	if got := count(); got != "" {
		t.Errorf("without a terminal: %q", got)
	}
	s.ErrTTY = true
	if got := count(); !strings.HasPrefix(got, "\r1 of 2 users\x1b[K") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("on a terminal: %q", got)
	}
	s.Quiet = true
	if got := count(); got != "" {
		t.Errorf("if quiet: %q", got)
	}
}

func TestHeldNotes(t *testing.T) {
	var out, err bytes.Buffer
	s := output.New(strings.NewReader(""), &out, &err)
	s.HoldNotes = true
	s.Notef("one\n%s", "\x1b")
	s.Warnf("two")
	if got := err.String(); got != "warning: two\n" {
		t.Errorf("held: %q", got)
	}
	s.ReleaseNotes()
	s.ReleaseNotes()
	if got := err.String(); got != "warning: two\none\n\\x1b\n" {
		t.Errorf("released: %q", got)
	}
}
