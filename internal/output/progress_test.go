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
