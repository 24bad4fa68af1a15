package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWriteJSON(t *testing.T) {
	v := map[string]any{
		"schema_version": 1,
		"users":          []string{},
		"text":           "<a&b> \x1b[0m\u202e\u2028\u0085\x7f\U000e0041 Zoë 👩\u200d💻",
		"key\u202e":      "a\nb",
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, v); err != nil {
		t.Fatal(err)
	}
	want := `{
  "key\u202e": "a\nb",
  "schema_version": 1,
  "text": "<a&b> \u001b[0m\u202e\u2028\u0085\u007f\udb40\udc41 Zoë 👩\u200d💻",
  "users": []
}
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSONLine(t *testing.T) {
	var b bytes.Buffer
	for _, s := range []string{"a\nb", "<\x7f>"} {
		if err := JSONLine(&b, map[string]string{"s": s}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := b.String(), "{\"s\":\"a\\nb\"}\n{\"s\":\"<\\u007f>\"}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONRawMessageIsMadeHarmless(t *testing.T) {
	var b bytes.Buffer
	if err := JSONLine(&b, json.RawMessage("{\t\"a\": \n\"\u202e\u009b\xff\"}")); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), `{"a":"\u202e\u009b\ufffd"}`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONErrors(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, map[string]any{"a": 1, "b": make(chan int)}); err == nil || b.Len() > 0 {
		t.Errorf("err %v, %d bytes written", err, b.Len())
	}
	if err := WriteJSON(brokenWriter{}, 1); !errors.Is(err, errBroken) {
		t.Errorf("err %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func FuzzWriteJSON(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var doc, line bytes.Buffer
		in := map[string]string{"k" + s: s}
		if err := errors.Join(WriteJSON(&doc, in), JSONLine(&line, in)); err != nil {
			t.Fatal(err)
		}
		checkHarmless(t, strings.ReplaceAll(doc.String(), "\n", ""))
		checkHarmless(t, strings.TrimSuffix(line.String(), "\n"))
		if !utf8.ValidString(s) {
			return // JSON can't carry it
		}
		for _, text := range [][]byte{doc.Bytes(), line.Bytes()} {
			var out map[string]string
			if err := json.Unmarshal(text, &out); err != nil {
				t.Fatal(err)
			}
			if got, ok := out["k"+s]; !ok || got != s {
				t.Errorf("round trip of %q gave %q", s, out)
			}
		}
	})
}

// A list that is written item by item is the same as one that is written whole.
func TestJSONList(t *testing.T) {
	type document struct {
		Path  string `json:"path"`
		Items []any  `json:"items"`
	}
	for _, items := range [][]any{{}, {1}, {map[string]any{"a": []int{1, 2}, "b": "\u202e<&>\xff"}, "x", nil, []string{}, struct{}{}}} {
		var whole, parts strings.Builder
		if err := WriteJSON(&whole, document{"[] \xff", items}); err != nil {
			t.Fatal(err)
		}
		l, err := NewJSONList(&parts, document{"[] \xff", []any{}})
		if err != nil || parts.Len() > 0 {
			t.Fatal(err, parts.String())
		}
		for _, item := range items {
			if err := l.Item(item); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil || parts.String() != whole.String() {
			t.Errorf("%v: %s, not %s", err, parts.String(), whole.String())
		}
	}
	if _, err := NewJSONList(io.Discard, document{}); err == nil {
		t.Error("a document whose list is null is taken")
	}
}

// BenchmarkJSON writes a user of a list.
func BenchmarkJSON(b *testing.B) {
	user := struct {
		Username, Person, Email, State, UUID string
		Factor                               *string
		Enrolled                             bool
	}{"user17", "Alice Archer", "user17@example.com", "enrolled", "b0000000-0000-4000-8000-000000000001", nil, true}
	for name, write := range map[string]func() error{
		"line": func() error { return JSONLine(io.Discard, user) },
		"item": func() error { return (&JSONList{w: io.Discard}).Item(user) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
