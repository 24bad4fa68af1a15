package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// BenchmarkProfile prints where commands spend the processor's time, a line for each of the functions that stand highest in the
// profile: profile/NAME: 12.3% FUNCTION. The program is the tests' own.
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
				c.Env = append(twilioAt(verify.URL), "UZERP_MFA_PROFILE="+profile)
				took := used(b, c, 9)
				top, err := exec.Command("go", "tool", "pprof", "-top", "-nodecount", "6", self, profile).Output()
				if err != nil {
					b.Fatal(err)
				}
				fmt.Println() // the name of the benchmark stands in the line already
				for _, m := range pprofLine.FindAllStringSubmatch(string(top), -1) {
					fmt.Printf("profile/%s: %s %s\n", p.name, m[1], strings.TrimSuffix(m[2], " (inline)"))
				}
				return metrics{"cpu-s", took.cpu}
			})
		})
	}
}

// pprofLine is a line of what pprof -top prints: flat, flat%, sum%, cum, cum%, function.
var pprofLine = regexp.MustCompile(`(?m)^ +[0-9.]+m?s +([0-9.]+%) +[0-9.]+% +[0-9.]+m?s +[0-9.]+% +(.*)$`)
