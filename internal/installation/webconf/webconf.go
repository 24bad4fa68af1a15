package webconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/safepath"
)

// Access is who gets a file.
type Access int

// The kinds of access, the most open last.
const (
	Denied  Access = iota // nobody
	Limited               // those whom an address or a password lets in
	Open                  // everybody
)

// Way is a way on which a web server hands out the file.
type Way struct {
	Server  string // "Apache", "nginx"
	URL     string // "/conf/.env"
	Place   string // the line that makes the directory reachable: "DocumentRoot in /etc/… line 3"
	Access  Access // Limited or Open
	Unclear []string
}

// Report says what the configuration of this machine's web servers does with a file.
type Report struct {
	Ways    []Way    // on which the file may be fetched; none if every way that was found is closed
	Servers []string // whose configuration was read
	NotRead []file.NotRead
	Unclear []string // lines that may make the file reachable, and that are not understood
}

// Find judges the file at path, which is absolute. root is "/" outside tests.
func Find(root, path string) Report {
	r := &reader{target: newTarget(path)}
	r.apache(root)
	r.nginx(root)
	return r.report
}

// maxFiles is how many files of a web server's configuration are read.
const maxFiles = 2000

// reader reads configurations, and judges.
type reader struct {
	target target
	report Report
	files  int
	// notIncluded are lines that include files whose names are not known here.
	notIncluded []*directive
}

func (r *reader) notRead(path, reason string) {
	if n := (file.NotRead{Path: path, Reason: reason}); !slices.Contains(r.report.NotRead, n) {
		r.report.NotRead = append(r.report.NotRead, n)
	}
}

func (r *reader) unclear(d *directive) { r.report.Unclear = noted(r.report.Unclear, d.named()) }

func (r *reader) notInclude(d *directive) {
	r.unclear(d)
	r.notIncluded = append(r.notIncluded, d)
}

// maxNoted is how many lines that are not understood are named for one way: who writes a .htaccess may write as many as he likes.
const maxNoted = 10

// noted returns the names of lines with one more, if there are not too many.
func noted(lines []string, line string) []string {
	switch {
	case len(lines) > maxNoted || slices.Contains(lines, line):
		return lines
	case len(lines) == maxNoted:
		return append(lines, "more lines that are not named here")
	default:
		return append(lines, line)
	}
}

func (r *reader) way(w Way) {
	if w.Access != Denied {
		r.report.Ways = append(r.report.Ways, w)
	}
}

// read returns the text of a file of the configuration.
func (r *reader) read(path string) (text string, ok bool) {
	if r.files++; r.files > maxFiles {
		r.notRead(path, "there are too many files")
		return "", false
	}
	src, err := file.Read(path)
	switch {
	case err == nil:
		return string(src), true
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, fs.ErrPermission):
		r.notRead(path, "it can not be read")
	case safepath.IsUntrusted(err):
		r.notRead(path, "it belongs to another user than the link to it")
	default:
		r.notRead(path, "it is no file that could be read")
	}
	return "", false
}

// included returns the files that a line includes. base is what a relative path begins with.
func (r *reader) included(d *directive, base string) []string {
	pattern := d.arg(0)
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(base, pattern)
	}
	if strings.Contains(pattern, "$") {
		r.notInclude(d)
		return nil
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		r.notInclude(d)
	}
	if dir := filepath.Dir(pattern); len(paths) == 0 {
		if _, err := names(dir); errors.Is(err, fs.ErrPermission) {
			r.notRead(dir, "it can not be listed")
		}
	}
	var files []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() { // Apache takes all that is in it
			more, _ := filepath.Glob(filepath.Join(path, "*"))
			files = append(files, more...)
			continue
		}
		files = append(files, path)
	}
	return files
}

// directive is a line of a configuration, or a block.
type directive struct {
	name     string // in lower case
	written  string // as it is written
	args     []string
	file     string
	line     int
	children []*directive
	maybe    *directive // a condition that it stands in and that only the web server knows
	into     *directive // the block that its lines are lines of, if it is a condition
}

func (d *directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

// named returns "RewriteRule in /etc/apache2/x.conf line 3".
func (d *directive) named() string {
	return fmt.Sprintf("%s in %s line %d", d.written, d.file, d.line)
}

// target is the file that is looked for.
type target struct {
	path string
	name string
	ways []step // the directories above it, nearest first
}

// step is a directory above the file, and the way from there.
type step struct{ id, rest string }

func newTarget(path string) target {
	t := target{path: path, name: filepath.Base(path)}
	dir := filepath.Dir(path)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for rest := t.name; ; dir = filepath.Dir(dir) {
		t.ways = append(t.ways, step{identity(dir), rest})
		if dir == filepath.Dir(dir) {
			return t
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}

// names returns the names in a directory, in order.
func names(dir string) ([]string, error) {
	d, err := safepath.OpenDir(dir, file.Anyone)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	found, err := d.Names()
	slices.Sort(found)
	return found, err
}

// identity returns what two names of one directory have in common; its path where that can't be known.
func identity(dir string) string {
	if info, err := os.Stat(dir); err == nil {
		if id, ok := file.Identity(info); ok {
			return id
		}
	}
	return filepath.Clean(dir)
}

// maxNames is how many names in a directory are looked at for links.
const maxNames = 1000

// below returns the ways from a directory to the file: over the directories that it is in, and over a link in dir itself.
func (t target) below(dir string) (rests []string) {
	id := identity(dir)
	for _, s := range t.ways {
		if s.id == id {
			return []string{s.rest}
		}
	}
	all, _ := names(dir) // without them, links in dir are not known
	for _, name := range all[:min(len(all), maxNames)] {
		id := identity(filepath.Join(dir, name))
		for _, s := range t.ways[:max(0, len(t.ways)-1)] { // a link to / is nobody's
			if s.id == id {
				rests = append(rests, filepath.Join(name, s.rest))
			}
		}
	}
	return rests
}

// add adds a line to a block, or to the one that the block's lines are lines of.
func (d *directive) add(child *directive) {
	if d.into != nil {
		d = d.into
	}
	d.children = append(d.children, child)
}
