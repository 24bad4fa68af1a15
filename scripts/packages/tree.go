package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Where things are in an installation.
const (
	documents = "usr/share/doc/" + program
	examples  = documents + "/examples"
	units     = "usr/lib/systemd/system"
)

// layout writes files of an installation into a folder.
type layout struct {
	b       *build
	dir     string
	kind    string // deb, rpm, or source: for `make install` and the .tar.gz
	program string // one that runs on this machine
}

// lay lays out an installation in dir, with the program binary. The names begin with usr or etc.
func (b *build) lay(dir, binary, kind string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	l := &layout{b: b, dir: dir, kind: kind, program: b.program}
	text, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	return errors.Join(
		l.write("usr/bin/"+program, text, 0o755),
		l.completions(),
		l.manual(),
		l.documents(),
		l.licenses(),
		l.examples(),
		l.scripts("examples", examples),
		l.service(),
		l.folders(),
	)
}

// folders sets the mode of all folders: the user's umask may have kept others out.
func (l *layout) folders() error {
	return walk(l.dir, func(name string, info fs.FileInfo) error {
		if !info.IsDir() {
			return nil
		}
		return os.Chmod(filepath.Join(l.dir, name), 0o755) //nolint:gosec // everybody may read it
	})
}

// write makes one file. Modes and times don't depend on the user's umask and clock.
func (l *layout) write(name string, text []byte, mode fs.FileMode) error {
	file := filepath.Join(l.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // everybody may read it
		return err
	}
	if err := os.WriteFile(file, text, mode); err != nil {
		return err
	}
	return errors.Join(os.Chmod(file, mode), os.Chtimes(file, l.b.time, l.b.time))
}

// file copies one file.
func (l *layout) file(from, to string, mode fs.FileMode) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return l.write(to, text, mode)
}

// copy copies all files of a folder that end in one of the endings.
func (l *layout) copy(from, to string, endings ...string) error {
	return fs.WalkDir(os.DirFS("."), from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative := strings.TrimPrefix(strings.TrimPrefix(name, from), "/")
		if len(endings) > 0 && !hasSuffix(name, endings) {
			return nil
		}
		return l.file(name, path.Join(to, relative), 0o644)
	})
}

// scripts copies all files of a folder. Those that begin with "#!" can be run, whatever modes the checkout has.
func (l *layout) scripts(from, to string) error {
	return fs.WalkDir(os.DirFS("."), from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(text, []byte("#!")) {
			mode = 0o755
		}
		return l.write(path.Join(to, strings.TrimPrefix(name, from)), text, mode)
	})
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func hasSuffix(name string, endings []string) bool {
	for _, e := range endings {
		if strings.HasSuffix(name, e) {
			return true
		}
	}
	return false
}

