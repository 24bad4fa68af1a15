package installation

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/safepath"
)

// EnvFile is a conf/.env, or a draft of one, as uzERP's reader sees it.
type EnvFile struct {
	Path      string // the path as messages name it
	Found     bool
	Misplaced string              // the path of a config/.env, which nothing reads, if there is no conf/.env
	Syntax    *dotenv.SyntaxError // the line that uzERP's reader rejects; then there are no Settings
	Settings  map[string]dotenv.Setting
	Warnings  []dotenv.Warning
	File      file.Facts
	Dir       file.Facts   // of conf/; empty for a draft elsewhere
	Copies    []file.Facts // the files beside it that seem to be copies, such as backups; nobody looks for those of a draft
	CopiesErr error        // why nobody could look for them

	source []byte
	fixed  error // a *file.NotReplaceableError, if no other file can be put in its place
}

// ReadEnv reads conf/.env. A missing file is no error. It fails with errs.Config; the error quotes nothing from the
// file.
func (i *Installation) ReadEnv() (EnvFile, error) {
	env, err := readEnv(i.DotenvPath())
	if err != nil {
		return EnvFile{}, err
	}
	if i.Misplaced {
		env.Misplaced = filepath.Join(i.Root, MisplacedFile)
	}
	dir := filepath.Dir(env.Path)
	if env.Dir, err = file.Stat(dir); err != nil {
		return EnvFile{}, FileError(dir, err)
	}
	env.Copies, env.CopiesErr = copies(dir)
	return env, nil
}

// sample are the endings of files that show what a conf/.env looks like, and hold no passwords.
var sample = []string{".example", ".sample", ".dist", ".default", ".template"}

// copies returns the facts of the files in dir whose names begin as that of conf/.env does.
func copies(dir string) ([]file.Facts, error) {
	d, err := safepath.OpenDir(dir, file.Anyone)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Names()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var found []file.Facts
	for _, name := range names {
		isSample := slices.ContainsFunc(sample, func(end string) bool { return strings.HasSuffix(name, end) })
		if rest, like := strings.CutPrefix(name, ".env"); !like || rest == "" || isSample {
			continue
		}
		if facts := file.Look(filepath.Join(dir, name)); facts.Exists && facts.Mode.IsRegular() && !facts.Symlink {
			found = append(found, facts)
		}
	}
	return found, nil
}

// ReadEnvFile reads the file at path, which must exist. If that is the config/.env of an installation, Misplaced is
// set, because nothing reads the file there. It fails with errs.Config; the error quotes nothing from the file.
func ReadEnvFile(path string) (EnvFile, error) {
	env, err := readEnv(path)
	if err == nil && !env.Found {
		err = FileError(path, fs.ErrNotExist)
	}
	if err != nil {
		return EnvFile{}, err
	}
	absolute, err := filepath.Abs(path)
	if root := filepath.Dir(filepath.Dir(absolute)); err == nil && absolute == filepath.Join(root, MisplacedFile) && IsRoot(root) {
		env.Misplaced, env.Path = path, filepath.Join(root, DotenvFile)
	}
	return env, nil
}

func readEnv(path string) (EnvFile, error) {
	env := EnvFile{Path: path}
	source, facts, err := file.ReadFacts(path)
	env.File = facts
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return env, nil
	case errors.Is(err, syscall.EISDIR):
		return env, FileError(path, safepath.ErrNotRegular)
	case err != nil:
		return env, FileError(path, err)
	}
	env.Found, env.fixed = true, file.LookReplaceable(path)
	return env.with(source)
}

// with returns the file as uzERP's reader would see it with another content.
func (e EnvFile) with(source []byte) (EnvFile, error) {
	e.source, e.Syntax, e.Settings, e.Warnings = source, nil, nil, nil
	d, err := dotenv.Parse(source)
	if syntax, ok := errors.AsType[*dotenv.SyntaxError](err); ok {
		e.Syntax = syntax
		return e, nil
	}
	if err == nil {
		e.Warnings = d.Warnings
		e.Settings, err = d.Settings()
	}
	if err != nil {
		return e, FileError(e.Path, err)
	}
	return e, nil
}

// Editable returns nil if a setting that is written into the file would have an effect. It fails with errs.Config if
// the file is missing, if uzERP doesn't read it, or if it has a line that uzERP's reader rejects.
func (e EnvFile) Editable() error {
	switch {
	case e.Misplaced != "":
		return errs.New(errs.Config, fmt.Sprintf("nothing reads %s: uzERP reads %s", e.Misplaced, e.Path), "move the file there first")
	case !e.Found:
		return errs.New(errs.Config, e.Path+" does not exist",
			"make it, readable for the web server only: install -m 0640 -g "+webGroup()+" /dev/null "+e.Path)
	case e.Syntax != nil:
		return errs.New(errs.Config,
			fmt.Sprintf("%s line %d: uzERP's reader rejects this line, so nothing in the file has an effect (%s)", e.Path, e.Syntax.Line, e.Syntax.Reason()),
			"correct that line first")
	}
	return nil
}

// NotReplaceable returns the error for a file in whose place no other can be put: errs.Refused, with what to do. err is or wraps a
// *file.NotReplaceableError.
func NotReplaceable(err error) error {
	hint := ""
	if e, ok := errors.AsType[*file.NotReplaceableError](err); ok {
		err, hint = e, "nothing was changed; "+e.Advice
	}
	return &errs.Error{Kind: errs.Refused, Err: err, Hint: errs.Plain(hint)}
}

// FileError returns the error for a file that can't be read: errs.Config, with the path and the reason.
func FileError(path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	hint := ""
	if untrusted, ok := errors.AsType[*safepath.UntrustedError](err); ok {
		path, err = untrusted.Path, errors.New(untrusted.Reason)
		hint = "name the file itself, and check who may change it and the directories above it"
	}
	if errors.Is(err, fs.ErrPermission) {
		hint = "run it as root or as the web server's user"
	}
	return &errs.Error{Kind: errs.Config, Op: path, Err: err, Hint: errs.Plain(hint)}
}
