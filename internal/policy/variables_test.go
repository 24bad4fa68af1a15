package policy

import (
	"slices"
	"testing"

	"uzerp-mfa/internal/libpq"
)

// tuning are those of libpq's variables that a caller of sudo may set: they choose no server, no key and no certificate, and
// switch no check off. The password is sent to the server that the policy leaves.
var tuning = []string{"PGPASSWORD", "PGCONNECT_TIMEOUT", "PGAPPNAME", "PGTZ"}

// Each variable of libpq that is obeyed, or that would stop a command, is one that the policy knows.
func TestVariablesOfLibpq(t *testing.T) {
	for _, p := range libpq.Parameters() {
		if p.Variable == "" || p.Use == libpq.Ignored || slices.Contains(tuning, p.Variable) {
			continue
		}
		if !slices.Contains(variables, p.Variable) {
			t.Errorf("%s is obeyed through sudo", p.Variable)
		}
	}
}
