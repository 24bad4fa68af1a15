package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each byte of a log is changed, one at a time, to several others.
func TestEveryFlippedByteIsFound(t *testing.T) {
	l := newLog(t, 4)
	text := readFile(t, l.path)
	head := verifyText(t, text, "").Head
	for i := range text[:len(text)-1] {
		for _, flip := range []byte{1, 2, 0x20, 0x80, text[i] ^ '\n'} {
			forged := slices.Clone(text)
			forged[i] ^= flip
			if bytes.Equal(forged, text) {
				continue
			}
			report := verifyText(t, forged, "")
			lastLine := bytes.Count(text[:i], []byte("\n")) == 3
			// If the end is cut off within a line, that looks like a crash.
			if report.Intact() && (!lastLine || len(report.Torn) == 0) {
				t.Fatalf("byte %d to %q: not found", i, forged[i])
			}
			if verifyText(t, forged, head).Intact() {
				t.Fatalf("byte %d to %q: not found with the head", i, forged[i])
			}
		}
	}
}

func TestTampering(t *testing.T) {
	l := newLog(t, 6)
	lines := slices.Collect(strings.Lines(string(readFile(t, l.path))))
	other := slices.Collect(strings.Lines(string(readFile(t, newLog(t, 6).path))))
	whole := verifyText(t, []byte(strings.Join(lines, "")), "")
	// rehash makes a changed line's own hash right.
	rehash := func(line string) string {
		body, _, _ := cutHash([]byte(strings.TrimSuffix(line, "\n")))
		return string(body) + hashStart + hashOf(body) + hashEnd + "\n"
	}
	changed := func(line string) string { return strings.Replace(line, `"T-1"`, `"T-2"`, 1) }
	at := func(i int, with ...string) []string { return slices.Concat(lines[:i], with, lines[i+1:]) }
	for _, test := range []struct {
		name     string
		lines    []string
		want     []string // without the head
		withHead []string
	}{
		{"nothing", lines, nil, nil},
		{"changed", at(2, changed(lines[2])), []string{"3 changed-line"}, nil},
		{"changed and rehashed", at(2, rehash(changed(lines[2]))), []string{"4 broken-chain"}, nil},
		{"hash changed", at(2, strings.Replace(lines[2], hashStart, hashStart+"0", 1)), []string{"3 not-a-record", "4 broken-chain"}, nil},
		{"removed", at(2), []string{"3 broken-chain"}, nil},
		{"first removed", at(0), []string{"1 broken-chain"}, nil},
		{"first two removed", lines[2:], []string{"1 broken-chain"}, nil},
		{"swapped", slices.Concat(lines[:2], []string{lines[3], lines[2]}, lines[4:]), []string{"3 broken-chain", "4 broken-chain", "5 broken-chain"}, nil},
		{"duplicated", at(2, lines[2], lines[2]), []string{"4 broken-chain"}, nil},
		{"moved to the end", append(at(2), lines[2]), []string{"3 broken-chain", "6 broken-chain"}, nil},
		{"inserted garbage", at(2, lines[2], "hello\n"), []string{"4 not-a-record"}, nil},
		{"inserted empty line", at(2, lines[2], "\n"), []string{"4 not-a-record"}, nil},
		{"inserted torn line", at(2, lines[2], lineStart+"\n"), []string{"4 not-a-record"}, nil},
		{"inserted record of another log", at(2, lines[2], other[3]), []string{"4 broken-chain", "5 broken-chain"}, nil},
		{"inserted huge line", at(2, lines[2], lineStart+strings.Repeat("x", 3*maxLine)+"\n"), []string{"4 not-a-record"}, nil},
		{"carriage return", at(2, strings.Replace(lines[2], "\n", "\r\n", 1)), []string{"3 not-a-record", "4 broken-chain"}, nil},
		{"new chain inside", append(slices.Clone(lines), other...), []string{"7 broken-chain"}, nil},
		{"right hash, no record", append(slices.Clone(lines), rehash(`{"a":1,"hash":"`+Genesis+`"}`)), []string{"7 not-a-record"}, nil},
		{"tail cut off", lines[:4], nil, []string{"0 missing-head"}},
		{"tail cut off in a line", at(5, lines[5][:50]), nil, []string{"0 missing-head"}},
		{"last line replaced", at(5, rehash(changed(lines[5]))), nil, []string{"0 missing-head"}},
		{"emptied", nil, nil, []string{"0 missing-head"}},
		{"written anew", other, nil, []string{"0 missing-head"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := []byte(strings.Join(test.lines, ""))
			if diff := cmp.Diff(summary(verifyText(t, text, "")), test.want); diff != "" {
				t.Error(diff)
			}
			if test.withHead == nil {
				test.withHead = test.want
			}
			if diff := cmp.Diff(summary(verifyText(t, text, whole.Head)), test.withHead); diff != "" {
				t.Errorf("with the head: %s", diff)
			}
		})
	}
	// The head of a shorter log stays good while the log grows.
	middle := verifyText(t, []byte(strings.Join(lines[:3], "")), "").Head
	if report := verifyText(t, []byte(strings.Join(lines, "")), middle); !report.Intact() || report.HeadLine != 3 {
		t.Errorf("%+v", report)
	}
	if report := verifyText(t, nil, Genesis); !report.Intact() {
		t.Errorf("%+v", report)
	}
}

func summary(r Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, fmt.Sprintf("%d %s", f.Line, f.ID))
	}
	return all
}

