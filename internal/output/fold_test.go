package output

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// What people copy or compare stays in one piece at every width.
func TestFoldKeepsPiecesWhole(t *testing.T) {
	for text, whole := range map[string][]string{
		"the next login of alice asks for a code; uzerp-mfa user reset --identify sms 'o'\\''neil b' lets the user enroll instead": {
			`uzerp-mfa user reset --identify sms 'o'\''neil b'`},
		"run it as the web server: sudo -u www-data uzerp-mfa user list --limit 1; then look again": {
			"sudo -u www-data uzerp-mfa user list --limit 1;"},
		`did you mean alice (Alice Archer)? uzerp-mfa user reset --reason "has left us" --ticket 'T 1' alice`: {
			`uzerp-mfa user reset --reason "has left us" --ticket 'T 1' alice`},
		`no such users: "bob  the builder", "a\"b c", and "c"`:                      {`"bob  the builder",`, `"a\"b c",`},
		"a code was sent to +44 20 7946 0000 (mobile phone) at 2026-03-01 08:00:11": {"+44 20 7946 0000", "2026-03-01 08:00:11"},
		"the factor YFaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is of +44 **** **77 alone":   {"YFaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "+44 **** **77"},
		"end them (uzerp-mfa session end alice) or wait until they end":             {"(uzerp-mfa session end alice)"},
	} {
		for width := narrowest; width <= 130; width++ {
			got := foldText(text, width)
			if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(text), " ") {
				t.Errorf("at %d the words changed: %s", width, got)
			}
			for _, piece := range whole {
				if !strings.Contains(got, piece) {
					t.Errorf("at %d %s was divided:\n%s", width, piece, got)
				}
			}
			for line := range strings.SplitSeq(got, "\n") {
				if measure.StringWidth(line) > width && len(pieces(line)) > 1 {
					t.Errorf("at %d a line is too wide:\n%s", width, got)
				}
			}
		}
	}
}

func TestFoldIndents(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"note: two-factor login is off for the whole site", "note: two-factor login is off for the\n  whole site"},
		{"  afterwards  the next login asks to enroll", "  afterwards  the next login asks to\n              enroll"},
		{"FAIL  users-broken: somebody is locked out\n      hint: it is you who must mend it, not we",
			"FAIL  users-broken: somebody is locked\n      out\n      hint: it is you who must mend it,\n        not we"},
		{"see uzerp-mfa user show --offline alice bob carol dave says so", "see\nuzerp-mfa user show --offline alice bob carol dave\n  says so"},
		{"", ""},
		{"one\n\ntwo", "one\n\ntwo"},
	} {
		if got := foldText(tt.text, 40); got != tt.want {
			t.Errorf("got\n%s\nwant\n%s", got, tt.want)
		}
		if got := foldText(tt.text, 0); got != tt.text {
			t.Errorf("in a pipe: %q", got)
		}
	}
}

