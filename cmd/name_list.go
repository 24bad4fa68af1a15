package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// nameList is the source of a command's user names: its arguments, and a file.
type nameList struct {
	file  string
	lines map[string]int // the line of the file on which each name stands first
}

func (l *nameList) register(c *cobra.Command) {
	c.Flags().StringVar(&l.file, "from-file", "", "read more user names from this file, one a line, or as user list -o jsonl prints them; - for stdin")
	c.Args = func(c *cobra.Command, args []string) error {
		switch given := c.Flags().Changed("from-file"); {
		case given && l.file == "": // a script's variable that is not set
			return usageError("--from-file has no file name", "name a file; - for stdin")
		case given && len(args) == 0:
			return nil
		}
		return usernames(0)(c, args)
	}
}

// read returns the names: those of the arguments, and then those of the file. It ends with ctx, also if it waits for a
// pipe that nobody writes into.
func (l *nameList) read(ctx context.Context, app *App, args []string) ([]string, error) {
	if l.file == "" {
		return args, nil
	}
	type result struct {
		lines []nameLine
		err   error
	}
	done := make(chan result, 1)
	go func() {
		lines, err := l.readFile(app)
		done <- result{lines, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, r.err
		}
		l.lines = map[string]int{}
		names := args[:len(args):len(args)]
		var nameless []string
		for _, line := range r.lines {
			if line.name == "" {
				nameless = append(nameless, fmt.Sprint(line.number))
				continue
			}
			if l.lines[line.name] == 0 {
				l.lines[line.name] = line.number
			}
			names = append(names, line.name)
		}
		names, err := l.real(ctx, app, names, len(args))
		if err != nil {
			return nil, err
		}
		if len(nameless) > 0 {
			app.streams.Warnf("--from-file, %s: a user without a name, whom no command can name; left out", linesNamed(nameless))
		}
		if len(names) == 0 {
			return nil, usageError("--from-file: there is no user name in it", "")
		}
		return names, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// real returns the names as the database has them: those of the file, which begin at from, may be written with escapes.
func (l *nameList) real(ctx context.Context, app *App, names []string, from int) ([]string, error) {
	real, err := app.realNames(ctx, names[from:])
	for i, name := range real {
		if was := names[from+i]; was != name && l.lines[name] == 0 {
			l.lines[name] = l.lines[was]
		}
	}
	return slices.Concat(names[:from], real), err
}

// lookup is mfa.Lookup. Its error says on which line of the file a name stands that nobody has.
func (l *nameList) lookup(ctx context.Context, store mfa.Reader, names []string) ([]mfa.User, error) {
	users, err := mfa.Lookup(ctx, store, names)
	unknown, ok := errors.AsType[*mfa.UnknownUsersError](err)
	if !ok {
		return users, err
	}
	var where []string
	for _, name := range unknown.Names {
		if n := l.lines[name]; n > 0 {
			where = append(where, fmt.Sprint(n))
		}
	}
	if len(where) == 0 {
		return nil, err
	}
	return nil, &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("%w (--from-file, %s)", err, linesNamed(where)), Hint: errs.HintOf(err)}
}

// linesNamed returns lines as a message names them: line 3, or lines 3, 7.
func linesNamed(numbers []string) string {
	word := "line "
	if len(numbers) > 1 {
		word = "lines "
	}
	more := ""
	if n := len(numbers) - maxLinesNamed; n > 0 {
		numbers, more = numbers[:maxLinesNamed], fmt.Sprintf(" and %d more", n)
	}
	return word + strings.Join(numbers, ", ") + more
}

// maxLinesNamed is how many lines a message names.
const maxLinesNamed = 50

func (l *nameList) readFile(app *App) ([]nameLine, error) {
	file := app.process.In
	if l.file != "-" {
		if err := app.asCaller(func() (err error) { file, err = os.Open(l.file); return err }); err != nil {
			return nil, usageError(fmt.Sprintf("--from-file: %s", err), "")
		}
		defer func() { _ = file.Close() }()
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, usageError(fmt.Sprintf("--from-file: %s is a directory", file.Name()), "name a file with one user name a line; - for stdin")
	}
	lines, err := readNames(file)
	if err != nil {
		return nil, &errs.Error{Kind: errs.KindOf(err), Op: "--from-file", Err: err, Hint: errs.HintOf(err)}
	}
	return lines, nil
}

// nameLine is a name and the number of its line. The name is empty if a user in JSON has none.
type nameLine struct {
	name   string
	number int
}

const (
	maxNameLine = 64 << 10 // the longest line of a file of names, in bytes
	maxNameFile = 16 << 20 // how large a file of names may be, in bytes; uzERP's sites have some thousand users at most
)

// readNames reads a list of names, one a line. A line is a name as it is, with its blanks, because names are compared
// exactly. A line of nothing but blanks is none, and one that begins with #, perhaps after blanks, is a comment. If the
// first line is a user in JSON, every line is one, as user list -o jsonl prints them. The file may be one of Windows: its
// line ends and the mark at its beginning are no part of a name. The errors are of errs.Usage.
func readNames(in io.Reader) ([]nameLine, error) {
	const oneALine = "it must be a text in UTF-8 with one user name a line"
	r := bufio.NewReader(in)
	head, _ := r.Peek(4)
	switch {
	case isUTF32(head):
		return nil, usageError("this is UTF-32", "save it as UTF-8, or: iconv -f UTF-32 -t UTF-8")
	case isUTF16(head):
		return nil, usageError("this is UTF-16, as some programs of Windows write it", "save it as UTF-8, or: iconv -f UTF-16 -t UTF-8")
	}
	var names []nameLine
	size, number, asJSON, first := 0, 0, false, true
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxNameLine)
	for lines.Scan() {
		number++
		text := lines.Text()
		if size += len(text) + 1; size > maxNameFile {
			return nil, usageError(fmt.Sprintf("line %d: there are more than %d bytes of user names", number, maxNameFile), "")
		}
		if number == 1 {
			text = strings.TrimPrefix(text, "\ufeff") // as Windows begins a file
		}
		text = strings.TrimSuffix(text, "\r")
		trimmed := strings.TrimLeft(text, " \t")
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		name, isUser := usernameIn(text)
		begins := first
		if first {
			asJSON, first = isUser, false
		}
		switch {
		case asJSON && !isUser:
			return nil, usageError(fmt.Sprintf("line %d is no user in JSON, as the lines before it are", number), "")
		case asJSON:
			names = append(names, nameLine{name, number})
		case begins && isJSONDocument(trimmed):
			return nil, usageError("this is one document in JSON, and no list of user names", "uzerp-mfa user list -o jsonl prints one that can be read")
		case begins && isTableOfUsers(text):
			return nil, usageError("this is a table, and no list of user names", "uzerp-mfa user list -o jsonl prints one that can be read")
		case strings.IndexByte(text, 0) >= 0:
			return nil, usageError(fmt.Sprintf("line %d has a NUL byte, so this is no text", number), oneALine)
		case !utf8.ValidString(text):
			return nil, usageError(fmt.Sprintf("line %d is not UTF-8", number),
				"save it as UTF-8; for a file in Windows' older code page: iconv -f WINDOWS-1252 -t UTF-8")
		default:
			names = append(names, nameLine{text, number})
		}
	}
	switch {
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		return nil, usageError(fmt.Sprintf("line %d is too long for a user name", number+1), oneALine)
	case lines.Err() != nil:
		return nil, usageError(fmt.Sprintf("line %d: %s", number+1, lines.Err()), oneALine)
	case len(names) == 0:
		return nil, usageError("there is no user name in it", "")
	}
	return names, nil
}

