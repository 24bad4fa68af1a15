package php

import (
	"cmp"
	"path/filepath"
	"strconv"
	"strings"

	"uzerp-mfa/internal/installation/file"
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

// FindSessionStores returns where the server interfaces of this machine keep their sessions, as FindInterfaces finds them, and
// what was not read: there may be more places then. It doesn't see what a program sets itself. It fails as FindInis does.
func FindSessionStores(root string) (found []SessionStore, notRead []file.NotRead, err error) {
	all, err := FindInterfaces(root, "")
	if err != nil {
		return nil, nil, err
	}
	for _, ini := range all.Inis {
		if ini.own == nil || setsStore(ini.own) {
			found = append(found, ini.store())
		}
	}
	return found, all.NotRead, nil
}

// SessionStoresOf returns what one php.ini says about the places of sessions. It fails as ReadNamedIni does.
func SessionStoresOf(path string) ([]SessionStore, error) {
	ini, err := ReadNamedIni(path)
	if err != nil {
		return nil, err
	}
	var found []SessionStore
	for _, part := range ini.withSections() {
		if part.own == nil || setsStore(part.own) {
			found = append(found, part.store())
		}
	}
	return found, nil
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

// store returns where the interface keeps sessions.
func (ini *Ini) store() SessionStore {
	path, handler, form := ini.Values[savePath], ini.Values[saveHandler], ini.Values[serializer]
	s := SessionStore{Interface: ini.Interface(), Handler: handler.Text, Serializer: form.Text, User: ini.user,
		Unknown: path.Unknown || handler.Unknown || form.Unknown}
	var known bool
	s.Path, s.Levels, known = ini.SessionDir()
	s.Unknown = s.Unknown || s.inFiles() && !known
	if path.File != "" {
		s.Source = path.File + " line " + strconv.Itoa(path.Line)
	}
	return s
}

// SessionDir returns the directory of sessions in files, and how many levels of directories it has. known is false if only PHP
// knows where it is.
func (ini *Ini) SessionDir() (path string, levels int, known bool) {
	text := ini.Values[savePath]
	path, levels = splitSavePath(text.Text)
	known = !text.Unknown
	switch {
	case path != "":
	case text.File != "": // an empty value takes the built-in one away: PHP then uses its directory for temporary files, often a private one
		path, known = otherSessions, false
	default:
		path = cmp.Or(ini.builtIn, debianSessions)
	}
	known = known && filepath.IsAbs(path) // another begins where PHP happens to be
	if ini.chroot != "" && ini.Values[saveHandler].Text == "files" {
		path, known = filepath.Join(ini.chroot, path), known && filepath.IsAbs(ini.chroot)
	}
	return path, levels, known
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
