package release

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "collect the licences anew")

var platforms = []string{
	"linux/amd64", "linux/arm64", "linux/arm", "linux/386", "linux/riscv64", "darwin/amd64", "darwin/arm64", "freebsd/amd64",
}

var goLicenses = []string{"LICENSE", "PATENTS"}

var licenseFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents|third[-_]party)`)

// numberingPlans is the library whose data, not code, is in the program (internal/numbering), and googlesPlans where it has
// them from. The library does not have Google's licence, which is the same as ours: the Apache License.
const (
	numberingPlans = "github.com/nyaruka/phonenumbers"
	googlesPlans   = "github.com/google/libphonenumber"
	googlesNotice  = "Copyright (C) 2009 The Libphonenumber Authors\n\n"
)

// linked returns the folders of the packages that the program is linked with on any of the platforms, or has data of, by
// "module version".
func linked(t *testing.T) map[string]map[string]string {
	t.Helper()
	modules := map[string]map[string]string{} // module and version -> folder of a package -> folder of its module
	list := func(platform string, arguments ...string) {
		goos, goarch, _ := strings.Cut(platform, "/")
		c := exec.CommandContext(t.Context(), "go", append([]string{"list"}, arguments...)...)
		c.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", platform, err, stderr.Bytes())
		}
		for line := range strings.Lines(string(out)) {
			part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(part) != 3 {
				continue
			}
			if modules[part[0]] == nil {
				modules[part[0]] = map[string]string{}
			}
			modules[part[0]][part[1]] = part[2]
		}
	}
	for _, platform := range platforms {
		list(platform, "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{$.Dir}}\t{{.Dir}}{{end}}{{end}}", "uzerp-mfa")
	}
	list(platforms[0], "-m", "-f", "{{.Path}} {{.Version}}\t{{.Dir}}\t{{.Dir}}", numberingPlans)
	return modules
}

// collect reads the licences of all that is linked: the files of each module, and of the folders in it down to the
// packages that are linked.
func collect(t *testing.T) []License {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []License
	for _, file := range goLicenses {
		all = append(all, readLicense(t, "Go", "", strings.TrimSpace(string(root)), file))
	}
	google := readLicense(t, googlesPlans, "", "../..", "LICENSE")
	google.Text = googlesNotice + google.Text
	all = append(all, google)
	for module, packages := range linked(t) {
		name, version, _ := strings.Cut(module, " ")
		files := map[string]bool{}
		for dir, top := range packages {
			for ; ; dir = filepath.Dir(dir) {
				entries, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if e.Type().IsRegular() && licenseFile.MatchString(e.Name()) && !strings.HasSuffix(e.Name(), ".go") {
						relative, err := filepath.Rel(top, filepath.Join(dir, e.Name()))
						if err != nil {
							t.Fatal(err)
						}
						if !files[relative] {
							files[relative] = true
							all = append(all, readLicense(t, name, version, top, relative))
						}
					}
				}
				if dir == top {
					break
				}
			}
		}
	}
	slices.SortStableFunc(all[len(goLicenses):], func(a, b License) int {
		return strings.Compare(a.Module+"\n"+a.File, b.Module+"\n"+b.File)
	})
	return all
}

func readLicense(t *testing.T, module, version, top, file string) License {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS(top), filepath.ToSlash(file))
	if errors.Is(err, fs.ErrNotExist) && module == "Go" && !*update { // some distributions' Go has none there
		return License{Module: module, File: file}
	}
	if err != nil {
		t.Fatal(err)
	}
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == '\ufeff' {
			return -1
		}
		return r
	}, strings.ReplaceAll(string(text), "\r\n", "\n"))
	return License{module, version, filepath.ToSlash(file), strings.Trim(clean, "\n") + "\n"}
}

// Each module that the program is linked with has its licence in the program, and nothing else has: a new module without
// its text is red here. `go test ./internal/release -update` collects them.
func TestLicenses(t *testing.T) {
	want := collect(t)
	if *update {
		writeLicenses(t, want)
	}
	for module := range linked(t) {
		name, _, _ := strings.Cut(module, " ")
		if !slices.ContainsFunc(want, func(l License) bool { return l.Module == name && !strings.Contains(l.File, "/") }) {
			t.Errorf("%s has no file with its licence: find out whether it may be used", name)
		}
	}
	got, err := Licenses()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		return // what is embedded is what was there when the test was built
	}
	key := func(l License) string { return strings.Join([]string{l.Module, l.Version, l.File}, " ") }
	for _, l := range want {
		at := slices.IndexFunc(got, func(g License) bool { return key(g) == key(l) })
		switch {
		case at < 0:
			t.Errorf("not in the program: %s", key(l))
		case got[at].Text != l.Text && l.Module != "Go": // other versions of Go may have another year
			t.Errorf("another text: %s", key(l))
		}
	}
	for _, l := range got {
		if !slices.ContainsFunc(want, func(w License) bool { return key(w) == key(l) }) {
			t.Errorf("in the program, and not linked any more: %s", key(l))
		}
	}
	if t.Failed() {
		t.Log("go test ./internal/release -update collects the licences anew")
	}
}

func writeLicenses(t *testing.T, all []License) {
	t.Helper()
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("licenses.json.gz", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The one module with a NOTICE file, whose text must go with the program, Go itself, and the data of the numbering plans.
func TestNotices(t *testing.T) {
	if *update {
		return // as in TestLicenses
	}
	all, err := Licenses()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Go LICENSE", "github.com/pquerna/otp NOTICE", "github.com/pquerna/otp LICENSE", "github.com/spf13/cobra LICENSE.txt",
		googlesPlans + " LICENSE", numberingPlans + " LICENSE"} {
		if !slices.ContainsFunc(all, func(l License) bool { return l.Module+" "+path.Base(l.File) == want && l.Text != "" }) {
			t.Errorf("missing: %s", want)
		}
	}
}
