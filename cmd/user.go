package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newUserCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:     "user",
		Short:   "List users and change their two-factor state",
		Example: "  uzerp-mfa user list",
		Long:    "Commands for users and their second factor.\n\n" + exitCodes(),
		Args:    cobra.ArbitraryArgs,
		RunE:    runGroup,
	}
	c.AddCommand(newUserListCmd(app), newUserShowCmd(app), newUserEnableCmd(app), newUserDisableNextLoginCmd(app), newUserResetCmd(app))
	return c
}

// nameList is the source of a command's user names: its arguments, and a file.
type nameList struct {
	file string
}

func (l *nameList) register(c *cobra.Command) {
	c.Flags().StringVar(&l.file, "from-file", "", "read more user names from this file, one a line or as user list -o jsonl prints them; - for stdin")
	c.Args = func(c *cobra.Command, args []string) error {
		if l.file != "" && len(args) == 0 {
			return nil
		}
		return usernames(0)(c, args)
	}
}

// maxNameLine is the longest line of a file of names, in bytes.
const maxNameLine = 64 << 10

// maxNameFile is how large a file of names may be, in bytes. uzERP's sites have some thousand users at most.
const maxNameFile = 16 << 20

// read returns the names. A line is a name as it is, with its blanks, for names are compared exactly; empty lines are
// no names. If the first line is an object of JSON, each line is one with the key username, as user list -o jsonl prints
// them. It ends with ctx, also if it waits for a pipe that nobody writes into.
func (l *nameList) read(ctx context.Context, app *App, args []string) ([]string, error) {
	if l.file == "" {
		return args, nil
	}
	type result struct {
		names []string
		err   error
	}
	done := make(chan result, 1)
	go func() {
		names, err := l.readFile(app, args)
		done <- result{names, err}
	}()
	select {
	case r := <-done:
		return r.names, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *nameList) readFile(app *App, names []string) ([]string, error) {
	var in io.Reader = app.process.In
	if l.file != "-" {
		var file *os.File
		if err := app.asCaller(func() (err error) { file, err = os.Open(l.file); return err }); err != nil {
			return nil, usageError(fmt.Sprintf("--from-file: %s", err), "")
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	first, asJSON, size := true, false, 0
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxNameLine)
	for lines.Scan() {
		text := lines.Text()
		if size += len(text) + 1; size > maxNameFile {
			return nil, usageError(fmt.Sprintf("--from-file: there are more than %d bytes of user names", maxNameFile), "")
		}
		if first {
			text, first = strings.TrimPrefix(text, "\ufeff"), false // as Windows begins a file
			_, err := usernameIn(text)
			asJSON = err == nil
			if words := strings.Fields(text); slices.Equal(words, strings.Fields(strings.ToUpper(strings.Join(userHeader(), " ")))) ||
				slices.Equal(strings.Split(strings.TrimSuffix(text, "\r"), ","), csvHeader()) {
				return nil, usageError("--from-file: this is a table, and no list of user names", "uzerp-mfa user list -o jsonl prints one that can be read")
			}
		}
		name := strings.TrimSuffix(text, "\r")
		if asJSON && name != "" {
			var err error
			if name, err = usernameIn(name); err != nil {
				return nil, usageError("--from-file: a line is no JSON object with a username, as the first line is", "")
			}
		}
		if name != "" {
			names = append(names, name)
		}
	}
	switch {
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		return nil, usageError("--from-file: a line is too long for a user name", "it must be a text with one user name a line")
	case lines.Err() != nil:
		return nil, usageError(fmt.Sprintf("--from-file: %s", lines.Err()), "it must be a text with one user name a line")
	case len(names) == 0:
		return nil, usageError("--from-file: there is no user name in it", "")
	}
	return names, nil
}

// usernameIn returns the username of a user in JSON. It fails if the line is no such object.
func usernameIn(line string) (string, error) {
	var u struct {
		Username *string `json:"username"`
	}
	err := json.Unmarshal([]byte(line), &u)
	if err == nil && u.Username == nil {
		err = errors.New("no username")
	}
	if err != nil {
		return "", err
	}
	return *u.Username, nil
}
