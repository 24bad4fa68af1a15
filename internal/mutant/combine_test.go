package mutant

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const program = `package main

import (
	"fmt"
	"os"
)

type counter struct{ n int }

// Add adds.
func (c *counter) Add(by int, more ...int) (n int, _ error) {
	for _, m := range append(more, by) {
		c.n += m
	}
	return c.n, nil
}

func say(_ *os.File, a, b any) { fmt.Print(a, " ", b, "\n") }

func either[T any](first, second T) T { return first }

const limit = 5

func main() {
	c := new(counter)
	n, err := c.Add(1, 2, 3)
	say(os.Stdout, n, err)
	fmt.Print(either("first", "second"), limit)
}
`

// A combined program can be each of its mutants; without a choice it is as in the tree. Mutants that can't be
// combined are left out.
func TestCombine(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{"go.mod": "module x\n\ngo 1.26\n", "main.go": program} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := func(name, old, swap string) Mutant {
		text := strings.Replace(program, old, swap, 1)
		if text == program {
			t.Fatalf("%s changes nothing", name)
		}
		return Mutant{Name: name, Package: ".", Files: map[string]string{"main.go": text}}
	}
	files, in, err := Combine(root, []Mutant{
		with("a-method", "c.n += m", "c.n -= m"),
		with("another", "append(more, by)", "more"),
		with("a-function", `" ", b`, `"-", b`),
		with("two-functions",
			"return c.n, nil\n}\n\nfunc say(_ *os.File, a, b any) { fmt.Print(a",
			"return -c.n, nil\n}\n\nfunc say(_ *os.File, a, b any) { fmt.Print(\"it is \", a"),
		with("generic", "return first", "return second"),
		with("constant", "limit = 5", "limit = 6"),
		with("renamed", "Add(by int, more", "Add2(by int, more"),
		{Name: "other", Files: map[string]string{"x.sql": ""}},
	})
	if err != nil || len(in) != 4 {
		t.Fatalf("%d mutants, %v", len(in), err)
	}
	overlay, err := Mutant{Files: files}.WriteOverlay(root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(t.TempDir(), "x")
	c := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", built, ".")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]string{"": "6 <nil>", "nobody": "6 <nil>", "a-method": "-6 <nil>", "another": "5 <nil>",
		"a-function": "6-<nil>", "two-functions": "it is -6 <nil>"} {
		c := exec.CommandContext(t.Context(), built)
		c.Env = append(os.Environ(), Choice+"="+name)
		if out, err := c.CombinedOutput(); err != nil || string(out) != want+"\nfirst5" {
			t.Errorf("%q: %q, %v, want %q", name, out, err, want)
		}
	}
}
