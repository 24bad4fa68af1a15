package dotenv

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/secret"
)

func parse(t *testing.T, src string) *File {
	t.Helper()
	d, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEntryPlaces(t *testing.T) {
	d := parse(t, "\ufeff# c\r\n  export AB = 'é' # c\rÉÉ=\"a\r\nb\" #\n\"K\"=v\xff\xffw#x\nBARE\nE=")
	want := []string{
		"AB 2:10-2 2:15 '", "ÉÉ 3:1-4 3:4 \"", "K 5:2-5 5:5 cut", "BARE 6:1-6 6:5 bare", "E 7:1-7 7:3",
	}
	for i, e := range d.Entries {
		got := fmt.Sprintf("%s %d:%d-%d %d:%d", e.Name, e.Pos.Line, e.Pos.Column, e.EndLine, e.Value.Line, e.Value.Column)
		if e.Quote != 0 {
			got += " " + string(rune(e.Quote))
		}
		if e.CutAtHash {
			got += " cut"
		}
		if e.Bare {
			got += " bare"
		}
		if i >= len(want) || got != want[i] {
			t.Errorf("got %s", got)
		}
	}
	if !d.Entries[1].Joined() || d.Entries[0].Joined() {
		t.Error("Joined is wrong")
	}
}

func TestSyntaxErrorPlaces(t *testing.T) {
	for src, want := range map[string]string{
		"A=1\n =x":                "2:2 unexpected equals",
		"A B=1":                   "1:2 invalid name",
		" A":                      "1:1 invalid name",
		"É-=1":                    "1:2 invalid name",
		"export K=1":              "1:7 invalid name",
		"A=é x":                   "1:5 unexpected whitespace",
		"A=\"x\ny\" z":            "2:4 unexpected whitespace in block 1",
		"A=\"x\r\n\r\n\\q\"":      "3:1 unexpected escape sequence in block 1",
		"A=1\r\nB='x":             "2:3 missing closing quote",
		"A=\"hunter2\nB=\"secret": "2:4 unexpected whitespace in block 1",
	} {
		_, err := Parse([]byte(src))
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("%q: %v", src, err)
			continue
		}
		got := fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Kind)
		if e.BlockLine != 0 {
			got += fmt.Sprintf(" in block %d", e.BlockLine)
		}
		if got != want {
			t.Errorf("%q: %s", src, got)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v shows a value", err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for src, want := range map[string]string{
		"A=1\nB='x y'\nC=\"x # y\"": "",
		"A=1\nB=\"x\nC=2\n":         "open-quote 2-4 ",
		"# B=\"x\nC=\"2\"\nD=1":     "comment-swallows 1-2 ",
		"A=\"x\ny\"":                "joined-lines 1-2 A",
		"A=\"x\nB=1\nC=2\"":         "joined-settings 1-3 A",
		"A=pa#ss":                   "cut-at-hash 1-1 A",
		"A=pa #ss":                  "",
		"A=1\nB=1\nA=2":             "duplicate 1-3 A",
		"A":                         "bare-name 1-1 A",
		"A=${B}":                    "unresolved 1-1 A",
		"B=1\nA=${B}":               "variable 2-2 A",
		"A=pa$5":                    "not-a-variable 1-1 A",
		"A='pa$5'":                  "",
		"A=it's":                    "literal-quote 1-1 A",
		`A=a\nb`:                    "literal-backslash 1-1 A",
		`A='a\nb'`:                  "literal-backslash 1-1 A",
		`A="a\nb"`:                  "",
		"A=on;":                     "trailing-mark 1-1 A",
		"A=“on”":                    "typographic-quote 1-1 A",
		"A=\u00a0on":                "invisible 1-1 A",
		"A=\xe9":                    "encoding 1-1 ",
		"A=1\rB=2\r":                "lone-cr 1-1 ",
		"HTTP_HOST=x":               "server-name 1-1 HTTP_HOST",
	} {
		var got []string
		for _, w := range parse(t, src).Warnings {
			got = append(got, fmt.Sprintf("%s %d-%d %s", w.ID, w.Line, w.EndLine, w.Name))
			if w.Message() == "" {
				t.Errorf("%s has no text", w.ID)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: got %q, want %q", src, got, want)
		}
	}
}

func TestValuesWithEnvironment(t *testing.T) {
	d := parse(t, "K=file\nL=${K}\nM=1\nM\nK.M=2\nN=${K.M}")
	env := func(name string) (string, bool) { return "process", name == "K" || name == "K.M" }
	values, err := d.Values(env)
	if want := map[string]string{"L": "process", "K.M": "2", "N": "2"}; err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("%q, %v", values, err)
	}
}

