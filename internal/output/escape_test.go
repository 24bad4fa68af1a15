package output

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "alice", "alice"},
		{"empty", "", ""},
		{"letters", "Zoë Łukasz 李小龍 مرحبا שלום", "Zoë Łukasz 李小龍 مرحبا שלום"},
		{"newline", "a\nb", `a\nb`},
		{"tab and return", "a\tb\r", `a\tb\r`},
		{"backslash stays", `C:\new`, `C:\new`},
		{"escape", "\x1b[2J", `\x1b[2J`},
		{"nul del", "\x00\x7f", `\x00\x7f`},
		{"c1 csi", "\u009b31m", `\u009b31m`},
		{"raw c1 byte", "\x9b31m", `\x9b31m`},
		{"line separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"bidi", "\u202egpj\u2066\u2069\u061c\u200e", `\u202egpj\u2066\u2069\u061c\u200e`},
		{"zero width", "ad\u200bmin\ufeff\u00ad\u2060\u2064", `ad\u200bmin\ufeff\u00ad\u2060\u2064`},
		{"joiner in a word", "ad\u200dmin", `ad\u200dmin`},
		{"joiner at the ends", "\u200d👩\u200d", `\u200d👩\u200d`},
		{"joined emoji", "👩🏽\u200d💻 ❤\ufe0f", `👩🏽\u200d💻 ❤\ufe0f`},
		{"joiners in words", "می\u200cخواهم क्\u200dष", `می\u200cخواهم क्\u200dष`},
		{"variation selectors", "a\ufe00b\ufe0fc\U000e0100\u180b", `a\ufe00b\ufe0fc\U000e0100\u180b`},
		{"invisible and graphic", "a\u2800b\u1160\U0001d159\u034f\u17b4", `a\u2800b\u1160\U0001d159\u034f\u17b4`},
		{"odd blanks", "a\u00a0b\u2002c\u202f\u205f\u3000\u1680d", `a\u00a0b\u2002c\u202f\u205f\u3000\u1680d`},
		{"blanks", " a  b   c ", `\x20a \x20b \x20\x20c\x20`},
		{"a blank", " ", `\x20`},
		{"mark at the start", "\u0301a", `\u0301a`},
		{"mark after a blank", "a \u0308b", `a \u0308b`},
		{"mark after a quote", "\"\u0308b", `"\u0308b`},
		{"mark after an escape", "a\u200b\u0308b", `a\u200b\u0308b`},
		{"stacked marks", "q" + strings.Repeat("\u0316", 8), "q" + strings.Repeat("\u0316", 6) + `\u0316\u0316`},
		{"marks of languages", "ไม่ हिन्दी שָׁלוֹם ᏣᎳᎩ Ắ", "ไม่ हिन्दी שָׁלוֹם ᏣᎳᎩ Ắ"},
		{"the kelvin sign", "\u212aim \u2126", `\u212aim \u2126`},
		{"jamo", "\u1112\u1161\u11ab 한", `\u1112\u1161\u11ab 한`},
		{"tags", "\U000e0041", `\U000e0041`},
		{"hangul filler", "a\u3164b\u115f\uffa0", `a\u3164b\u115f\uffa0`},
		{"private use", "\ue000", `\ue000`},
		{"noncharacter", "\uffff", `\uffff`},
		{"bad byte", "a\xffb", `a\xffb`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"real replacement character", "\ufffd", "\ufffd"},
		{"not composed", "Zoe\u0308 ë", `Zoe\u0308 ë`},
		{"mark that composes with nothing", "q\u0301", "q\u0301"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Escape(tt.in); got != tt.want {
				t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// No two names look the same in a table, also if one has the characters that stand for what another one has.
func TestEscapeName(t *testing.T) {
	for in, want := range map[string]string{
		"alice": "alice", `DOM\alice`: `DOM\alice`, `C:\new`: `C:\\new`, "eve ": `eve\x20`, `eve\x20`: `eve\\x20`, `eve\\x20`: `eve\\\\x20`,
		`eve\ `: `eve\\\x20`, "a\nb": `a\nb`, `a\nb`: `a\\nb`, "a\\\nb": `a\\\nb`, `\`: `\`, `\\`: `\\`, `a\x2`: `a\x2`, `\u202e`: `\\u202e`,
		"\u202e": `\u202e`, "\u202e\\": `\u202e\`, "\x00": `\x00`, "\x00\\x00": `\x00\\x00`, "\x01\\n": `\x01\\n`,
	} {
		if got := EscapeName(in); got != want || Escape(got) != got {
			t.Errorf("EscapeName(%q) = %q, want %q; escaped again %q", in, got, want, Escape(got))
		}
	}
	// Every name of some of these parts, the shortest first.
	parts := []string{`\`, "n", "x20", " ", "\n", "a", "\u0301"}
	seen, names := map[string]string{}, []string{""}
	for n := 0; n < len(names); n++ {
		name := names[n]
		shown := EscapeName(name)
		if other, ok := seen[shown]; ok && other != name {
			t.Fatalf("%q and %q are both shown as %q", name, other, shown)
		}
		seen[shown] = name
		if n < 20_000 {
			for _, p := range parts {
				names = append(names, name+p)
			}
		}
	}
}

// dangerous lists what must never reach a terminal. It is not derived from the code.
func dangerous(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0xad, r == 0x61c, r == 0x200b, r == 0x200c, r == 0x200e, r == 0x200f,
		r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb,
		r == 0x200d, r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef, r == 0x2800, r == 0x034f, r >= 0x180b && r <= 0x180f,
		r == 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x3000,
		r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r >= 0xd800 && r <= 0xdfff, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

func checkHarmless(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not UTF-8", s)
	}
	if i := strings.IndexFunc(s, dangerous); i >= 0 {
		t.Errorf("%q has something dangerous at %d", s, i)
	}
}

func TestEscapeEveryRune(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if dangerous(r) && strings.ContainsFunc(Escape("a"+string(r)+"b"), dangerous) {
			t.Fatalf("U+%04X passed", r)
		}
	}
}

// No two texts that Unicode calls the same, or that differ in what nobody sees, are shown alike.
func TestLookAlikesLookDifferent(t *testing.T) {
	shown := map[string]string{}
	for _, name := range []string{"zoë", "zoe\u0308", "zoë\ufe0f", "zoë ", " zoë", "zoë\u3164", "zoë\u2800", "zoë\u00a0", "zoë\u00ad", "z\u200boë",
		"zoë\U000e0020", "zoë\u2063", "a b", "a  b", "a\u00a0b", "a\u2003b", "K", "\u212a", "Å", "\u212b", "A\u030a"} {
		var b bytes.Buffer
		if err := writeTable(&b, []string{"name", "x"}, [][]string{{name, "|"}}); err != nil {
			t.Fatal(err)
		}
		// What an eye sees: no invisible characters, no number of blanks, and one picture for é.
		seen := strings.Map(func(r rune) rune {
			if dangerous(r) && r != '\n' {
				return -1
			}
			return r
		}, norm.NFC.String(b.String()))
		text := strings.Join(strings.Fields(seen), " ")
		if other, ok := shown[text]; ok {
			t.Errorf("%+q and %+q are shown as %q", name, other, text)
		}
		shown[text] = name
	}
}

// hostile returns strings to try at every place that shows text from outside.
func hostile() []string {
	return []string{
		"\x1b]0;title\x07", "\x1b[1;31mred", "a\nwarning: fake", "a\r\nb", "\u202etxt.exe", "\x9b2J", "\u009b2J",
		"\xff\xfe", "ad\u200bmin", "\u2028", "\x7f\x08", "\U000e0041\U000e007f", "%s%n", `\u001b`,
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		checkHarmless(t, got)
		if again := Escape(got); again != got {
			t.Errorf("twice: %q, once: %q", again, got)
		}
	})
}
