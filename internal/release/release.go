// Package release is what this program was built from, and the licences of what it is linked with.
//
// Its law: what is not certain is "unknown". The go command would write down the commit of the repository that the
// folder lies in, and that may be a packager's, with commits of its own. So the commit comes from `make`, which looks
// whose repository it is (scripts/ldflags.sh), or from the archive that git made of the commit.
package release

import (
	"bytes"
	"compress/gzip"
	_ "embed" // VERSION, ARCHIVE and the licences
	"encoding/json"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Unknown is said of what the program does not know about itself.
const Unknown = "unknown"

// The linker sets these (scripts/ldflags.sh).
var version, commit, date string

//go:embed VERSION
var sourceVersion string

// sourceArchive is `$Format:…$` in a checkout, and commit and time in what `git archive` makes of it.
//
//go:embed ARCHIVE
var sourceArchive string

// Build is what a program was built from.
type Build struct {
	Version string // of the program
	Commit  string // ends with -modified if there were changes that are in no commit
	Date    string // of the commit, and not of the build: who builds it again gets the same program
	Go      string // the version of Go that built it
}

// Read returns what this program was built from.
func Read() Build {
	b := read(version, commit, date, sourceArchive)
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Go = info.GoVersion
	}
	return b
}

func read(version, commit, date, archive string) Build {
	b := Build{Version: strings.TrimSpace(sourceVersion), Commit: Unknown, Date: Unknown, Go: Unknown}
	if words := strings.Fields(archive); len(words) == 2 && !strings.HasPrefix(archive, "$") {
		b.Commit = words[0]
		if seconds, err := strconv.ParseInt(words[1], 10, 64); err == nil {
			b.Date = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
		}
	}
	for _, set := range []struct {
		value string
		to    *string
	}{{version, &b.Version}, {commit, &b.Commit}, {date, &b.Date}} {
		if set.value != "" {
			*set.to = set.value
		}
	}
	return b
}

// maxText is how long all licences may be. They are in the program, so this only says that they are.
const maxText = 4 << 20

//go:embed licenses.json.gz
var packed []byte

// License is a file with a licence or a notice that must go with the program.
type License struct {
	Module  string `json:"module"`  // "Go" for the standard library and the runtime
	Version string `json:"version"` // of the program
	File    string `json:"file"`    // its path in the module
	Text    string `json:"text"`
}

// Licenses returns the licences and notices of all that the program is linked with, on any system, and of the data in it:
// Go first, then the modules by name. licenses_test.go collects them.
func Licenses() ([]License, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(unpacked, maxText))
	if err != nil {
		return nil, err
	}
	var all []License
	return all, json.Unmarshal(text, &all)
}