// Messages, warnings, questions and reports fit a terminal, and are left alone in a pipe.
func TestMessagesFitTheTerminal(t *testing.T) {
	const long = "two-factor login is switched off for the whole site: everybody logs in with the password"
	for _, width := range []int{0, 20, 40, 50, 80} {
		var out, talk bytes.Buffer
		s := New(strings.NewReader("y\n"), &out, &talk)
		s.ErrTTY, s.OutTTY, s.ColorErr = width > 0, width > 0, width > 0
		s.size = func() (int, int) { return width, 24 }
		s.Notef("%s", long)
		s.Warnf("%s", long)
		s.Sayf("hint: %s", long)
		if yes, err := s.Confirm(t.Context(), "Go on, though "+long+"?"); !yes || err != nil {
			t.Error(yes, err)
		}
		if err := s.Printf("%s\n", long); err != nil {
			t.Error(err)
		}
		if err := s.Card([]Field{{Name: "why", Value: long}}); err != nil {
			t.Error(err)
		}
		_ = s.Out.Flush()
		all := withoutColors(talk.String() + "\n" + out.String())
		if n := strings.Count(strings.Join(strings.Fields(all), " "), long); n != 6 {
			t.Errorf("at %d: %d times:\n%s", width, n, all)
		}
		for line := range strings.SplitSeq(all, "\n") {
			if width == 0 && line != "" && !strings.Contains(line, long) {
				t.Errorf("in a pipe %q is broken", line)
			} else if width > 0 && measure.StringWidth(strings.TrimSuffix(line, " ")) > max(width, narrowest) {
				t.Errorf("at %d: %q is too wide", width, line)
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"Alice Archer", 12, "Alice Archer"},
		{"Alice Archer", 11, "Alice Arch…"},
		{"Alice Archer", 7, "Alice…"},
		{`ab\x1b[2J`, 6, "ab…"},
		{`ab\x1b[2J`, 7, `ab\x1b…`},
		{`ab\\x1bcd`, 7, "ab…"},
		{`a\bcdef`, 4, `a\b…`},
		{`\U000e0041bc`, 10, "…"},
		{"李小龍", 5, "李小…"},
		{"李小龍", 4, "李…"},
		{"q\u0301q\u0301q\u0301", 2, "q\u0301…"},
	} {
		if got := cut(tt.text, tt.width, "…"); got != tt.want {
			t.Errorf("%q at %d: %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
	if got := cut("Alice Archer", 8, "..."); got != "Alice..." {
		t.Errorf("%q", got)
	}
}

func usersTable(width int) (*bytes.Buffer, *Table) {
	var b bytes.Buffer
	return &b, newTable(&b, width, true, []Column{{"username", Whole}, {"person", Short}, {"state", Whole}, {"message", Prose}})
}

func TestTableFits(t *testing.T) {
	rows := [][]string{
		{"alice", "Alice Archer-Featherstonehaugh", "enrolled", "asks for the code that the app shows"},
		{"bob", "", "broken", "locked out"},
		{"carol", "Carol \x1b[2J Carter and many more names", "enrolled", ""},
	}
	for width, want := range map[int]string{
		0: `
USERNAME  PERSON                                    STATE     MESSAGE
alice     Alice Archer-Featherstonehaugh            enrolled  asks for the code that the app shows
bob                                                 broken    locked out
carol     Carol \x1b[2J Carter and many more names  enrolled
`,
		70: `
USERNAME  PERSON              STATE     MESSAGE
alice     Alice Archer-Feat…  enrolled  asks for the code that the app
                                        shows
bob                           broken    locked out
carol     Carol \x1b[2J Car…  enrolled
`,
		60: `
USERNAME  PERSON    STATE     MESSAGE
alice     Alice A…  enrolled  asks for the code that the app
                              shows
bob                 broken    locked out
carol     Carol…    enrolled
`,
		59: `
username: alice
person:   Alice Archer-Featherstonehaugh
state:    enrolled
message:  asks for the code that the app shows

username: bob
state:    broken
message:  locked out

username: carol
person:   Carol \x1b[2J Carter and many more names
state:    enrolled
`,
	} {
		b, table := usersTable(width)
		for _, row := range rows {
			if err := table.Row(row...); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != want {
			t.Errorf("at %d got\n%s\nwant\n%s", width, got, want)
		}
	}
}

// The names of columns go over several lines before anything is cut.
func TestTableFoldsItsHeader(t *testing.T) {
	var b bytes.Buffer
	table := newTable(&b, 40, true, columns("choice", "activity timeout", "logins a day", "n"))
	if err := table.Row("half an hour", "30m", "16", "1"); err != nil {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := "\n"+b.String(), `
              ACTIVITY  LOGINS
CHOICE        TIMEOUT   A DAY   N
half an hour  30m       16      1
`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A user name is never cut, and one long name does not make the table unreadable: its row goes on in the next line.
func TestTableNeverCutsNames(t *testing.T) {
	var b bytes.Buffer
	table := newTable(&b, 40, true, []Column{{"username", Whole}, {"person", Short}, {"state", Whole}})
	long := strings.Repeat("very.", 12) + "long"
	for n := range 20 {
		name := fmt.Sprintf("user%d", n)
		if n == 3 {
			name = long
		}
		if err := table.Row(name, "Somebody With A Name", "enrolled"); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "user2     Somebody With A Name  enrolled\n"+long+"\n          Somebody With A Name  enrolled\n") {
		t.Error(b.String())
	}
}

// A value that has no room behind its name stands below it.
func TestTableNeverCutsValues(t *testing.T) {
	var b bytes.Buffer
	table := newTable(&b, 40, true, columns("setting", "value"))
	sid := "VA" + strings.Repeat("0", 32)
	for _, row := range [][]string{{"name", "x"}, {"sid", sid}, {"code_length", "6"}, {"", ""}, {"a", "b"}} {
		if err := table.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	want := "SETTING      VALUE\nname         x\nsid\n  " + sid + "\ncode_length  6\n\na            b\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// Rows after those that choose the widths are written at once, and fit the terminal too.
func TestTableStreams(t *testing.T) {
	for _, width := range []int{0, 40} {
		var b bytes.Buffer
		table := newTable(&b, width, true, []Column{{"username", Whole}, {"person", Short}})
		for n := range 3 * sampled {
			if err := table.Row(fmt.Sprintf("user%d", n), strings.Repeat("x", n/100)); err != nil {
				t.Fatal(err)
			}
			if len(table.held) > sampled || n >= sampled && strings.Count(b.String()[max(0, b.Len()-100):], "\n") == 0 {
				t.Fatalf("row %d is held back", n)
			}
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "\n"); n != 3*sampled+1 {
			t.Errorf("at %d: %d lines", width, n)
		}
		for line := range strings.Lines(b.String()) {
			if width > 0 && measure.StringWidth(line) > width {
				t.Fatalf("%q is too wide", line)
			}
		}
		if width == 0 && !strings.Contains(b.String(), strings.Repeat("x", 29)) {
			t.Error("a cell was cut in a pipe")
		}
	}
}

// Whatever the cells and the width: no line is wider than the terminal but for a piece that nobody may divide, names are whole, and
// what was cut has a sign.
func TestTableOfAnything(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"a", "bcd", "two words", `x\y`, "\x1b[2J", "李小龍", "q\u0301", "a-rather-long-word", "uzerp-mfa user show alice",
		"YF" + strings.Repeat("a", 32), ""}
	text := func() string {
		all := make([]string, random.IntN(6))
		for i := range all {
			all[i] = words[random.IntN(len(words))]
		}
		return strings.Join(all, " ")
	}
	for range 2000 {
		width := narrowest + random.IntN(100)
		b, table := usersTable(width)
		var rows [][]string
		for range random.IntN(4) {
			row := []string{text(), text(), text(), text()}
			rows = append(rows, row)
			if err := table.Row(row...); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		checkHarmless(t, strings.ReplaceAll(b.String(), "\n", ""))
		for _, row := range rows {
			for _, whole := range []string{row[0], row[2]} {
				if !strings.Contains(b.String(), Escape(whole)) {
					t.Fatalf("at %d %q is not whole:\n%s", width, whole, b)
				}
			}
			if short := Escape(row[1]); !strings.Contains(b.String(), short) && !strings.Contains(b.String(), "…") && !table.blocks {
				t.Fatalf("at %d %q was cut without a sign:\n%s", width, short, b)
			}
		}
	}
}

// A card is filled up to the width, whatever the script: a Cyrillic letter has two bytes and one column, a Chinese character
// three bytes and two columns.
func TestCardFoldsByColumns(t *testing.T) {
	for _, word := range []string{"abcde", "слово", "étés", "字字", "👍👍"} {
		lines := strings.Split(strings.TrimSuffix(card([]Field{{Name: "why", Value: strings.TrimSpace(strings.Repeat(word+" ", 40))}}, 80), "\n"), "\n")
		room := (80 - len("why  ") + 1) / (measure.StringWidth(word) + 1)
		for i, line := range lines {
			if n := strings.Count(line, word); n != room && i < len(lines)-1 {
				t.Errorf("line %d has %d times %q, and there is room for %d", i, n, word, room)
			}
			if strings.HasPrefix(line, "why  ") != (i == 0) || i > 0 && !strings.HasPrefix(line, "     "+word) {
				t.Errorf("line %d is %q", i, line)
			}
		}
	}
}

func TestCardKeepsNamesWhole(t *testing.T) {
	got := card([]Field{{Name: "user", Value: "somebody with a name of many words", Whole: true}, {}, {Name: "factor", Value: "YF" + strings.Repeat("a", 32)},
		{Name: "why", Value: "locked out: nobody knows the way back in"}}, 40)
	want := `user
  somebody with a name of many words

factor
  YFaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
why     locked out: nobody knows the way
        back in
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFill(t *testing.T) {
	for _, tt := range []struct{ head, text, want string }{
		{"  list  ", "Show all  users, with their\nstates and what they need", "  list  Show all users, with their\n        states and what they need\n"},
		{"", "run uzerp-mfa user show alice and look", "run uzerp-mfa user show alice and\n        look\n"},
		{"- ", strings.Repeat("x", 50) + " is long", "- " + strings.Repeat("x", 50) + "\n        is long\n"},
		{"short ", strings.Repeat("y", 33), "short " + strings.Repeat("y", 33) + "\n"},
		{"no text  ", " ", "no text\n"},
	} {
		if got := Fill(tt.head, tt.text, 35, 8); got != tt.want {
			t.Errorf("got\n%s\nwant\n%s", got, tt.want)
		}
	}
}
