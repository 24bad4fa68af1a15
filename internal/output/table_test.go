package output

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func TestTable(t *testing.T) {
	tests := []struct {
		name   string
		header []string
		rows   [][]string
		want   string
	}{
		{"some", []string{"username", "last login", "state"}, [][]string{
			{"alice", "2013-06-12T10:22:50", "enrolled"},
			{"bob", "", "not-enrolled"},
			{"a name that is rather long and must not be wrapped or cut at any width whatever happens", "x", ""},
		}, `
USERNAME                                                                                 LAST LOGIN           STATE
alice                                                                                    2013-06-12T10:22:50  enrolled
bob                                                                                                           not-enrolled
a name that is rather long and must not be wrapped or cut at any width whatever happens  x
`},
		{"none", []string{"username", "state"}, nil, "\nUSERNAME  STATE\n"},
		{"empty column and blanks", []string{"a", "b", "c"}, [][]string{{"", "", ""}, {"  x ", "", "y"}}, `
A              B  C

\x20\x20x\x20     y
`},
		{"wide", []string{"n", "v"}, [][]string{
			{"李小龍", "1"}, {"q\u0301tq\u0301", "2"}, {"👍", "3"}, {"ﾊﾝｶｸ", "4"}, {"naïve", "5"},
		}, "\nN       V\n李小龍  1\nq\u0301tq\u0301     2\n👍      3\nﾊﾝｶｸ    4\nnaïve   5\n"},
		{"hostile", []string{"na\x1bme", "v"}, [][]string{{"a\nb", "\x1b[31mred"}, {"\u202ex", "\xff"}, {"t\tt", `back\slash`}}, `
NA\X1BME  V
a\nb      \x1b[31mred
\u202ex   \xff
t\tt      back\slash
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := writeTable(&b, tt.header, tt.rows); err != nil {
				t.Fatal(err)
			}
			if got := "\n" + b.String(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s\n%q", got, tt.want, got)
			}
		})
	}
}

func TestTableColumnsStartAtTheSamePlace(t *testing.T) {
	t.Setenv("LC_ALL", "ja_JP.UTF-8") // there some programs count these letters double
	cond := &runewidth.Condition{}
	var rows [][]string
	for _, s := range []string{"x", "李小龍", "q\u0301", "日本語", "é", "…", "한글", "👍", "→", "Ω"} {
		rows = append(rows, []string{s, "|"})
	}
	var b bytes.Buffer
	if err := writeTable(&b, []string{"a", "|"}, rows); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		before, _, _ := strings.Cut(line, "|")
		if got := cond.StringWidth(before); got != 8 {
			t.Errorf("%q is %d wide, want 8", before, got)
		}
	}
}

func TestPaintedTableLooksLikeTable(t *testing.T) {
	header := []string{"check", "status"}
	rows := [][]string{{"pass", "ok"}, {"fail\x1b[0m", ""}}
	var plain, painted bytes.Buffer
	err := errors.Join(writeTable(&plain, header, rows), paintedTable(&painted, header, rows, func(row, col int) Style {
		return []Style{Green, Red}[row]
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := "CHECK        STATUS\n\x1b[32mpass\x1b[0m         \x1b[32mok\x1b[0m\n\x1b[31mfail\\x1b[0m\x1b[0m\n"
	if got := painted.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(painted.String(), ""); got != plain.String() {
		t.Errorf("without colour %q, want %q", got, plain.String())
	}
}

// One long cell must not widen the rows of all the others.
func TestTableOfAHugeCell(t *testing.T) {
	huge := strings.Repeat("x", 70_000)
	rows := [][]string{{huge, "last"}}
	for range 1000 {
		rows = append(rows, []string{"alice", "enrolled"})
	}
	var b bytes.Buffer
	if err := writeTable(&b, []string{"username", "state"}, rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if lines[1] != huge+"  last" || lines[0] != "USERNAME  STATE" || lines[2] != "alice     enrolled" {
		t.Errorf("%.40q…, %q, %d bytes, %.40q…", lines[0], lines[2], len(lines[1]), lines[1])
	}
}

func TestCard(t *testing.T) {
	got := card([]Field{
		{Name: "LoginHandler", Value: "HTMLFormLoginHandler -> HTMLFormLoginHandlerMFA"},
		{Name: "uuid"},
		{Name: "x\n", Value: "\x1b[2J"},
	}, 0)
	want := `LoginHandler  HTMLFormLoginHandler -> HTMLFormLoginHandlerMFA
uuid
x\n           \x1b[2J
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := card(nil, 0); got != "" {
		t.Errorf("none: %q", got)
	}
}

func TestTableErrors(t *testing.T) {
	if err := writeTable(&bytes.Buffer{}, []string{"a"}, [][]string{{"1", "2"}}); err == nil {
		t.Error("a row too long passed")
	}
	if err := writeTable(brokenWriter{}, []string{"a"}, nil); !errors.Is(err, errBroken) {
		t.Errorf("err %v", err)
	}
}

func FuzzTable(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, a, c string) {
		var b bytes.Buffer
		if err := writeTable(&b, []string{"a", "b", "c"}, [][]string{{a, "|", c}, {"", "", ""}, {c, "", a}}); err != nil {
			t.Fatal(err)
		}
		checkHarmless(t, strings.ReplaceAll(b.String(), "\n", ""))
		if n := strings.Count(b.String(), "\n"); n != 4 {
			t.Errorf("%d lines, want 4: %q", n, b.String())
		}
		if !strings.Contains(b.String(), strings.TrimRight(Escape(a), " ")) {
			t.Errorf("%q was changed: %q", a, b.String())
		}
	})
}

func BenchmarkTable(b *testing.B) {
	rows := make([][]string, 5000)
	for i := range rows {
		rows[i] = []string{"someone", "Some One", "some.one@example.com", "yes", "enrolled", "true", "true", "2013-06-12T10:22:50"}
	}
	for b.Loop() {
		if err := writeTable(&bytes.Buffer{}, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, rows); err != nil {
			b.Fatal(err)
		}
	}
}