// A new line doesn't hide that an earlier one was tampered with.
func TestAppendKeepsFindings(t *testing.T) {
	for name, forge := range map[string]func(string) string{
		"changed last line": func(s string) string { return strings.Replace(s, "user2", "user9", 1) },
		"added line":        func(s string) string { return s + "hello\n" },
		"added in part":     func(s string) string { return s + "hello" },
		"split line":        func(s string) string { return strings.Replace(s, `"user2"`, "\n\"user2\"", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, 3)
			writeFile(t, l.path, []byte(forge(string(readFile(t, l.path)))))
			n := len(verifyText(t, readFile(t, l.path), "").Findings)
			appendTo(t, l, sample(3))
			appendTo(t, l, sample(4))
			report := verifyText(t, readFile(t, l.path), "")
			if n != 1 || len(report.Findings) != 1 {
				t.Errorf("%d findings before; after: %+v", n, report.Findings)
			}
		})
	}
}

func TestOpenIntents(t *testing.T) {
	l := newLog(t, 0)
	first, second := sample(1), sample(2)
	first.Result, second.Result = ResultIntent, ResultIntent
	first = appendTo(t, l, first)
	second = appendTo(t, l, second)
	if first.ID == second.ID || len(first.ID) < 20 {
		t.Errorf("ids %q and %q", first.ID, second.ID)
	}
	first.Result = ResultFailed
	appendTo(t, l, first)
	report := intact(t, l, 3)
	if len(report.Open) != 1 || report.Open[0].Line != 2 || report.Open[0].Record.ID != second.ID {
		t.Errorf("%+v", report.Open)
	}
	if report.First.After(report.Last) || time.Since(report.First) > time.Minute {
		t.Errorf("%v, %v", report.First, report.Last)
	}
}

func TestReadGoesOn(t *testing.T) {
	l := newLog(t, 2)
	text := append([]byte("hello\n"), readFile(t, l.path)...)
	text = append(text, lineStart...)
	var got []string
	for r, err := range Read(bytes.NewReader(text)) {
		if lineErr, ok := errors.AsType[*LineError](err); ok {
			got = append(got, fmt.Sprint(lineErr.Line))
			continue
		}
		got = append(got, r.Target)
	}
	if diff := cmp.Diff(got, []string{"1", "user0", "user1", "4"}); diff != "" {
		t.Error(diff)
	}
	broken := io.MultiReader(bytes.NewReader(text), iotest.ErrReader(errors.New("disk")))
	n := 0
	for _, err := range Read(broken) {
		if n++; n == 5 && (err == nil || err.Error() != "disk") {
			t.Errorf("%v", err)
		}
	}
	if _, err := verifyReader(iotest.ErrReader(errors.New("disk")), ""); err == nil {
		t.Error("no error")
	}
}

// The recipe in docs/audit-log.md works with standard tools alone.
func TestIndependentVerification(t *testing.T) {
	l := newLog(t, 5)
	const recipe = `
prev=0000000000000000000000000000000000000000000000000000000000000000
while IFS= read -r line; do
  hash=$(printf %s "$line" | sed 's/,"hash":"\([0-9a-f]*\)"}$/}/' | sha256sum | cut -c1-64)
  case $line in *'"prev":"'$prev'","hash":"'$hash'"}') ;; *) echo "broken: $line"; exit 1 ;; esac
  prev=$hash
done <"$1"
echo "$prev"`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", recipe, "sh", l.path).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != intact(t, l, 5).Head {
		t.Errorf("%v: %s", err, out)
	}
}

// For any bytes: nothing panics, every line is counted, and a writer would follow the hash that the report gives as
// head.
func FuzzRead(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("\n\n"))
	f.Add([]byte(lineStart + "\n{}"))
	f.Add([]byte(lineStart + `X","time":"2026-07-14T10:00:00Z","actor":{"user":"","sudo_user":"","ssh_client":"","host":"","pid":1},` +
		`"command":"a","target":"","before":null,"after":{},"reason":"","ticket":"","result":"done","message":"","prev":"` +
		Genesis + hashStart + Genesis + hashEnd + "\n"))
	f.Add(bytes.Repeat([]byte("x"), 3*maxLine))
	f.Fuzz(func(t *testing.T, text []byte) {
		want := bytes.Count(text, []byte("\n"))
		if len(text) > 0 && text[len(text)-1] != '\n' {
			want++
		}
		n := 0
		for _, err := range Read(bytes.NewReader(text)) {
			n++
			if _, ok := errors.AsType[*LineError](err); err != nil && !ok {
				t.Fatal(err)
			}
		}
		report, err := verifyReader(bytes.NewReader(text), "")
		if err != nil || n != want || report.Lines != want {
			t.Fatalf("%v: %d and %d lines, want %d", err, n, report.Lines, want)
		}
		hash, rest, found := lastRecord(text)
		if found != ValidHash(hash) || !bytes.HasSuffix(text, rest) {
			t.Fatalf("%q, %q, %v", hash, rest, found)
		}
		if found && len(text) < maxLine && hash != report.Head {
			t.Fatalf("a writer would follow %s, the report says %s", hash, report.Head)
		}
	})
}

// The reader understands what Append writes after any end of a log: a new line that follows the last one, and no record
// is lost.
func FuzzAppendAfter(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(lineStart))
	f.Add([]byte("\x00\x00\n"))
	f.Fuzz(func(t *testing.T, tail []byte) {
		l := newLog(t, 1)
		text := append(readFile(t, l.path), tail...)
		writeFile(t, l.path, text)
		before := verifyText(t, text, "")
		if len(text) > maxLine {
			return
		}
		r := appendTo(t, l, sample(1))
		now := readFile(t, l.path)
		after := verifyText(t, now, "")
		if !bytes.HasPrefix(now, text) || after.Head != r.Hash || after.Records != before.Records+1 {
			t.Fatalf("%+v then %+v", before, after)
		}
		if len(after.Findings) != len(before.Findings) {
			t.Fatalf("%+v then %+v", before.Findings, after.Findings)
		}
	})
}
