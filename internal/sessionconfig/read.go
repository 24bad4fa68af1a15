package sessionconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/installation/webconf"
)

// Place says where the settings are looked for.
type Place struct {
	Installation *installation.Installation // not used if EnvFile is set
	EnvFile      string                     // a file to read instead of the installation's conf/.env
	PHPIni       string                     // a php.ini; "" for those of every PHP under /etc/php
	Root         string                     // the root directory of the machine: "/" outside tests
	WebUser      installation.WebUser       // the user that the web server probably runs as; Name is "" if it isn't known
}

// Read returns everything that Check looks at. It fails with errs.Config; the error quotes nothing from any file.
func Read(p Place) (Input, error) {
	in, err := ReadEnv(p)
	if err == nil {
		err = in.readPHP(p)
	}
	if err == nil && in.Installation != nil && in.Env.Found {
		path, absErr := filepath.Abs(in.Env.Path)
		if absErr == nil {
			report := webconf.Find(p.Root, path)
			in.Web = &report
		}
	}
	return in, err
}

// ReadEnv is Read without PHP's own settings.
func ReadEnv(p Place) (Input, error) {
	in := Input{WebUser: p.WebUser}
	var err error
	if p.EnvFile != "" {
		in.Env, err = installation.ReadEnvFile(p.EnvFile)
		in.Looked = []file.Facts{in.Env.File}
		return in, err
	}
	in.Installation = p.Installation
	if in.Env, err = p.Installation.ReadEnv(); err != nil {
		return in, err
	}
	in.Looked = []file.Facts{in.Env.File}
	if in.Env.Misplaced != "" {
		in.look(in.Env.Misplaced)
	}
	in.look(p.Installation.ConfigPath())
	return in, nil
}

// readPHP adds PHP's own settings for sessions.
func (in *Input) readPHP(p Place) error {
	in.Cleaner = installation.FindSessionCleaner(p.Root)
	if p.PHPIni != "" {
		ini, err := php.ReadNamedIni(p.PHPIni)
		if err != nil {
			return installation.FileError(p.PHPIni, err)
		}
		in.PHP = []*php.Ini{ini}
	} else if err := in.findPHP(p.Root); err != nil {
		path := "/etc/php"
		if of, ok := errors.AsType[*fs.PathError](err); ok {
			path = of.Path
		}
		in.PHP, in.PHPProblem = nil, installation.FileError(path, err).Error()
	}
	in.Same = waysTo
	for _, ini := range in.PHP {
		for _, name := range ini.Files {
			if !slices.ContainsFunc(in.Looked, func(f file.Facts) bool { return f.Path == name }) {
				in.look(name)
			}
		}
	}
	return nil
}

// findPHP adds the settings of every PHP on the machine.
func (in *Input) findPHP(root string) error {
	app := ""
	if in.Installation != nil {
		app = in.Installation.Root
	}
	found, err := php.FindInterfaces(root, app)
	if err != nil {
		return err
	}
	in.PHP, in.NotRead = found.Inis, found.NotRead
	all, err := php.FindInis(filepath.Join(root, "etc/php"))
	for _, ini := range all {
		if !ini.ServesPages() {
			in.PHP = append(in.PHP, ini)
		}
	}
	return err
}

// waysTo returns the numbers of a directory and of those above it, nearest first; without them, its path.
func waysTo(dir string) (ways []string) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		way := dir
		if info, err := os.Stat(dir); err == nil {
			if id, ok := file.Identity(info); ok {
				way = id
			}
		}
		if ways = append(ways, way); dir == filepath.Dir(dir) {
			return ways
		}
	}
}

// look notes a file's owner and mode for the report.
func (in *Input) look(path string) { in.Looked = append(in.Looked, file.Look(path)) }
