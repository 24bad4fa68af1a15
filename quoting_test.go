package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// foreign are the fields whose text others choose: users, administrators of uzERP, Twilio.
var foreign = []string{"Username", "Person", "Company", "Email", "FriendlyName", "ClassName", "Category", "MainMobile", "Department", "OtherUsers"}

// foreignNames are variables and parameters with the text of such a field.
var foreignNames = []string{"username", "usernames", "person", "company"}

// quoters return a text in quotes, or none of the text.
var quoters = []string{"Quote", "Word", "quoted", "count", "len", "number", "Contains", "Index", "HasPrefix", "EqualFold", "Shown", "quotedOr", "Encode"}

// alone is a format whose value stands alone in its line, behind a label.
var alone = regexp.MustCompile(`^ *[A-Za-z ]+ {2,}%s\n?$`)

// unquoted returns the places where a file puts foreign text into a sentence without quotes. There somebody's name could
// change what the sentence says: a person called "x's main mobile; ignore the rest".
func unquoted(files *token.FileSet, file *ast.File) (places []string) {
	at := func(n ast.Node) { places = append(places, files.Position(n.Pos()).String()) }
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.ADD && (isSentence(n.X) && isForeign(n.Y) || isSentence(n.Y) && isForeign(n.X)) {
				at(n)
			}
		case *ast.CallExpr:
			for i, arg := range n.Args {
				format, ok := literal(arg)
				if !ok || alone.MatchString(format) || strings.Contains(format, "\x00") { // the last is a key and no sentence
					continue
				}
				next := i + 1
				for _, verb := range verbs.FindAllStringSubmatch(format, -1) {
					if verb[2] == "%" {
						continue
					}
					if explicit, err := strconv.Atoi(verb[1]); err == nil {
						next = i + explicit
					}
					if next < len(n.Args) && (verb[2] == "s" || verb[2] == "v") && isForeign(n.Args[next]) {
						at(n.Args[next])
					}
					next++
				}
			}
		}
		return true
	})
	return places
}

var verbs = regexp.MustCompile(`%[-+# 0]*(?:\[(\d+)\])?[0-9.]*([a-zA-Z%])`)

// literal returns the text of a string constant, which may be in several parts.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		x, isX := literal(e.X)
		y, isY := literal(e.Y)
		return x + y, isX && isY && e.Op == token.ADD
	}
	return "", false
}

// isSentence reports whether e ends or begins with a constant text that has a letter.
func isSentence(e ast.Expr) bool {
	if b, ok := e.(*ast.BinaryExpr); ok {
		return isSentence(b.X) || isSentence(b.Y)
	}
	text, ok := literal(e)
	return ok && strings.ContainsFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' })
}

func isForeign(e ast.Expr) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			return !slices.Contains(quoters, name) && name != "Sprintf"
		case *ast.BinaryExpr:
			return n.Op == token.ADD
		case *ast.SelectorExpr:
			found = found || slices.Contains(foreign, n.Sel.Name)
		case *ast.Ident:
			found = found || slices.Contains(foreignNames, n.Name)
		}
		return true
	})
	return found
}

func TestForeignTextIsQuoted(t *testing.T) {
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || name == "internal/safepath/trust.go" || // accounts, which root names
			strings.HasSuffix(name, "_test.go") || strings.Contains(path.Dir(name), "test/") || strings.HasSuffix(path.Dir(name), "test") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			return err
		}
		for _, place := range unquoted(files, file) {
			t.Errorf("%s: a text that others choose stands unquoted in a sentence: use %%q", place)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestUnquotedIsFound(t *testing.T) {
	for code, want := range map[string]int{
		`say("sends to %s", u.Person)`:                     1,
		`say("sends to %q", u.Person)`:                     0,
		`say("%d of %s at %[2]v", n, u.Username)`:          2,
		`say("%q (%s)", u.Username, or(u.Company, "-"))`:   1,
		`say("%s", "the user " + username)`:                2,
		`say("%s", "the user " + strconv.Quote(username))`: 0,
		`say("  person      %s", orDash(u.Person))`:        0,
		`say("100%% of %s", u.Email)`:                      1,
		`say("%s users", count(len(u.Username)))`:          0,
	} {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, "x.go", "package x\nfunc f() { "+code+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := unquoted(files, file); len(got) != want {
			t.Errorf("%s: %d places, want %d", code, len(got), want)
		}
	}
}