// usernameIn returns the username of a user in JSON, and whether the line is one. One user without a name, which uzERP's table
// allows, must not turn a list into one of other names.
func usernameIn(line string) (string, bool) {
	var u struct {
		Username *string `json:"username"`
	}
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &u) != nil || u.Username == nil {
		return "", false
	}
	return *u.Username, true
}

// isJSONDocument reports whether a file that begins with this line is what -o json prints, or an array.
func isJSONDocument(line string) bool {
	switch line = strings.TrimSpace(line); line {
	case "{", "[", "[{":
		return true
	}
	return strings.HasPrefix(line, `{"`) || strings.HasPrefix(line, `[{"`)
}

// isTableOfUsers reports whether a file that begins with this line is a table or CSV of user list.
func isTableOfUsers(line string) bool {
	words := strings.Fields(line)
	return words[0] == "USERNAME" && len(words) > 1 || strings.HasPrefix(line, "username,")
}

// isUTF32 reports whether a file that begins so is in UTF-32, with its mark.
func isUTF32(head []byte) bool {
	return bytes.Equal(head, []byte{0xff, 0xfe, 0, 0}) || bytes.Equal(head, []byte{0, 0, 0xfe, 0xff})
}

// isUTF16 reports whether a file that begins so is in UTF-16: with its mark, or without one with a NUL byte in one of the
// two places of an ASCII letter.
func isUTF16(head []byte) bool {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return true
	case len(head) < 2:
		return false
	}
	return (head[0] == 0) != (head[1] == 0) && (len(head) < 4 || (head[2] == 0) == (head[0] == 0) && (head[3] == 0) == (head[1] == 0))
}
