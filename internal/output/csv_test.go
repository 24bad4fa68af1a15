package output

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	c := NewCSV(&b, "username", "note")
	for _, row := range [][]string{
		{"alice", `says "hi", often`},
		{"bob", "two\nlines\x1b[0m"},
		{"=1+1", "+44 1"},
		{"-1", "@SUM(A1)"},
		{"\tx", "\rx"},
		{"  =1", "\u00a0＝1"},
		{"\u200b=1", "＋1"},
		{"a=b", "me@example.com"},
		{"", "李"},
		{"x;=1", "a, +1|-1|b"},
		{"x\t=1", "x\n@1"},
		{`x;""=1`, "'=1"},
		{`"=1`, "x; ＝1;y"},
		{"it's;'x'", "2013-06-12T10:22:50"},
		{"alice ", "Al  ice"},
	} {
		if err := c.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `username,note
alice,"says ""hi"", often"
bob,two\nlines\x1b[0m
'=1+1,'+44 1
'-1,'@SUM(A1)
'\tx,'\rx
' \x20=1,'\u00a0＝1
'\u200b=1,'＋1
a=b,me@example.com
,李
x;'=1,"a,' +1|'-1|b"
x\t'=1,x\n'@1
"x;'""""=1",''=1
"'""=1",x;' ＝1;y
it's;'x',2013-06-12T10:22:50
alice\x20,Al \x20ice
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCSVHeaderOnly(t *testing.T) {
	var b bytes.Buffer
	if err := NewCSV(&b, "a", "b").Flush(); err != nil || b.String() != "a,b\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestCSVErrors(t *testing.T) {
	if err := NewCSV(&bytes.Buffer{}, "a").Row("1", "2"); err == nil {
		t.Error("a row too long passed")
	}
	c := NewCSV(brokenWriter{}, "a")
	var err error
	for range 10000 {
		if err = c.Row("x"); err != nil {
			break
		}
	}
	if !errors.Is(err, errBroken) {
		t.Errorf("Row: %v: streaming into a broken writer must end", err)
	}
	if err := c.Flush(); !errors.Is(err, errBroken) {
		t.Errorf("Flush: %v", err)
	}
}

// wayBack takes the apostrophes away, as the doc comment of csvCell says.
func wayBack(s string) string { return apostrophe.ReplaceAllString(s, "$1$2") }

var apostrophe = regexp.MustCompile(`(^|[;,|])'([ "']*[=+\-@＝＋－＠])`)

func TestCSVHeader(t *testing.T) {
	var b bytes.Buffer
	if err := NewCSV(&b, "=1", "x;@1").Flush(); err != nil || b.String() != "'=1,x;'@1\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

// BenchmarkCSVCell compares a list of ordinary users with the same list without any look at the cells.
func BenchmarkCSVCell(b *testing.B) {
	row := []string{"user17", "Alice Archer", "user17@example.com", "true", "enrolled", "b0000000-0000-4000-8000-000000000001",
		"YF00000000000000000000000000000001", "true", "true", "2013-06-12T10:22:50"}
	bare := csv.NewWriter(io.Discard)
	for name, write := range map[string]func(c *CSV) error{
		"guarded": func(c *CSV) error { return c.Row(row...) },
		"bare":    func(*CSV) error { return bare.Write(row) },
	} {
		b.Run(name, func(b *testing.B) {
			c := NewCSV(io.Discard, make([]string, len(row))...)
			for b.Loop() {
				if err := write(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// checkQuoted compares a CSV with what encoding/csv makes of the same cells.
func checkQuoted(t *testing.T, got, cell string) {
	t.Helper()
	var want strings.Builder
	w := csv.NewWriter(&want)
	if err := w.WriteAll([][]string{{"a", "b"}, {csvCell(cell), "end"}}); err != nil || got != want.String() {
		t.Fatalf("%q: got %q, want %q, %v", cell, got, want.String(), err)
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range append(hostile(), "=1", " -1", "\t@", "＝", "\v=", "\u3000+1", "x;=1", "x|'\"-1", "a,'+", ";;'=", `\.`, `"`, ",") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		c := NewCSV(&b, "a", "b")
		if err := errors.Join(c.Row(s, "end"), c.Flush()); err != nil {
			t.Fatal(err)
		}
		checkQuoted(t, b.String(), s)
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][1] != "end" {
			t.Fatalf("%q: %q, %v", s, rows, err)
		}
		checkHarmless(t, rows[1][0])
		// As a spreadsheet reads it that takes ; or | for the end of a cell, with or without regard to quotes.
		for _, cell := range append(strings.FieldsFunc(rows[1][0], func(r rune) bool { return strings.ContainsRune(";,|", r) }), rows[1][0]) {
			if strings.IndexAny(strings.TrimLeft(cell, ` "`), "=+-@＝＋－＠") == 0 {
				t.Errorf("%q would run: %q", rows[1][0], cell)
			}
		}
		if harmless, _ := lookAtCell(s); harmless && rows[1][0] != s {
			t.Errorf("%q is no cell that stays as it is: %q", s, rows[1][0])
		}
		if unescaped := Escape(s) == s; unescaped && wayBack(rows[1][0]) != s {
			t.Errorf("%q: the way back gives %q, not %q", rows[1][0], wayBack(rows[1][0]), s)
		}
	})
}
