package output

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
	"unicode/utf8"
)

func TestNamesThatAreNotUTF8InJSON(t *testing.T) {
	for s, want := range map[string]string{
		"J\xfcrgen": "J\ufffd\\xfcrgen", "J\xe4rgen": "J\ufffd\\xe4rgen", "\xff\xfe": "\ufffd\\xff\ufffd\\xfe",
		"J\\xfcrgen": "J\\xfcrgen", "CORP\\xabier": "CORP\\xabier", "\ufffd": "\ufffd", "J\ufffdrgen": "J\ufffdrgen", "a\\nb": "a\\nb",
		"J\ufffd\\xfcrgen": "J\ufffd\ufffd\\xfcrgen", "\ufffd\xfc": "\ufffd\ufffd\ufffd\\xfc", "\ufffd\ufffd\\xfc": "\ufffd\ufffd\ufffd\ufffd\\xfc",
		"J\\\xfc": "J\\\ufffd\\xfc", "Jürgen": "Jürgen", "": "",
	} {
		if got := legible(s); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
}

// No two texts look the same in JSON, and each can be given back as it stands there, or as it stands in a table.
func TestReadName(t *testing.T) {
	seen := map[string]string{}
	for _, s := range textsOf([]string{"J", "\xfc", "\xff", "\ufffd", "\\", "xfc", "n", "\n", "\u202e", "u202e"}, 4) {
		inJSON := legible(s)
		if other, twice := seen[inJSON]; twice || !utf8.ValidString(inJSON) {
			t.Fatalf("%q and %q are both %q", s, other, inJSON)
		}
		seen[inJSON] = s
		if got := ReadName(EscapeName(s)); EscapeName(s) != s && needsEscapes(s) && !slices.Contains(got, s) {
			t.Fatalf("%q stands in a table as %q, which is read as %q", s, EscapeName(s), got)
		}
		if got := ReadName(inJSON); inJSON != s && !slices.Contains(got, s) {
			t.Fatalf("%q stands in JSON as %q, which is read as %q", s, inJSON, got)
		}
	}
	for _, text := range []string{"alice", "", `back\slash`, `\x0`, `\x00`, `\u0000`, `\ud800`, `\U00110000`, "Jürgen", "\xfc", "50%",
		`eve\x20`, `eve\\x20`, `\x62oss`, `b\x6fss`, `\x62\x6f\x73\x73`} {
		if got := ReadName(text); got != nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

// textsOf returns all texts of at most n of the parts.
func textsOf(parts []string, n int) []string {
	all, last := []string{""}, []string{""}
	seen := map[string]bool{"": true}
	for range n {
		var next []string
		for _, l := range last {
			for _, p := range parts {
				if !seen[l+p] {
					seen[l+p] = true
					next = append(next, l+p)
				}
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

type embeddedView struct {
	Name string `json:"name"`
}

type legibleView struct {
	embeddedView
	Note  *string           `json:"note"`
	None  *string           `json:"none"`
	Lists [][]string        `json:"lists"`
	Any   any               `json:"any"`
	Map   map[string]string `json:"map"`
	Array [1]embeddedView   `json:"array"`
	At    time.Time         `json:"at"`
	Bytes []byte            `json:"bytes"`
	N     int               `json:"n"`
}

func TestWriteJSONKeepsBytes(t *testing.T) {
	bad, good := "\xfc", "\ufffd\\xfc"
	view := func(s string) legibleView {
		return legibleView{embeddedView{s}, &s, nil, [][]string{{s}, nil}, []any{&s, embeddedView{s}}, map[string]string{s: s}, [1]embeddedView{{s}},
			time.Unix(1, 0).UTC(), []byte{0xfc}, 7}
	}
	in := view(bad)
	var got, want bytes.Buffer
	if err := WriteJSON(&got, &in); err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(&want)
	enc.SetIndent("", "  ")
	if err := enc.Encode(view(good)); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("got\n%s\nwant\n%s", &got, &want)
	}
	if !reflect.DeepEqual(in, view(bad)) {
		t.Error("what was written has changed")
	}
}
