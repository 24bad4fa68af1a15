package output

import (
	"bytes"
	"encoding/csv"
	"errors"
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
'  =1,'` + "\u00a0" + `＝1
'\u200b=1,'＋1
a=b,me@example.com
,李
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

func FuzzCSV(f *testing.F) {
	for _, s := range append(hostile(), "=1", " -1", "\t@", "＝", "\v=", "\u3000+1") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		c := NewCSV(&b, "a", "b")
		if err := errors.Join(c.Row(s, "end"), c.Flush()); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][1] != "end" {
			t.Fatalf("%q: %q, %v", s, rows, err)
		}
		checkHarmless(t, rows[1][0])
		if strings.IndexAny(strings.TrimSpace(rows[1][0]), "=+-@＝＋－＠") == 0 {
			t.Errorf("%q would run", rows[1][0])
		}
	})
}
