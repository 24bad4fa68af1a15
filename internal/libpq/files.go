package libpq

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
)

// longestFile is how much of a file is read.
const longestFile = 1 << 20

// systemDirectories are where the builds of libpq look for pg_service.conf: those of Debian, of PostgreSQL's own packages
// for Red Hat, of Alpine and Arch, and one built from source.
var systemDirectories = []string{"/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc/postgresql", "/usr/local/pgsql/etc"}

const seeServices = "see the service file; PGSERVICEFILE and PGSYSCONFDIR say where it is"

// readService reads the service, if one is named: in the user's file, or else in the machine's.
func (s *Settings) readService() error {
	name, from := s.Get("service"), s.From("service")
	if _, set := s.values["service"]; !set {
		name, from = os.Getenv("PGSERVICE"), "PGSERVICE"
	}
	if name == "" {
		return nil
	}
	users := inHome(".pg_service.conf")
	named := false
	if file, set := s.values["servicefile"]; set {
		users, named = file.text, true
	} else if file := os.Getenv("PGSERVICEFILE"); file != "" {
		users, named = file, true
	}
	var files []string
	if _, err := os.Stat(users); named || users != "" && err == nil {
		files = append(files, users)
	}
	directories := systemDirectories
	if dir := os.Getenv("PGSYSCONFDIR"); dir != "" {
		directories = []string{dir}
	}
	for _, dir := range directories {
		file := filepath.Join(dir, "pg_service.conf")
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
			break
		}
	}
	for _, file := range files {
		found, err := s.readServiceFile(file, name)
		if err != nil {
			return errs.New(errs.Config, "the service (from "+from+"): "+err.Error(), seeServices)
		}
		if found {
			return nil
		}
	}
	where := "there is no service file"
	if len(files) > 0 {
		where = "looked for in " + strings.Join(files, ", ")
	}
	return errs.New(errs.Config, "the service that "+from+" names is in no service file ("+where+")", seeServices)
}

func (s *Settings) readServiceFile(file, service string) (found bool, err error) {
	text, err := readFile(file)
	if err != nil {
		return false, fmt.Errorf("service file %s: %w", file, err)
	}
	n := 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		n++
		line := strings.Trim(string(line), blanks)
		at := fmt.Sprintf("line %d of %s", n, file)
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[':
			if found {
				return true, nil
			}
			found = strings.HasPrefix(line[1:], service+"]")
			continue
		case !found:
			continue
		case strings.HasPrefix(line, "ldap:"):
			return false, errors.New(at + " leads to an LDAP server, which this program does not ask")
		}
		name, text, ok := strings.Cut(line, "=")
		switch {
		case !ok:
			return false, errors.New(at + " has no =")
		case strings.TrimRight(name, blanks) != name:
			return false, errors.New(at + " has a blank before its =")
		case name == "service" || name == "servicefile":
			return false, errors.New(at + " names another service")
		}
		// libpq does not take these in a service file, but it does no harm to say what is wrong with them.
		if err := s.set(pair{name, text}, at, true, false); err != nil {
			return false, err
		}
	}
	return found, nil
}

// readFile reads a small file, and no device.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, pathless(err)
	}
	if info.IsDir() {
		return nil, errors.New("it is a directory")
	}
	f, err := os.Open(path) //nolint:gosec // the user of this program names it, and psql reads it too
	if err != nil {
		return nil, pathless(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, longestFile+1))
	if err == nil && len(text) > longestFile {
		err = errors.New("it is too big")
	}
	return text, pathless(err)
}

// pathless returns the reason of an error without the path.
func pathless(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// findPasswords looks up the passwords of the hosts in the password file, unless one is set.
func (s *Settings) findPasswords() error {
	if password := s.Get("password"); password != "" {
		for i := range s.Hosts {
			s.Hosts[i].Password = password
		}
		return nil
	}
	file := s.Get("passfile")
	if file == "" {
		file = inHome(".pgpass")
	}
	info, err := os.Stat(file)
	if file == "" || err != nil {
		if file != "" && !errors.Is(err, fs.ErrNotExist) {
			s.PassfileProblem = file + " can't be read: " + pathless(err).Error()
		}
		return nil
	}
	switch {
	case !info.Mode().IsRegular():
		s.PassfileProblem = file + " was not read: it is not a plain file"
		return nil
	case info.Mode().Perm()&0o077 != 0:
		s.PassfileProblem = fmt.Sprintf("%s was not read: others may use it (mode %04o), and it needs mode 0600", file, info.Mode().Perm())
		return nil
	}
	text, err := readFile(file)
	if err != nil {
		s.PassfileProblem = file + " can't be read: " + pathless(err).Error()
		return nil
	}
	for i, h := range s.Hosts {
		name := h.Name
		if name == "" {
			name = h.Addr
		}
		if h.defaultHost || name == socketDirectory() {
			name = "localhost"
		}
		s.Hosts[i].Password = findPassword(text, name, strconv.Itoa(h.Port), s.Database, s.User)
	}
	for _, h := range s.Hosts {
		if h.Password != s.Hosts[0].Password {
			return errs.New(errs.Config, "the hosts (from "+s.From("host")+") have different passwords in "+file+", and this program has one for all",
				"name one host, or write the password in one line for all of them")
		}
	}
	return nil
}

// findPassword returns the password of the first line that fits.
func findPassword(text []byte, parts ...string) string {
	if parts[2] == "" || parts[3] == "" {
		return ""
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimRight(line, "\r")
		if strings.HasPrefix(line, "#") {
			continue
		}
		rest, fits := line, true
		for _, part := range parts {
			if rest, fits = matchField(rest, part); !fits {
				break
			}
		}
		if !fits {
			continue
		}
		var b strings.Builder
		for i := 0; i < len(rest) && rest[i] != ':'; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			b.WriteByte(rest[i])
		}
		return b.String()
	}
	return ""
}

// matchField reports whether the first field of a line is part, or *, and returns what comes after it.
func matchField(line, part string) (rest string, ok bool) {
	if rest, ok := strings.CutPrefix(line, "*:"); ok {
		return rest, true
	}
	for i := 0; i < len(line); i++ {
		if line[i] == ':' && part == "" {
			return line[i+1:], true
		}
		if line[i] == '\\' {
			i++
		}
		if part == "" || i >= len(line) || line[i] != part[0] {
			return "", false
		}
		part = part[1:]
	}
	return "", false
}
