package cmd

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command that can be run dry is in the script that looks for the sentence at the end of a dry run.
func TestEveryDryRunSaysSo(t *testing.T) {
	script, err := os.ReadFile("testdata/script/dry_run.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Flags().Lookup("dry-run") != nil {
			seen++
			name := strings.TrimPrefix(c.CommandPath(), "uzerp-mfa ")
			line := regexp.MustCompile(`(?m)^(run|tty \S+) \d ` + name + ` .*--dry-run$\nstd(err|out) '\^dry run: nothing was changed`)
			if !line.Match(script) {
				t.Errorf("dry_run.txtar has no dry run of %s", name)
			}
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(looseTree())
	if seen < 12 {
		t.Errorf("only %d commands have --dry-run", seen)
	}
}
