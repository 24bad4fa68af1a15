package sessionconfig

import (
	"path/filepath"

	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/php"
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
	} else if found, err := php.FindInis(filepath.Join(p.Root, "etc/php")); err != nil {
		in.PHPProblem = installation.FileError("/etc/php", err).Error()
	} else {
		in.PHP = found
	}
	for _, ini := range in.PHP {
		for _, name := range ini.Files {
			in.look(name)
		}
	}
	return nil
}

// look notes a file's owner and mode for the report.
func (in *Input) look(path string) { in.Looked = append(in.Looked, file.Look(path)) }