// squeeze compresses as gzip -9n does: without a name and a time.
func squeeze(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(text)
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

func (l *layout) writeSqueezed(name string, text []byte) error {
	packed, err := squeeze(text)
	if err != nil {
		return err
	}
	return l.write(name+".gz", packed, 0o644)
}

func (l *layout) completions() error {
	zsh := "usr/share/zsh/site-functions"
	if l.kind == "deb" {
		zsh = "usr/share/zsh/vendor-completions"
	}
	for shell, name := range map[string]string{
		"bash": "usr/share/bash-completion/completions/" + program,
		"zsh":  zsh + "/_" + program,
		"fish": "usr/share/fish/vendor_completions.d/" + program + ".fish",
	} {
		text, err := output(l.program, "completion", shell)
		if err != nil {
			return err
		}
		if err := l.write(name, []byte(text+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// manual puts the manual pages in the folders of their sections.
func (l *layout) manual() error {
	if l.b.noManual {
		return nil
	}
	pages, err := os.MkdirTemp("", "man")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(pages) }()
	epoch := fmt.Sprintf("SOURCE_DATE_EPOCH=%d", l.b.time.Unix())
	if err := goCommand([]string{epoch}, "run", "-buildvcs=false", "-ldflags", l.b.flags, "./scripts/man", pages); err != nil {
		return err
	}
	section := regexp.MustCompile(`\.([1-9])$`)
	return walk(pages, func(name string, info fs.FileInfo) error {
		found := section.FindStringSubmatch(name)
		if info.IsDir() || found == nil {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(pages, name))
		if err != nil {
			return err
		}
		return l.writeSqueezed("usr/share/man/man"+found[1]+"/"+path.Base(name), text)
	})
}

func (l *layout) documents() error {
	if err := errors.Join(l.file("README.md", documents+"/README.md", 0o644), l.copy("docs", documents+"/docs", ".md"),
		l.copy("docs/performance", documents+"/docs/performance", ".svg")); err != nil {
		return err
	}
	if schemas := path.Join("docs", "schema"); exists(schemas) {
		if err := l.copy(schemas, "usr/share/"+program+"/schema", ".json"); err != nil {
			return err
		}
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if errors.Is(err, fs.ErrNotExist) {
		changes, err = []byte("uzerp-mfa "+l.b.version+"\n"), nil
	}
	if err != nil {
		return err
	}
	if l.kind != "deb" {
		return l.write(documents+"/CHANGELOG.md", changes, 0o644)
	}
	debian := fmt.Sprintf("%s (%s-1) unstable; urgency=medium\n\n  * changelog.gz says what is new.\n\n -- %s  %s\n",
		program, l.b.version, maintainer, l.b.time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	return errors.Join(l.writeSqueezed(documents+"/changelog", changes), l.writeSqueezed(documents+"/changelog.Debian", []byte(debian)))
}

// licenses writes the program's own licence, and those of what it is linked with.
func (l *layout) licenses() error {
	linked, err := output(l.program, "version", "--licenses")
	if err != nil {
		return err
	}
	linked += "\n"
	if l.kind != "deb" {
		return errors.Join(l.file("LICENSE", documents+"/LICENSE", 0o644), l.write(documents+"/THIRD_PARTY", []byte(linked), 0o644))
	}
	head, err := os.ReadFile("packaging/debian/copyright")
	if err != nil {
		return err
	}
	// Debian wants all licences in one file.
	var text strings.Builder
	text.Write(head)
	text.WriteString("\nFiles: usr/bin/uzerp-mfa\nCopyright: the authors of what it is linked with, named below\nLicense: various\n")
	for line := range strings.Lines(linked) {
		if line = strings.TrimRight(line, " \n"); line == "" {
			line = "."
		}
		text.WriteString(" " + line + "\n")
	}
	return errors.Join(
		l.write(documents+"/copyright", []byte(text.String()), 0o644),
		l.file("packaging/debian/lintian-overrides", "usr/share/lintian/overrides/"+program, 0o644),
	)
}

// sudoers returns the rules of docs/sudo.md, for the program of a package.
func sudoers() (string, error) {
	page, err := os.ReadFile("docs/sudo.md")
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(string(page), "```\nCmnd_Alias")
	rules, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		return "", errors.New("docs/sudo.md has no rules to copy")
	}
	return "# Rules for /etc/sudoers.d/uzerp-mfa, mode 0440. First read /" + documents + "/docs/sudo.md, and check them with visudo -c.\n" +
		"Cmnd_Alias" + strings.ReplaceAll(rules, "/usr/local/bin/", "/usr/bin/"), nil
}

// examples are what an administrator may copy. A package has the most of it in place.
func (l *layout) examples() error {
	rules, err := sudoers()
	if err != nil {
		return err
	}
	if err := l.write(examples+"/sudoers", []byte(rules), 0o644); err != nil || l.kind != "source" {
		return err
	}
	rotate, err := l.logrotate()
	if err != nil {
		return err
	}
	return errors.Join(
		l.write(examples+"/logrotate", rotate, 0o644),
		l.file("packaging/policy.env", examples+"/policy.env", 0o644),
		l.file("packaging/timers.env", examples+"/timers.env", 0o644),
		l.copy("packaging/systemd", examples+"/systemd"),
		l.file("packaging/mail-findings", examples+"/systemd/mail-findings", 0o755),
	)
}

// service writes what a package has outside of the program: the timers, which are off, and settings.
func (l *layout) service() error {
	if l.kind == "source" {
		return nil
	}
	rotate, err := l.logrotate()
	if err != nil {
		return err
	}
	return errors.Join(
		l.write("etc/logrotate.d/"+program, rotate, 0o644),
		l.file("packaging/policy.env", "etc/"+program+"/policy.env", 0o644),
		l.file("packaging/timers.env", "etc/"+program+"/timers.env", 0o644),
		l.copy("packaging/systemd", units),
		l.file("packaging/mail-findings", "usr/lib/"+program+"/mail-findings", 0o755),
	)
}

func (l *layout) logrotate() ([]byte, error) {
	text, err := os.ReadFile("packaging/logrotate")
	if l.kind != "deb" || err != nil { // only Debian always has a user www-data
		return text, err
	}
	more, err := os.ReadFile("packaging/logrotate.www-data")
	return append(text, more...), err
}
