package php

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/safepath"
)

// SessionStore says where one server interface of PHP keeps sessions, as its settings say (docs/facts/uzerp.md §7).
type SessionStore struct {
	// Interface names it: "PHP 8.2 fpm, pool www".
	Interface string
	// Handler is session.save_handler: files, redis, memcached, user.
	Handler string
	// Path is the directory, Levels how many levels of directories it has, each named by a character of the session.
	Path   string
	Levels int
	// Serializer is session.serialize_handler.
	Serializer string
	// User is as whom the interface runs, "" if its settings don't say so.
	User string
	// Source is where Path stands: "/etc/php/8.2/fpm/php.ini line 12"; "" for the built-in default.
	Source string
	// Unknown means that only PHP knows one of the values.
	Unknown bool
}

// The settings that say where sessions are.
const (
	savePath    = "session.save_path"
	saveHandler = "session.save_handler"
	serializer  = "session.serialize_handler"
)

// debianSessions is what Debian and Ubuntu have built into PHP as the place of sessions. PHP's own is the system's
// directory for temporary files.
const (
	debianSessions = "/var/lib/php/sessions"
	otherSessions  = "/tmp"
)

// FindSessionStores returns where the server interfaces of this machine keep their sessions: each PHP of Debian's layout,
// the one of Red Hat's and of Docker's images, each of FPM's pools, and each place in Apache's settings that says something
// else. PHP's command line is none of them. root is "/" outside tests. It doesn't see what a program sets itself and what
// is in .htaccess. It fails as FindInis does.
func FindSessionStores(root string) ([]SessionStore, error) {
	debian, err := FindInis(filepath.Join(root, "etc/php"))
	if err != nil {
		return nil, err
	}
	var found []SessionStore
	for _, ini := range debian {
		if !ini.ServesPages() {
			continue
		}
		name := "PHP " + ini.Name()
		switch {
		case strings.HasPrefix(ini.SAPI, "fpm"):
			pools, err := readPools(filepath.Join(root, "etc/php", ini.Version, ini.SAPI, "pool.d"))
			if err != nil {
				return nil, err
			}
			found = append(found, poolStores(name, ini, pools, debianSessions)...)
		case strings.HasPrefix(ini.SAPI, "apache"):
			found = append(found, ini.store(name, debianSessions)) // Apache's PHP takes no notice of sections
			other, err := apacheStores(root, name, ini, debianSessions)
			if err != nil {
				return nil, err
			}
			found = append(found, other...)
		default:
			found = append(found, ini.stores(name, debianSessions)...)
		}
	}
	for _, other := range []struct{ ini, confD, pools string }{
		{"etc/php.ini", "etc/php.d", "etc/php-fpm.d"},
		{"usr/local/etc/php/php.ini", "usr/local/etc/php/conf.d", "usr/local/etc/php-fpm.d"},
	} {
		stores, err := oneLayout(root, other.ini, other.confD, other.pools)
		if err != nil {
			return nil, err
		}
		found = append(found, stores...)
	}
	return found, nil
}

// oneLayout reads the settings where a machine has one PHP for everything.
func oneLayout(root, iniPath, confD, poolD string) ([]SessionStore, error) {
	names, err := list(filepath.Join(root, confD))
	if err != nil {
		return nil, err
	}
	files := []string{filepath.Join(root, iniPath)}
	for _, name := range names {
		if strings.HasSuffix(name, ".ini") {
			files = append(files, filepath.Join(root, confD, name))
		}
	}
	files = slices.DeleteFunc(files, func(name string) bool { return !file.Exists(name) })
	pools, err := readPools(filepath.Join(root, poolD))
	if err != nil || len(files) == 0 && len(pools) == 0 {
		return nil, err
	}
	ini, err := ReadIni(files...)
	if err != nil {
		return nil, err
	}
	if len(pools) > 0 {
		return poolStores("PHP fpm", ini, pools, otherSessions), nil
	}
	stores, err := apacheStores(root, "PHP", ini, otherSessions)
	return append(ini.stores("PHP", otherSessions), stores...), err
}

