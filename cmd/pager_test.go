package cmd

import (
	"os"
	"testing"
)

// A sudo rule for this program must not be a rule for $PAGER, or for a shell that less starts.
func TestNoPagerWithLentRights(t *testing.T) {
	for _, lent := range []string{"", "SUDO_UID", "SUDO_USER", "DOAS_USER", "PKEXEC_UID"} {
		getenv := func(name string) (string, bool) {
			switch name {
			case "TERM":
				return "xterm", true
			case "PAGER":
				return "most", true
			case lent:
				return "1000", true
			}
			return "", false
		}
		app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: getenv})
		app.configureStreams()
		if got := app.streams.Pager; (got == "most") != (lent == "") || lent != "" && got != "" {
			t.Errorf("with %q the pager is %q", lent, got)
		}
	}
}
