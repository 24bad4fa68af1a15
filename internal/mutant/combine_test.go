package mutant

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const program = `package main

import (
	"embed"
	"fmt"
	"io/fs"
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

func either[T, U any](first, second T, _ ...U) T { return first }

type pair[T any] struct{ a, b T }

func (p pair[T]) one() T { return p.a }

const limit = 5

var sizes map[string]int64 = map[string]int64{"x": 1} // of hats

const (
	small = iota
	large
)

var length = len(text) // is known before init

//go:embed text.txt
var text string

//go:embed texts/*.txt
var texts embed.FS

//go:embed twice.txt
var _ string

//go:embed twice.txt
var _ []byte

func main() {
	c := new(counter)
	n, err := c.Add(1, 2, 3)
	say(os.Stdout, n, err)
	fmt.Println(either("first", "second", 1, 2), pair[int]{1, 2}.one(), limit, sizes, large, length, text)
	all, _ := fs.Glob(texts, "*/*")
	for _, name := range all {
		content, _ := texts.ReadFile(name)
		fmt.Print(string(content))
	}
}
`

var embedded = map[string]string{"text.txt": "text", "texts/a.txt": "a", "texts/b.txt": "b", "other.txt": "", "twice.txt": ""}

// A combined program can be each of its mutants; without a choice it is as in the tree. Mutants that can't be
// combined are left out.
func TestCombine(t *testing.T) {
	root := t.TempDir()
	tree := map[string]string{"go.mod": "module x\n\ngo 1.26\n", "x/main.go": program}
	for file, text := range embedded {
		tree["x/"+file] = text
	}
	for file, text := range tree {
		path := filepath.Join(root, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	with := func(name string, swaps ...string) Mutant {
		text := program
		for i := 0; i < len(swaps); i += 2 {
			if !strings.Contains(text, swaps[i]) {
				t.Fatalf("%s: %q is not there", name, swaps[i])
			}
			text = strings.Replace(text, swaps[i], swaps[i+1], 1)
		}
		return Mutant{Name: name, Package: "./x", Files: map[string]string{"x/main.go": text}}
	}
	embeds := func(name, file, text string) Mutant {
		return Mutant{Name: name, Package: "./x", Files: map[string]string{"x/" + file: text}}
	}
	both := with("a-function-and-a-file", `" ", b`, `"+", b`)
	both.Files["x/texts/a.txt"] = "+"
	combined := map[string]Mutant{
		"6 <nil>\nfirst 1 5 map[x:1] 1 4 text\nab":        {Name: "nobody"},
		"-6 <nil>\nfirst 1 5 map[x:1] 1 4 text\nab":       with("a-method", "c.n += m", "c.n -= m"),
		"5 <nil>\nfirst 1 5 map[x:1] 1 4 text\nab":        with("another", "append(more, by)", "more"),
		"6-<nil>\nfirst 1 5 map[x:1] 1 4 text\nab":        with("a-function", `" ", b`, `"-", b`),
		"it is -6 <nil>\nfirst 1 5 map[x:1] 1 4 text\nab": with("two-functions", "return c.n, nil", "return -c.n, nil", "fmt.Print(a", "fmt.Print(\"it is \", a"),
		"6 <nil>\nsecond 1 5 map[x:1] 1 4 text\nab":       with("generic", "return first", "return second"),
		"6 <nil>\nfirst 2 5 map[x:1] 1 4 text\nab":        with("generic-type", "return p.a", "return p.b"),
		"6 <nil>\nfirst 1 6 map[x:1] 1 4 text\nab":        with("constant", "limit = 5", "limit = 6"),
		"6 <nil>\nfirst 1 7 map[x:1] 1 4 text\nab":        with("constant-again", "limit = 5", "limit = 7"),
		"6 <nil>\nfirst 1 5 map[y:2] 1 4 text\nab":        with("variable", `"x": 1}`, `"y": 2}`),
		"6 <nil>\nfirst 1 5 map[x:1] 1 2 `\"\nab":         embeds("file", "text.txt", "`\""),
		"6 <nil>\nfirst 1 5 map[x:1] 1 4 text\nAb":        embeds("one-of-files", "texts/a.txt", "A"),
		"6 <nil>\nfirst 1 5 map[x:1] 1 4 text\naB":        embeds("another-of-files", "texts/b.txt", "B"),
		"6+<nil>\nfirst 1 5 map[x:1] 1 4 text\n+b":        both,
	}
	mutants := append(slices.Collect(maps.Values(combined)),
		with("renamed", "Add(by int, more", "Add2(by int, more"),
		with("group", "small = iota", "small = 2 * iota"),
		with("type", "a, b T", "b, a T"),
		embeds("not-embedded", "other.txt", "x"),
		embeds("embedded-twice", "twice.txt", "x"))
	files, in, err := Combine(root, mutants)
	if err != nil || len(in) != len(combined)-1 {
		t.Fatalf("%d mutants, %v", len(in), err)
	}
	overlay, err := Mutant{Files: files}.WriteOverlay(root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(t.TempDir(), "x")
	c := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", built, "./x")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for want, m := range combined {
		c := exec.CommandContext(t.Context(), built)
		c.Env = append(os.Environ(), Choice+"="+m.Name)
		if out, err := c.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: %q, %v, want %q", m.Name, out, err, want)
		}
	}
}