// SessionStoresOf returns what one php.ini says about the places of sessions. It fails as ReadNamedIni does.
func SessionStoresOf(path string) ([]SessionStore, error) {
	ini, err := ReadNamedIni(path)
	if err != nil {
		return nil, err
	}
	return ini.stores("PHP", debianSessions), nil
}

// stores returns where the interface keeps sessions: a place for all pages, and one for each section that says something else for
// one host or directory.
func (ini *Ini) stores(name, standard string) []SessionStore {
	found := []SessionStore{ini.store(name, standard)}
	for _, section := range ini.Sections {
		if setsStore(section.Values) {
			found = append(found, ini.with(section.Values).store(name+", ["+section.Name+"]", standard))
		}
	}
	return found
}

// setsStore reports whether one of the values says where sessions are.
func setsStore(values map[string]IniValue) bool {
	for _, name := range []string{savePath, saveHandler, serializer} {
		if _, set := values[name]; set {
			return true
		}
	}
	return false
}

// store returns where the interface keeps sessions. standard is what is built into this PHP.
func (ini *Ini) store(name, standard string) SessionStore {
	path, handler, form := ini.Values[savePath], ini.Values[saveHandler], ini.Values[serializer]
	s := SessionStore{Interface: name, Handler: handler.Text, Serializer: form.Text, Unknown: path.Unknown || handler.Unknown || form.Unknown}
	if s.Path, s.Levels = splitSavePath(path.Text); s.Path == "" {
		s.Path = standard
	}
	s.Unknown = s.Unknown || s.inFiles() && !filepath.IsAbs(s.Path) // it begins where PHP happens to be
	if path.File != "" {
		s.Source = path.File + " line " + strconv.Itoa(path.Line)
	}
	return s
}

func (s *SessionStore) inFiles() bool { return s.Handler == "files" }

// splitSavePath splits N;/path and N;MODE;/path. What comes after that belongs to the path, as in PHP.
func splitSavePath(text string) (path string, levels int) {
	parts := strings.SplitN(text, ";", 3)
	path = parts[len(parts)-1]
	if len(parts) > 1 {
		levels, _ = strconv.Atoi(strings.TrimSpace(parts[0])) // PHP too takes what is no number for 0
	}
	return path, levels
}

// with returns the settings with these in place of its own.
func (ini *Ini) with(values map[string]IniValue) *Ini {
	other := *ini
	other.Values = maps.Clone(ini.Values)
	maps.Copy(other.Values, values)
	return &other
}

// pool is one of FPM's pools.
type pool struct {
	name, user string
	chroot     string // the pool's own root directory
	values     map[string]IniValue
}