func TestValuesTooLarge(t *testing.T) {
	src := "A0=" + strings.Repeat("x", 1000) + "\n"
	for i := range 40 {
		src += fmt.Sprintf("A%d=${A%d}${A%d}\n", i+1, i, i)
	}
	if _, err := parse(t, src).Values(nil); err != ErrTooLarge {
		t.Errorf("got %v", err)
	}
}

func TestLongLeadingBlanks(t *testing.T) {
	blanks := strings.Repeat("\f", maxToken)
	values, err := parse(t, "A="+blanks+"x\nB="+blanks+"\f#\nC=\f \tx").Values(nil)
	if err != nil || values["A"] != blanks+"x" || values["B"] != blanks || values["C"] != "\f \tx" {
		t.Errorf("%v, %d, %d", err, len(values["A"]), len(values["B"]))
	}
	if _, err := Parse([]byte("A=" + blanks + "\fx")); err == nil {
		t.Error("a second run of blanks ends the value")
	}
}

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"1800": "1800", "": `""`, "a b": `"a b"`, "pa#ss": `"pa#ss"`, "p$x": `"p\$x"`, `a"b\`: `"a\"b\\"`,
		"a\nb": `"a\nb"`, "é": `"é"`, "'": `"'"`, "a/b+c==": "a/b+c==",
	} {
		if got, err := Quote(value); got != want || err != nil {
			t.Errorf("%q: %s, %v", value, got, err)
		}
	}
	if _, err := Quote("\xff"); err != ErrNotText {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"", "1A", "A B", "A.B", "É", "A="} {
		if _, err := FormatLine(name, "x"); err != ErrBadName {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestEditDotenv(t *testing.T) {
	tests := []struct{ name, src, set, want string }{
		{"same", "A=1 # c\n", "A=1", "A=1 # c\n"},
		{"plain", "# x\nA=1 #30 Mins\nB=2\n", "A=3", "# x\nA=3 #30 Mins\nB=2\n"},
		{"comment without a blank", "A=1#c\n", "A=3", "A=3#c\n"},
		{"keeps double quotes", "A=\"1\"  # c", "A=3", "A=\"3\"  # c"},
		{"keeps single quotes", "A='1'", "A=a b", "A='a b'"},
		{"single quotes can't hold it", "A='1'", "A=it's", `A="it's"`},
		{"needs quotes", "A=1", "A=a b", `A="a b"`},
		{"empty", "A=\nB=2", "A=3", "A=3\nB=2"},
		{"empty with comment", "A= # c\n", "A=3", "A= 3 # c\n"},
		{"to empty", "A=1 # c\n", "A=", "A=\"\" # c\n"},
		{"blanks and export", "  export AB = 1  \r\nB=2\r\n", "AB=3", "  export AB = 3  \r\nB=2\r\n"},
		{"last of several", "A=1\nA=2\n", "A=3", "A=1\nA=3\n"},
		{"bare", "A=1\nA\n", "A=3", "A=1\nA=3\n"},
		{"several lines", "A=\"1\r\n2\" # c\r\nB=1", "A=3", "A=\"3\" # c\r\nB=1"},
		{"not UTF-8 elsewhere", "# \xe9\nX='\xe9'\nA=1 # \xe9\n", "A=3", "# \xe9\nX='\xe9'\nA=3 # \xe9\n"},
		{"not UTF-8 itself", "A='\xe9\xe9' # c\n", "A=3", "A='3' # c\n"},
		{"new", "A=1\n", "B=2", "A=1\nB=2\n"},
		{"new without a line end", "A=1", "B=2", "A=1\nB=2\n"},
		{"new with CRLF", "A=1\r\nC=3", "B=2", "A=1\r\nC=3\r\nB=2\r\n"},
		{"new with CR", "A=1\rC=3\r", "B=2", "A=1\rC=3\rB=2\r"},
		{"new in nothing", "", "B=a b", "B=\"a b\"\n"},
		{"new behind a mark", "\ufeff", "B=2", "\ufeffB=2\n"},
		{"mark", "\ufeffA=1", "A=2", "\ufeffA=2"},
		{"two", "A=1\n", "A=2;B=3", "A=2\nB=3\n"},
		{"open quote after it", "A=1\nB=\"x", "A=2", "A=2\nB=\"x"},
		{"open quote before it", "A=1\nB=\"x\n", "C=2", "C in line 2: a quote that is never closed would swallow a line added after it"},
		{"referred to", "A=1\nB=${A}\n", "A=2", "A in line 1: the changed file would not read as meant"},
		{"would be referred to", "B=${A}\n", "A=2", "B=${A}\nA=2\n"},
		{"bad line", "A=1\nB=x y\n", "A=2", "line 2, column 5: unexpected whitespace: " + explain[UnexpectedWhitespace]},
		{"bad name", "A=1\n", "B C=2", "B C: the name of a setting may have only letters, digits and _"},
		{"bad value", "A=1\n", "A=\xff", "A in line 1: the value is not valid UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var set []Assignment
			for _, text := range strings.Split(test.set, ";") {
				name, value, _ := strings.Cut(text, "=")
				set = append(set, Assignment{Name: name, Value: secret.New(value)})
			}
			got, err := Edit([]byte(test.src), set)
			if err != nil {
				got = []byte(err.Error())
			}
			if string(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func seeds(f *testing.F) {
	for _, src := range []string{
		"A=1\nB='x' # c\r\nexport CD=\"a\\n${A}\nb\"\rE", "\ufeffA=\xe2\x82\n\"K\"=v#c", "A=\"open\nB=1", "# x=\"\nA=\"\\\"\"",
		"A=\fx \nB=$${A}${B}{", "=x", "A='", "A=\"\\q\"", "É.1=\x00 \v", "A=x=\"y\nz\"",
	} {
		f.Add([]byte(src), "A", "v")
	}
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte, _, _ string) {
		d, err := Parse(src)
		again, errAgain := Parse(src)
		if !reflect.DeepEqual(err, errAgain) || !reflect.DeepEqual(d, again) {
			t.Fatal("two readings differ")
		}
		lines := splitLines(src, decode)
		within := func(p Position) {
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len([]rune(lines[p.Line-1].text))+1 {
				t.Fatalf("%v is not in the file", p)
			}
		}
		if err != nil {
			within(err.(*SyntaxError).Position)
			return
		}
		for _, e := range d.Entries {
			within(e.Pos)
			within(e.Value)
			if e.EndLine < e.Pos.Line || e.EndLine > len(lines) || e.from > e.to || e.to > len(src) {
				t.Fatalf("%+v", e)
			}
		}
		for _, w := range d.Warnings {
			if w.Line < 1 || w.Line > w.EndLine || w.EndLine > len(lines) {
				t.Fatalf("%+v", w)
			}
		}
	})
}

func FuzzEdit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte, name, value string) {
		if line, err := FormatLine(name, value); err == nil {
			if got, err := parse(t, line).Values(nil); err != nil || got[name] != value {
				t.Fatalf("%q reads as %q", line, got[name])
			}
		}
		edited, err := Edit(src, []Assignment{{Name: name, Value: secret.New(value)}})
		if err != nil {
			return
		}
		before, after := parse(t, string(src)), parse(t, string(edited))
		want, _ := before.Values(nil)
		got, _ := after.Values(nil)
		want[name] = value
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q reads as %q", edited, got)
		}
		comments := func(d *File) int {
			return len(slices.DeleteFunc(d.Warnings, func(w Warning) bool { return w.ID != WarnCommentSwallows }))
		}
		if comments(before) != comments(after) {
			t.Fatalf("%q: another comment swallows lines", edited)
		}
	})
}
