// Command man writes the manual pages into a folder: one of section 1 for each command, from the commands themselves, and
// one of section 7 for each topic, from docs/.
//
// Its law: the same commit gives the same bytes, at every time and on every machine. What a text says stays text: nothing in
// it is taken for a request of roff's.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/cmd"
	"uzerp-mfa/docs"
	"uzerp-mfa/internal/release"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return errors.New("usage: go run ./scripts/man DIR")
	}
	day, err := date()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // everybody may read it
		return err
	}
	for name, text := range pages(release.Read().Version, day) {
		if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}

// date returns the day in the pages: that of SOURCE_DATE_EPOCH, or else of the commit. A folder without a commit has the day
// that scripts/packages gives its files.
func date() (time.Time, error) {
	epoch, err := os.Getenv("SOURCE_DATE_EPOCH"), error(nil)
	if epoch == "" {
		var out []byte
		out, err = exec.Command("scripts/ldflags.sh", "epoch").Output() //nolint:noctx // it is short
		epoch = cmp.Or(strings.TrimSpace(string(out)), "1000000000")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("scripts/ldflags.sh: %w", err)
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("the time %q is no number of seconds", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// pages returns all manual pages by the names of their files.
func pages(version string, day time.Time) map[string]string {
	all := map[string]string{}
	commands := cmd.Manual()
	for _, c := range commands {
		all[pageName(c.Name)+".1"] = commandPage(c, commands, version, day)
	}
	for _, t := range docs.Topics() {
		all[topicName(t)+".7"] = topicPage(t, commands, version, day)
	}
	return all
}

// pageName returns the name of a command's page: uzerp-mfa-user-list.
func pageName(command string) string { return strings.ReplaceAll(command, " ", "-") }

// topicName returns the name of a topic's page: uzerp-mfa-runbook-lost-phone.
func topicName(t docs.Topic) string { return pageName("uzerp-mfa " + t.Name) }
