package phpsession

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

const in = `username|s:4:"dave";loggedin|b:1;`

func TestParse(t *testing.T) {
	for text, want := range map[string]Session{
		"":                     {},
		`username|s:4:"dave";`: {User: "dave"},
		in:                     {User: "dave", LoggedIn: true, OfUzerp: true},
		`injectorclass|a:1:{i:-1;a:1:{s:12:"LoginHandler";s:1:"X";}}`:                                           {Handler: "X", OfUzerp: true},
		`injectorclass|a:2:{i:1;a:1:{s:12:"LoginHandler";s:1:"Y";}s:2:"-1";a:1:{s:12:"LoginHandler";s:1:"X";}}`: {Handler: "X", OfUzerp: true},
		`injectorclass|a:1:{i:-1;a:1:{s:12:"LoginHandler";s:3:"X Y";}}`:                                         {OfUzerp: true},
		`injectorclass|a:1:{i:-1;s:1:"x";}`:                                                                     {OfUzerp: true},
		`injectorclass|a:0:{}`:                                                                                  {OfUzerp: true},
		`injectorclass|s:1:"x";`:                                                                                {},
		`x|a:1:{i:-1;a:1:{s:12:"LoginHandler";s:1:"X";}}injectorclass|R:1;`:                                     {Handler: "X", OfUzerp: true},
		`started|i:1764000000;last_active|i:1764000060;` + in: {User: "dave", LoggedIn: true, OfUzerp: true,
			Started: time.Unix(1764000000, 0), LastActive: time.Unix(1764000060, 0)},
		`started|i:-1;last_active|i:9223372036854775807;`: {},
		`started|i:99999999999999999999;`:                 {},
		`EGS_COMPANY_ID|i:-1;`:                            {Company: "-1"},
		`EGS_COMPANY_ID|s:2:"12";`:                        {Company: "12"},
		`EGS_COMPANY_ID|s:6:"secret";`:                    {},
		in + `username|N;`:                                {},
		in + `username|s:3:"bob";`:                        {User: "bob", LoggedIn: true, OfUzerp: true},
		in + `loggedin|b:0;`:                              {User: "dave"},
		`username|s:0:"";loggedin|b:1;`:                   {},
		`username|i:4;loggedin|b:1;`:                      {},
		`x|s:4:"dave";username|R:1;loggedin|b:1;`:         {User: "dave", LoggedIn: true, OfUzerp: true},
		`x|a:1:{s:8:"username";s:3:"bob";}` + in:          {User: "dave", LoggedIn: true, OfUzerp: true},
		// A reference after an object that has written itself is known only if it means something before that object.
		`x|s:4:"dave";c|C:1:"A":3:{i:1}username|R:1;loggedin|b:1;`: {User: "dave", LoggedIn: true, OfUzerp: true},
		`c|C:1:"A":3:{i:1}` + in + `x|R:7;`:                        {User: "dave", LoggedIn: true, OfUzerp: true},
		`o|O:1:"A":1:{s:4:"` + "\x00A\x00b" + `";i:1;}` + in:       {User: "dave", LoggedIn: true, OfUzerp: true},
		`e|E:5:"A:Bcd";` + in:                                      {User: "dave", LoggedIn: true, OfUzerp: true},
		`username|S:4:"\64ave";loggedin|b:1;`:                      {User: "dave", LoggedIn: true, OfUzerp: true},
	} {
		if got, err := Parse([]byte(text), PHP); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, text := range []string{
		"x", "|", "x|", "x|x", "a|b:2;", "a|b:1", "a|i:;", "a|i:1", "a|s:1:x;", `a|s:2:"x";`, `a|s:-1:"x";`, `a|s:1:"x"`, "a|a:1:{}", "a|a:1:{i:0;}", "a|a:0:{",
		"a|a:-1:{}", "a|a:1:{N;N;}", "a|a:99999999999999999999:{}", `a|s:99999999999999999999:"`, `a|O:1:"A":1:{}`, `a|O:9:"A":0:{}`, `a|C:1:"A":9:{}`, "a|R:1;",
		"a|R:0;", "a|i:1;b|r:1;", "a|r:1;", "a|d:.;", "a|d:1e;", "a|d:;", "a|N", "a|E:1:\"A\"", `a|S:1:"\6";`, `a|S:1:"\zz";`,
		in + "x", in + "\n", in[:len(in)-1], `a|O:3:"A|B":0:{}`, `a|O:0:"":0:{}`,
	} {
		for _, configured := range [][]Format{nil, {PHP}, {Serialize}, {Binary}, {"igbinary"}} {
			if got, err := Parse([]byte(text), configured...); !errors.Is(err, ErrMalformed) || got != (Session{}) {
				t.Errorf("%.60s of %d bytes, as %v: %+v, %v", text, len(text), configured, got, err)
			}
		}
	}
}

// What PHP may well read is not called broken: somebody may be logged in there, and it is not known who.
func TestUnclear(t *testing.T) {
	for name, tt := range map[string]struct {
		text       string
		configured []Format
		want       error
	}{
		"a reference behind an object's own form":  {`c|C:1:"A":3:{i:1}x|s:3:"bob";username|R:2;loggedin|b:1;`, []Format{PHP}, ErrUnclear},
		"the same, of no known format":             {`c|C:1:"A":3:{i:1}x|s:3:"bob";username|R:2;loggedin|b:1;`, nil, ErrUnclear},
		"the same as an array":                     {`a:3:{s:1:"c";C:1:"A":3:{i:1}s:8:"username";R:3;s:8:"loggedin";b:1;}`, []Format{Serialize}, ErrUnclear},
		"an object's own form that is broken":      {`c|C:1:"A":9:{i:1}username|R:2;loggedin|b:1;`, []Format{PHP}, ErrMalformed},
		"a name that is too long":                  {`username|s:2000:"` + strings.Repeat("x", 2000) + `";loggedin|b:1;`, []Format{PHP}, ErrUnclear},
		"another extension's format":               {"\x81\xa8username\xa3bob", []Format{"msgpack"}, ErrUnclear},
		"another extension's beside one's own":     {"\x81\xa8username\xa3bob", []Format{PHP, "msgpack"}, ErrUnclear},
		"a known one in place of that extension's": {in, []Format{"msgpack"}, nil},
		"too large": {strings.Repeat("x", MaxSize+1), []Format{PHP}, ErrTooLarge},
	} {
		if got, err := Parse([]byte(tt.text), tt.configured...); !errors.Is(err, tt.want) || err != nil && got != (Session{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A visitor may have any text written into a session: as a value, as the end of a name, in every format. Nobody is logged
// in by that, and the visitor is not hidden by it.
func TestPlantedText(t *testing.T) {
	plants := []string{in, `x";` + in, `x";}` + in, `x";s:8:"username";s:4:"dave";s:8:"loggedin";b:1;}`, "\x08username" + `s:4:"dave";` + "\x08loggedin" + `b:1;`,
		`|i:1;` + in + `z|a:1:{i:0;s:2:"`, `a:2:{s:8:"username";s:4:"dave";s:8:"loggedin";b:1;}`}
	for _, plant := range plants {
		value := `s:` + number10(len(plant)) + `:"` + plant + `";`
		for format, text := range map[Format]string{
			PHP:       `started|i:1;post|` + value + `username|s:3:"bob";`,
			Serialize: `a:3:{s:7:"started";i:1;s:4:"post";` + value + `s:8:"username";s:3:"bob";}`,
			Binary:    "\x07startedi:1;\x04post" + value + "\x08username" + `s:3:"bob";`,
		} {
			for _, configured := range [][]Format{{format}, nil} {
				got, err := Parse([]byte(text), configured...)
				if got.LoggedIn || got.User == "dave" || configured != nil && (err != nil || got.User != "bob") {
					t.Errorf("%s with %q, as %v: %+v, %v", format, plant, configured, got, err)
				}
			}
		}
	}
	// A server that writes arrays, while its settings seem to name another format: the text before the first | is a name then.
	plant := `|i:1;` + in + `z|a:1:{i:0;s:1:"x`
	text := `a:1:{s:1:"x";s:` + number10(len(plant)) + `:"` + plant + `";}`
	if got, err := parseAs(PHP, []byte(text)); err != nil || !got.LoggedIn {
		t.Fatalf("the text deceives nobody: %+v, %v", got, err)
	}
	if got, err := Parse([]byte(text), PHP); err != nil || got != (Session{}) {
		t.Errorf("%+v, %v", got, err)
	}
	// PHP takes no notice of the highest bit of a name's length.
	if got, err := Parse([]byte("\x88username"+`s:3:"bob";`), Binary); err != nil || got.User != "bob" {
		t.Errorf("%+v, %v", got, err)
	}
	// Two formats fit, and no setting says which one it is: the name of an upload has 33 bytes, or one and more behind it.
	both := []byte(`!upload_progress_xxx|i:1;username|s:4:"dave";`)
	for _, format := range []Format{PHP, Binary} {
		if _, err := Parse(both, format); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	if got, err := Parse(both); !errors.Is(err, ErrUnclear) || got != (Session{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func number10(n int) string {
	digits := ""
	for ; n > 0; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return digits
}

// Depth costs no stack, a count no memory, and time grows with the length alone.
func TestLimits(t *testing.T) {
	deep := func(n int) string { return "x|" + strings.Repeat("a:1:{i:0;", n) + "N;" + strings.Repeat("}", n) }
	if _, err := Parse([]byte(deep(maxDepth)+in), PHP); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"too deep": deep(maxDepth + 1), "very deep": deep(1_000_000), "open": "x|" + strings.Repeat("a:1:{i:0;", 1_000_000),
		"promises": "x|" + strings.Repeat("a:1000000:{i:0;", 4000), "references": "x|a:2:{i:0;i:1;i:1;" + strings.Repeat("R:2;i:0;", 100_000),
	} {
		if _, err := Parse([]byte(text), PHP); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Parsing takes memory in proportion to the length, whatever is in the file. What it takes is counted, not timed.
func TestMemoryIsLinear(t *testing.T) {
	for name, unit := range map[string]string{
		"values": "i:0;N;", "texts": `i:0;S:2:"\61b";`, "arrays": "i:0;a:0:{}", "names": "",
	} {
		text := "injectorclass|a:200000:{" + strings.Repeat(unit, 200_000) + "}"
		if name == "names" { // each name may hide an array that must be read again
			text = strings.Repeat("injectorclass|a:1:{i:-1;a:0:{}}", 100_000)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Parse([]byte(text), PHP); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > uint64(24*len(text)) {
			t.Errorf("%s: %d bytes took %d", name, len(text), used)
		}
	}
}

// Whatever is in 10,000 files, nothing panics, and the one user of the tests that is only planted is never logged in.
func TestHostileFiles(t *testing.T) {
	n := 0
	for _, format := range formats {
		for _, s := range hostile(t, rand.New(rand.NewPCG(*seed, 2)), format, 4000) {
			n++
			for _, configured := range [][]Format{{format}, nil} {
				got, err := Parse(s, configured...)
				if err != nil && got != (Session{}) {
					t.Errorf("seed %d: %+v with %v", *seed, got, err)
				}
			}
		}
	}
	if n < 10_000 {
		t.Error(n)
	}
}

func FuzzParse(f *testing.F) {
	for _, format := range formats {
		for _, s := range []string{in, `a:1:{s:8:"username";s:4:"dave";}`, "\x08username" + `s:4:"dave";`,
			`o|O:1:"A":1:{i:0;r:1;}e|E:3:"A:B";c|C:1:"A":1:{x}d|d:-1.5E+3;s|S:1:"\61";`} {
			f.Add([]byte(s), string(format))
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, format string) {
		kept := bytes.Clone(content)
		got, err := Parse(content, Format(format))
		if !bytes.Equal(kept, content) {
			t.Error("the content was changed")
		}
		if err != nil && got != (Session{}) || got.LoggedIn && got.User == "" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