// readPools reads the pools in a directory. What a file of FPM's says before its first pool is about none.
func readPools(dir string) ([]pool, error) {
	names, err := list(dir)
	if err != nil {
		return nil, err
	}
	var found []pool
	for _, name := range names {
		if !strings.HasSuffix(name, ".conf") {
			continue
		}
		if len(found) > maxIniFiles {
			return nil, ErrTooManyFiles
		}
		src, err := readable(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		found = append(found, parsePools(filepath.Join(dir, name), src)...)
	}
	return found, nil
}

// readable reads a file; one that this user may not read says nothing.
func readable(path string) ([]byte, error) {
	src, err := file.Read(path)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return src, err
}

func parsePools(path string, src []byte) []pool {
	var found []pool
	admin := map[string]bool{} // what php_admin_value sets wins over php_value, whatever the order is
	text := string(src)
	for line := 1; text != ""; {
		at := line
		entry, length := iniEntry(text)
		line += lines(text, length)
		text = text[length:]
		entry = strings.TrimSpace(entry)
		if name, ok := strings.CutPrefix(entry, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			found, admin = append(found, pool{name: name, values: map[string]IniValue{}}), map[string]bool{}
			continue
		}
		name, value, assigned := strings.Cut(entry, "=")
		if !assigned || len(found) == 0 {
			continue
		}
		name = strings.TrimSpace(name)
		v := IniValue{File: path, Line: at}
		p := &found[len(found)-1]
		v.Text, v.Unknown = iniText(strings.ReplaceAll(strings.Trim(value, " \t"), "$pool", p.name))
		switch name {
		case "user":
			p.user = v.Text
			continue
		case "chroot":
			p.chroot = v.Text
			continue
		}
		kind, setting, ok := strings.Cut(name, "[")
		setting = strings.Trim(strings.TrimSpace(strings.TrimSuffix(setting, "]")), `"'`)
		isAdmin := kind == "php_admin_value"
		switch _, set := p.values[setting]; {
		case !ok || !isAdmin && kind != "php_value", admin[setting] && !isAdmin:
		case set && admin[setting] == isAdmin: // they are applied from the last to the first, so the first one stays
		default:
			p.values[setting], admin[setting] = v, isAdmin
		}
	}
	return slices.DeleteFunc(found, func(p pool) bool { return p.name == "global" })
}

func poolStores(name string, ini *Ini, pools []pool, standard string) []SessionStore {
	if len(pools) == 0 {
		return ini.stores(name, standard)
	}
	var found []SessionStore
	for _, p := range pools {
		for _, s := range ini.with(p.values).stores(name+", pool "+p.name, standard) {
			s.User = p.user
			if p.chroot != "" && s.inFiles() {
				s.Path = filepath.Join(p.chroot, s.Path)
				s.Unknown = s.Unknown || !filepath.IsAbs(p.chroot)
			}
			found = append(found, s)
		}
	}
	return found
}

// apacheDirs are where Apache's settings are, on Debian and on Red Hat.
var apacheDirs = []string{
	"etc/apache2", "etc/apache2/conf-enabled", "etc/apache2/mods-enabled", "etc/apache2/sites-enabled", "etc/httpd/conf", "etc/httpd/conf.d",
}

// apacheStores returns a store for each of Apache's files that sets something else than php.ini. To which pages it applies
// is not looked at.
func apacheStores(root, name string, ini *Ini, standard string) ([]SessionStore, error) {
	var found []SessionStore
	for _, dir := range apacheDirs {
		names, err := list(filepath.Join(root, dir))
		if err != nil {
			return nil, err
		}
		for _, conf := range names {
			if !strings.HasSuffix(conf, ".conf") {
				continue
			}
			path := filepath.Join(root, dir, conf)
			src, err := readable(path)
			if safepath.IsUntrusted(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, values := range parseApache(path, src) {
				found = append(found, ini.with(values).store(name+", "+path, standard))
			}
		}
	}
	return found, nil
}

// parseApache returns what each section of a file sets: of several values of one setting each, because they may be those of
// different directories.
func parseApache(path string, src []byte) []map[string]IniValue {
	var found []map[string]IniValue
	section := map[string]IniValue{}
	end := func() {
		if len(section) > 0 {
			found, section = append(found, section), map[string]IniValue{}
		}
	}
	number := 0
	for line := range strings.Lines(strings.ReplaceAll(string(src), "\\\n", " \x00")) { // a line may go on in the next one
		number++
		at := number
		number += strings.Count(line, "\x00")
		line = strings.ReplaceAll(line, "\x00", " ")
		words := strings.Fields(line)
		if len(words) > 0 && strings.HasPrefix(strings.ToLower(words[0]), "<virtualhost") {
			end()
		}
		if len(words) > 0 && strings.HasPrefix(strings.ToLower(words[0]), "</virtualhost") {
			end()
		}
		if len(words) < 3 {
			continue
		}
		if kind := strings.ToLower(words[0]); kind != "php_admin_value" && kind != "php_value" {
			continue
		}
		setting := strings.Trim(words[1], `"'`)
		if setting != savePath && setting != saveHandler && setting != serializer {
			continue
		}
		value := strings.TrimSpace(line[strings.Index(line, words[1])+len(words[1]):])
		value = strings.Trim(value, `"'`)
		if _, again := section[setting]; again {
			found = append(found, maps.Clone(section))
		}
		section[setting] = IniValue{Text: value, File: path, Line: at, Unknown: strings.Contains(value, "${")}
	}
	end()
	return found
}
