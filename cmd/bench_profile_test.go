package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// BenchmarkProfile prints where commands spend the processor's time: profile/NAME: 12.3% FUNCTION. The lines are of functions that mean
// something to a reader, each with all that it calls. The program is the tests' own.
func BenchmarkProfile(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(b.TempDir(), "uzerp-mfa")
	if err := os.Symlink(self, program); err != nil {
		b.Fatal(err)
	}
	n, late := size(200_000), size(1000)
	database, verify := fill(b, n), newStandIn(b, n)
	for _, p := range []struct {
		name string
		args []string
	}{
		{"list", []string{"user", "list", "-o", "csv"}},
		{"doctor", []string{"doctor"}},
		{"reset", []string{"user", "reset", "--yes", "--from-file", enrolledNames(b, late)}},
	} {
		b.Run(p.name, func(b *testing.B) {
			once(b, func() metrics {
				profile := filepath.Join(b.TempDir(), "profile")
				c := exec.Command(program, append(p.args, "-q", "--database-url", database, "--audit-log", filepath.Join(b.TempDir(), "audit.jsonl"))...)
				c.Env = append(twilioAt(verify.URL), "TEST_PROFILE="+profile)
				took := used(b, c, 9)
				top, err := exec.Command("go", "tool", "pprof", "-top", "-cum", "-nodecount", "400", self, profile).Output()
				if err != nil {
					b.Fatal(err)
				}
				fmt.Println() // the name of the benchmark stands in the line already
				lines := pprofLine.FindAllStringSubmatch(string(top), -1)
				lines = slices.DeleteFunc(lines, func(m []string) bool { return literal.MatchString(m[2]) })
				for _, m := range lines[:min(len(lines), 12)] {
					fmt.Printf("profile/%s: %s %s\n", p.name, m[1], shape.ReplaceAllString(m[2], ""))
				}
				return metrics{"cpu-s", took.cpu}
			})
		})
	}
}

var (
	// pprofLine is a line of what pprof -top prints: flat, flat%, sum%, cum, cum%, function.
	pprofLine = regexp.MustCompile(`(?m)^ *[0-9.]+m?s? +[0-9.]+% +[0-9.]+% +[0-9.]+m?s +([0-9.]+%) +((?:uzerp-mfa/internal/|github\.com/jackc/pgx/v5` +
		`\.\(\*Conn\)|github\.com/twilio/twilio-go/|encoding/|os\.\(\*File\)\.(?:Sync|Write|Read)|runtime\.(?:gcBgMarkWorker|mallocgc)$).*)$`)
	// literal is the name of a function without a name, whose share its caller has too.
	literal = regexp.MustCompile(`\.func\d`)
	// shape is what pprof adds to some names.
	shape = regexp.MustCompile(` \(inline\)|\[.*\]`)
)
