package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
)

// A service that was made and could not be written must not be lost: its SID and the line to write are in the error.
// Scripts can't show it, for what goes wrong must do so between Twilio's answer and the writing.
func TestServiceMadeAndNotWritten(t *testing.T) {
	const sid = "VA00000000000000000000000000000009"
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	app.flags.noAuditLog = true
	ch, err := app.changes(writeFlags{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		meanwhile string // what somebody else adds to the file
		want      string // in the file afterwards
		written   bool
	}{
		{"nothing goes wrong", "", "A=1\nTWILIO_SERVICE_SID=" + sid + "\n", true},
		{"the file was changed", "B=2\n", "A=1\nB=2\n", false},
	} {
		path := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(path, []byte("A=1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		env, err := installation.ReadEnvFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("A=1\n"+test.meanwhile), 0o600); err != nil {
			t.Fatal(err)
		}
		var view serviceEnvView
		err = (&envPlan{file: env}).put(t.Context(), ch, sid, &view)
		if got, _ := os.ReadFile(path); string(got) != test.want {
			t.Errorf("%s: the file holds %q", test.name, got)
		}
		if view.Written != test.written || (view.Backup != nil) != test.written || (err == nil) != test.written {
			t.Errorf("%s: %+v, %v", test.name, view, err)
		}
		if err == nil {
			continue
		}
		if errs.KindOf(err) != errs.Failure || !strings.Contains(err.Error(), sid) ||
			!strings.Contains(errs.HintOf(err), "TWILIO_SERVICE_SID="+sid+" into "+path) || strings.Contains(errs.HintOf(err), "nothing was changed") {
			t.Errorf("%s: %v, hint %q", test.name, err, errs.HintOf(err))
		}
	}
}
