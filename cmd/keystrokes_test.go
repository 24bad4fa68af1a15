package cmd_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A script that says "# keystrokes: N" in its head is a promise: all that is typed in it, each Enter too, is less.
func TestKeystrokes(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	promises := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, after, ok := strings.Cut(string(data), "\n# keystrokes: ")
		if !ok {
			continue
		}
		promises++
		number, _, _ := strings.Cut(after, "\n")
		limit, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(file, err)
		}
		got := keystrokes(t, txtar.Parse(data))
		t.Logf("%s: %d", file, got)
		if got == 0 || got >= limit {
			t.Errorf("%s needs %d keystrokes, and promises less than %d", file, got, limit)
		}
	}
	if promises == 0 {
		t.Error("no script promises anything")
	}
}

// keystrokes counts what is typed on terminals in a script.
func keystrokes(t *testing.T, script *txtar.Archive) int {
	t.Helper()
	typed := map[string]int{}
	for _, f := range script.Files {
		for line := range strings.Lines(string(f.Data)) {
			switch word, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); word {
			case "expect", "psql", "shell", "shopcode", "kill", "hangup": // nobody types
			case "send":
				typed[f.Name] += len([]rune(text)) + 1
			case "code", "smscode":
				typed[f.Name] += len("123456") + 1
			case "eof", "intr":
				typed[f.Name]++
			}
		}
	}
	all := 0
	for line := range strings.Lines(string(script.Comment)) {
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "tty" {
			continue
		}
		if words[1] == "-out" {
			words = words[2:]
		}
		all += len([]rune("uzerp-mfa "+strings.Join(words[3:], " "))) + 1 + typed[words[1]]
	}
	return all
}
