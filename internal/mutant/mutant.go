package mutant

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Dir is where mutants are kept, below the root of the module.
const Dir = "testdata/mutants"

// Mutant is the program without one of its guards.
type Mutant struct {
	Name    string            // of the file, without .diff
	Law     string            // what the program breaks without the guard
	Package string            // the package whose tests must notice, for example "./internal/db"
	Run     string            // which of its tests, as go test -run takes it; empty: all
	Root    bool              // only tests that root runs notice
	Files   map[string]string // the changed files, by their path below root, and their text
}

// ReadAll reads every mutant of the module at root and applies it, in memory, to the files there. It joins the errors
// of all mutants that no longer fit.
func ReadAll(root string) ([]Mutant, error) {
	paths, err := filepath.Glob(filepath.Join(root, Dir, "*.diff"))
	if err != nil {
		return nil, err
	}
	var all []Mutant
	var failures []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m, err := parse(string(text), func(file string) (string, error) {
			source, err := os.ReadFile(filepath.Join(root, file))
			return string(source), err
		})
		m.Name = strings.TrimSuffix(filepath.Base(path), ".diff")
		if err != nil {
			failures = append(failures, fmt.Errorf("%s/%s.diff: %w", Dir, m.Name, err))
		}
		all = append(all, m)
	}
	return all, errors.Join(failures...)
}

// parse reads a mutant: lines that say which law it breaks, a line "[sudo ]go test PACKAGE [-run TESTS]" that says which
// tests must notice, and whether only root runs them, and a unified diff, as git diff writes it, with paths a/… and b/… .
func parse(text string, source func(path string) (string, error)) (Mutant, error) {
	m := Mutant{Files: make(map[string]string)}
	head, diff, found := strings.Cut(text, "\n--- a/")
	if !found {
		return m, errors.New("no diff that starts with --- a/")
	}
	var law []string
	for line := range strings.SplitSeq(head, "\n") {
		plain, root := strings.CutPrefix(line, "sudo ")
		command, isCommand := strings.CutPrefix(plain, "go test ")
		if isCommand {
			m.Root = root
		}
		switch words := strings.Fields(command); {
		case !isCommand:
			law = append(law, line)
		case len(words) == 1:
			m.Package = words[0]
		case len(words) == 3 && words[1] == "-run":
			m.Package, m.Run = words[0], words[2]
		default:
			return m, fmt.Errorf("want [sudo] go test PACKAGE [-run TESTS], got %q", line)
		}
	}
	m.Law = strings.Join(law, " ")
	if m.Law == "" || m.Package == "" {
		return m, errors.New("it must say which law it breaks, and in a line go test … which tests notice")
	}
	for part := range strings.SplitSeq("\n"+diff, "\n--- a/") {
		names, hunks, found := strings.Cut(strings.TrimPrefix(part, "\n"), "\n@@")
		old, to, named := strings.Cut(names, "\n+++ b/")
		if !found || !named || old != to {
			return m, fmt.Errorf("want --- a/FILE, +++ b/FILE and hunks, got %q", names)
		}
		text, err := source(old)
		if err != nil {
			return m, err
		}
		for hunk := range strings.SplitSeq(hunks, "\n@@") {
			if text, err = apply(text, hunk); err != nil {
				return m, fmt.Errorf("%s: %w", old, err)
			}
		}
		m.Files[old] = text
	}
	return m, nil
}

// apply replaces the lines that a hunk removes. It finds them by their text and the lines around them, and not by their
// number, so that code above may change. hunk is the text after the first "@@".
func apply(text, hunk string) (string, error) {
	var before, after strings.Builder
	_, lines, _ := strings.Cut(hunk, "\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\n"), "\n") {
		kind, rest := line[:min(1, len(line))], line[min(1, len(line)):]+"\n"
		switch kind {
		case "-":
			before.WriteString(rest)
		case "+":
			after.WriteString(rest)
		case " ", "": // editors remove the space of an empty line
			before.WriteString(rest)
			after.WriteString(rest)
		default:
			return "", fmt.Errorf("no line of a hunk: %q", line)
		}
	}
	text = "\n" + text
	if n := strings.Count(text, "\n"+before.String()); n != 1 {
		return "", fmt.Errorf("the file has these lines %d times, not once. Take the same guard away again, "+
			"and write the diff anew with git diff (--unified=N for more lines around it):\n%s", n, before.String())
	}
	return strings.Replace(text, "\n"+before.String(), "\n"+after.String(), 1)[1:], nil
}

// WriteOverlay writes the changed files into dir and returns the path of a file for go build -overlay, which has the go
// command read them instead of the files below root. Embedded files are replaced too.
func (m Mutant) WriteOverlay(root, dir string) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for file, text := range m.Files {
		changed := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = changed
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}
