package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/joho/godotenv"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/safepath"
)

// trust says whose settings files are believed: root's, the web server's, and those of the user that this process runs
// as. Through sudo that is root: the caller's own files don't count, because a helpdesk operator who may run this
// program as root could otherwise choose where root's passwords are sent (~/.pgpass), and whose answers are believed.
func (l *Loader) trust() safepath.Trust {
	t := safepath.Ourselves()
	for _, web := range installation.WebUsers(l.WebUsers) {
		t.UIDs = append(t.UIDs, web.UID)
		if web.OwnGroup {
			t.GIDs = append(t.GIDs, web.GID)
		}
	}
	return t
}

// open reads the installation at root. source says where that path came from.
func (l *Loader) open(root, source string) (*installation.Installation, error) {
	inst, err := installation.Open(root, l.trust())
	switch {
	case errors.Is(err, installation.ErrNotInstallation):
		return nil, errs.New(errs.Config, fmt.Sprintf("%s: %q is not a uzERP directory", source, root),
			"name the directory that holds system.php and conf/")
	case safepath.IsUntrusted(err):
		return nil, &errs.Error{Kind: errs.Config, Op: fmt.Sprintf("%s %q is not believed to be uzERP's", source, root), Err: err,
			Hint: ReasonStrangers.With()}
	case err != nil:
		return nil, &errs.Error{Kind: errs.Config, Op: "read uzERP's settings", Err: err}
	}
	return inst, nil
}

// readEnvFile reads --env-file. It doesn't wrap godotenv's errors, because they quote the rest of the file.
func (l *Loader) readEnvFile(path string) (map[string]string, error) {
	source, err := l.readNamed(path)
	if err != nil {
		hint := errs.Hint{}
		if safepath.IsUntrusted(err) {
			hint = ReasonStrangersFile.With()
		} else if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathError.Err
		}
		return nil, &errs.Error{Kind: errs.Config, Op: fmt.Sprintf("--%s %q", FlagEnvFile, path), Err: err, Hint: hint}
	}
	if grows(source) {
		return nil, &errs.Error{Kind: errs.Config, Op: fmt.Sprintf("--%s %q", FlagEnvFile, path), Err: dotenv.ErrTooLarge}
	}
	values, err := godotenv.UnmarshalBytes(source)
	if err != nil {
		return nil, errs.New(errs.Config, fmt.Sprintf("--%s %q: not a file of NAME=value lines", FlagEnvFile, path), "")
	}
	return values, nil
}

// maxExpanded is how large the values of --env-file may become when each variable in them is replaced, in bytes.
const maxExpanded = 64 << 20

var reference = pattern.Lazy(`\$\{?[A-Z0-9_]`)

// grows reports whether the values of the file could become larger than maxExpanded. godotenv replaces each variable by
// a value from an earlier line, and so a few lines could fill the memory. No value is longer than all text before it.
func grows(source []byte) bool {
	size := 0
	for line := range bytes.Lines(source) {
		size += len(line) + len(reference().FindAllIndex(line, -1))*size
		if size > maxExpanded {
			return true
		}
	}
	return false
}

// readNamed reads a file that the caller has named. What the caller has opened is read as it is: the caller's own rights
// have decided that, and not root's.
func (l *Loader) readNamed(path string) ([]byte, error) {
	fd, is := safepath.Inherited(path)
	if !is {
		return safepath.ReadFile(path, l.trust(), file.MaxSize)
	}
	own, err := syscall.Dup(fd)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(own), path)
	defer func() { _ = f.Close() }()
	return safepath.ReadAll(f, file.MaxSize)
}
