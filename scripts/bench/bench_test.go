package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected page and plots anew")

// The page and the plots are made from what a run has printed. testdata/bench.txt is of a run with small numbers on a busy machine, with
// values that are too big, and without one benchmark.
func TestThePageIsWrittenFromARun(t *testing.T) {
	text, err := os.ReadFile("testdata/bench.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "page.md")
	before := "# Words by hand\n\n"
	for _, part := range []string{"machine", "table", "growth", "monday", "others", "profiles"} {
		before += "<!-- bench: begin " + part + " -->\nold\n<!-- bench: end -->\n\nmore by hand\n\n"
	}
	if err := os.WriteFile(page, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write(parse(string(text)), page, dir); err == nil || !strings.HasSuffix(err.Error(), "were not measured: SetInjector") {
		t.Error(err)
	}
	for _, name := range []string{"page.md", "time.svg", "memory.svg"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not as expected: read go test ./scripts/bench -update; git diff\n%s", name, got)
		}
		if strings.HasSuffix(name, ".svg") {
			wellFormed(t, string(got))
		}
	}
	// A second time nothing changes.
	first, _ := os.ReadFile(page)
	_ = write(parse(string(text)), page, dir)
	if second, _ := os.ReadFile(page); string(second) != string(first) {
		t.Error("the page is another one when it is written again")
	}
	if strings.Count(string(first), "more by hand") != 6 || strings.Contains(string(first), "old\n") {
		t.Error("the words by hand are gone, or what was measured before is still there")
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The page that people read has a line for every row, and was written by this program.
func TestThePageHasEveryRow(t *testing.T) {
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		start, _, _ := strings.Cut(r.what, "$1")
		if !strings.Contains(string(page), "\n| "+start) {
			t.Errorf("docs/performance.md has no line %q: make bench writes it", start)
		}
		if strings.HasSuffix(r.why, ".") {
			t.Errorf("%s: why is a part of a line, without a full stop: %q", r.bench, r.why)
		}
	}
	if _, _, err := fill(string(page), measured{}); err != nil {
		t.Error("docs/performance.md: ", err)
	}
}

func TestAPageWithoutMarks(t *testing.T) {
	if _, _, err := fill("# Words\n", measured{}); err == nil {
		t.Error("nothing is wrong with a page without marks")
	}
	var all strings.Builder
	for _, part := range []string{"machine", "table", "growth", "monday", "others", "profiles", "unknown"} {
		all.WriteString("<!-- bench: begin " + part + " -->\n<!-- bench: end -->\n")
	}
	if _, _, err := fill(all.String(), measured{}); err == nil {
		t.Error("nothing is wrong with an unknown part")
	}
}

func TestJudge(t *testing.T) {
	r := row{reach: []goal{{"ratio", 0.9}, {"MiB", 30}}, shows: []string{"s", "psql-s"}, why: "the wire"}
	for _, test := range []struct {
		values       map[string]float64
		got, verdict string
	}{
		{map[string]float64{"ratio": 0.9, "MiB": 30, "s": 12.34, "psql-s": 0.0147}, "0.9 ×, 30 MiB, 12.3 s, psql 14.7 ms", "yes"},
		{map[string]float64{"ratio": 0.91, "MiB": 30}, "0.91 ×, 30 MiB", "**no**: the wire"},
		{map[string]float64{"ratio": 0.9, "MiB": 31}, "0.9 ×, 31 MiB", "**no**: the wire"},
		{map[string]float64{"ratio": 0.9}, "0.9 ×, MiB was not measured", "**no**: the wire"},
		{nil, "", "not measured in this run"},
	} {
		if got, verdict := r.judge(test.values, true); got != test.got || verdict != test.verdict {
			t.Errorf("%v: %q, %q", test.values, got, verdict)
		}
	}
	r.why = ""
	for busy, want := range map[bool]string{false: "**no**: why is not known yet", true: "**no**, on a busy machine"} {
		if _, verdict := r.judge(map[string]float64{"ratio": 2, "MiB": 1}, busy); verdict != want {
			t.Errorf("busy %v: %q, want %q", busy, verdict, want)
		}
	}
}

func TestBusy(t *testing.T) {
	for _, test := range []struct {
		cores, load string
		want        bool
	}{{"2", "1.98, 9.00, 9.00", false}, {"2", "2.01, 0.00, 0.00", true}, {"", "", false}, {"2", "unknown", false}} {
		if got := (measured{machine: map[string]string{"cores": test.cores, "load-start": test.load}}).busy(); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestExponent(t *testing.T) {
	for _, test := range []struct {
		values []float64 // with 10, 100 and 1000 users
		want   string
	}{{[]float64{1, 10, 100}, "1"}, {[]float64{5, 5, 5}, "0"}, {[]float64{1, 100, 10_000}, "2"}} {
		var points []point
		for i, v := range test.values {
			points = append(points, point{[]int{10, 100, 1000}[i], map[string]float64{"s": v}})
		}
		if got := digits(exponent(points, "s")); got != test.want {
			t.Errorf("%v: %s", test.values, got)
		}
	}
}

func TestValue(t *testing.T) {
	for _, test := range []struct {
		unit string
		v    float64
		want string
	}{
		{"s", 0.0147, "14.7 ms"}, {"s", 1, "1 s"}, {"s", 123.4, "123 s"}, {"cpu-s", 2, "2 s of the processor"}, {"MiB", 29.96, "30 MiB"},
		{"refused%", 1.5, "1.5 % refused"}, {"unknown", 0, "0 unknown"}, {"calls/user", 2, "2 calls a user"}, {"MB", 22.1, "22.1 MB"}, {"ratio", 10, "10 ×"},
		{"calls", 1204, "1204 calls"}, {"more-MiB", 5, "5 MiB more than with a tenth of them"},
	} {
		if got := value(test.unit, test.v); got != test.want {
			t.Errorf("%s %v: %q, want %q", test.unit, test.v, got, test.want)
		}
	}
	if got := thousands(1_000_000) + " " + thousands(10_000) + " " + thousands(100); got != "1,000,000 10,000 100" {
		t.Error(got)
	}
}
