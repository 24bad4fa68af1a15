package main

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	dials = regexp.MustCompile(`\bDialContext\b|\bnet\.Dial|\bDialTimeout\(|\bhttp\.(?:DefaultClient|Client\{|Get\(|Post\(|Head\()|` +
		`\bunix\.Connect\(|\.Lookup(?:Host|IP|NetIP|Addr)\(`)
	// usesNetwork are the places that make connections or look names up, and what their errors say.
	usesNetwork = map[string]string{
		"internal/twilio/transport.go":  "Verify: each error names host, port, proxy and setting with -v (TestEachNetworkErrorNamesItsWay)",
		"internal/db/libpq.go":          "the database: with -v each setting of the connection and where it is from (cmd/testdata/script/database_errors.txtar)",
		"internal/connect/same_host.go": "names of database servers, to compare them; one that can't be looked up counts as another server, which is told",
		"internal/audit/syslog.go":      "the machine's syslog, a socket here: it is tried and never waited for, and no command fails by it",
		"internal/sandbox/phones.go":    "the sandbox's own emulator on this machine: without it there is no sandbox here, which is told",
	}
)

// Nothing else uses the network: who adds something decides here what its errors say about the way.
func TestWhoUsesTheNetwork(t *testing.T) {
	found := map[string]bool{}
	tree := os.DirFS(".")
	for name := range goFiles(t, tree) {
		if dir := path.Dir(name); strings.HasSuffix(name, "_test.go") || strings.HasSuffix(dir, "test") || strings.HasPrefix(name, "internal/pgtemp/") {
			continue
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			t.Fatal(err)
		}
		if dials.Match(source) {
			found[name] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(usesNetwork)); !slices.Equal(got, want) {
		t.Errorf("these use the network: %q\nknown are: %q", got, want)
	}
}
