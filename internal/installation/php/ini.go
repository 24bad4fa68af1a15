package php

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/safepath"
)

// iniDefaults are the settings that matter here, with PHP's built-in values. These count if no file sets them.
var iniDefaults = map[string]string{
	"session.gc_maxlifetime":    "1440",
	"session.gc_probability":    "1",
	"session.gc_divisor":        "100",
	"session.cookie_secure":     "0",
	"session.cookie_httponly":   "0",
	"session.save_path":         "",
	"session.save_handler":      "files",
	"session.serialize_handler": "php",
	"variables_order":           "EGPCS",
	"curl.cainfo":               "",
	"openssl.cafile":            "",
}

// Ini is the configuration of one server interface of PHP, of FPM for instance.
type Ini struct {
	Version, SAPI string // "8.2", "fpm"; empty if only files were read
	Files         []string
	Values        map[string]IniValue // by lower-case name, the built-in defaults included
	// Sections are those that count for one host or one directory only. What they say is not in Values.
	Sections []IniSection
	// assigned says how many settings the files have, those of FPM's pools left out.
	assigned int
	poolFile bool // a file has settings of FPM's pools, which PHP would not take from a php.ini

	Part         string              // what of the interface these are the settings of, such as "pool www"; "" for all of it
	of           *Ini                // what php.ini says; nil if these are the settings
	own          map[string]IniValue // what a section or a file of Apache's sets; nil for an interface and for a pool
	builtIn      string              // where this PHP keeps sessions if nothing says so
	user, chroot string              // of a pool of FPM's
	fixed        map[string]bool     // what the administrator has set in that pool
}

// IniSection is what one [HOST=…] or [PATH=…] says, as PHP reads it (docs/facts/uzerp.md §7).
type IniSection struct {
	Name   string // "HOST=erp.example.com"
	Values map[string]IniValue
}

// Name returns, for example, "8.2 fpm", or "" if only files were read.
func (ini *Ini) Name() string { return strings.TrimSpace(ini.Version + " " + ini.SAPI) }

// ServesPages reports whether this interface serves pages. PHP's command line and its debugger don't.
func (ini *Ini) ServesPages() bool { return ini.SAPI != "cli" && ini.SAPI != "phpdbg" }

// IniValue is a value and where it stands.
type IniValue struct {
	Text    string
	File    string // "" for PHP's built-in default
	Line    int
	Unknown bool // it contains ${…} or a constant, whose value only PHP knows
}

// Bool reports whether PHP takes the value for true: true, yes, on or a number other than 0.
func (v IniValue) Bool() bool {
	switch strings.ToLower(v.Text) {
	case "true", "yes", "on":
		return true
	}
	n, _ := v.Int()
	return n != 0
}

// Int returns the number at the beginning of the value, times its K, M or G, and 0 if there is none. PHP does the same.
// ok reports whether the whole value is such a number.
func (v IniValue) Int() (n int64, ok bool) {
	text := strings.Trim(v.Text, Blank)
	end := 0
	for end < len(text) && (isDigit(text[end]) || end == 0 && (text[0] == '-' || text[0] == '+')) {
		end++
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return 0, false
	}
	switch rest := strings.ToUpper(text[end:]); rest {
	case "":
		return n, true
	case "K", "M", "G":
		for range strings.Index("KMG", rest) + 1 {
			n *= 1 << 10
		}
		return n, true
	default:
		return n, false
	}
}

// ErrNoIni means that a file is no php.ini: it has no setting, or those of FPM's pools.
var ErrNoIni = errors.New("this is no php.ini: it has no line with a setting, as name = value, that PHP reads there")

// ReadNamedIni reads one php.ini that somebody has named. It fails with ErrNoIni, and as ReadIni does.
func ReadNamedIni(path string) (*Ini, error) {
	ini, err := ReadIni(path)
	if err == nil && (ini.assigned == 0 || ini.poolFile) {
		return nil, ErrNoIni
	}
	return ini, err
}

// ReadIni reads the files in their order; a later file wins. Values in [PATH=…] and [HOST=…] sections are kept apart,
// because they don't count for all pages. It fails with the errors of file.Read.
func ReadIni(files ...string) (*Ini, error) {
	ini := &Ini{Files: files, Values: map[string]IniValue{}}
	for name, text := range iniDefaults {
		ini.Values[name] = IniValue{Text: text}
	}
	for _, name := range files {
		src, err := file.Read(name)
		if err != nil {
			return nil, err
		}
		ini.read(name, src)
	}
	return ini, nil
}

// FindInis reads the configuration of every server interface below root, which is /etc/php on Debian and Ubuntu:
// root/VERSION/SAPI/php.ini and then conf.d/*.ini in the order of their names.
//
// It doesn't see the php_admin_value lines of FPM's pools, of Apache and of .htaccess, which win over all these files. It
// fails with ErrTooManyFiles, and with the errors of file.Read.
func FindInis(root string) ([]*Ini, error) {
	versions, err := list(root)
	if err != nil {
		return nil, err
	}
	var found []*Ini
	read := 0
	for _, version := range versions {
		sapis, err := list(filepath.Join(root, version))
		if err != nil {
			return nil, err
		}
		for _, sapi := range sapis {
			files, err := iniFiles(filepath.Join(root, version, sapi))
			if err != nil {
				return nil, err
			}
			if read += len(files); read > maxIniFiles {
				return nil, ErrTooManyFiles
			}
			if len(files) == 0 {
				continue
			}
			ini, err := ReadIni(files...)
			if err != nil {
				return nil, err
			}
			ini.Version, ini.SAPI = version, sapi
			found = append(found, ini)
		}
	}
	return found, nil
}

// maxIniFiles is how many files FindInis reads. Debian's packages have some 40 for each server interface.
const maxIniFiles = 2000

// ErrTooManyFiles means that there are more files than PHP's packages could have installed.
var ErrTooManyFiles = errors.New("there are more than 2000 files of PHP's settings")

// iniFiles returns the files that an interface of PHP reads, in their order. Links whose target is gone are left out.
func iniFiles(dir string) ([]string, error) {
	names, err := list(filepath.Join(dir, "conf.d"))
	if err != nil {
		return nil, err
	}
	files := []string{filepath.Join(dir, "php.ini")}
	for _, name := range names {
		if strings.HasSuffix(name, ".ini") {
			files = append(files, filepath.Join(dir, "conf.d", name))
		}
	}
	return slices.DeleteFunc(files, func(name string) bool { return !file.Exists(name) }), nil
}

// list returns the names in a directory that don't begin with a dot, in order. It returns none if there is no such
// directory, or if it may not be looked at.
func list(path string) ([]string, error) {
	dir, err := safepath.OpenDir(path, file.Anyone)
	if err == nil {
		defer func() { _ = dir.Close() }()
		var names []string
		if names, err = dir.Names(); err == nil {
			slices.Sort(names)
			return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") }), nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	return nil, err
}

// read takes the settings of iniDefaults from one file. A quoted value may go over several lines; nothing in them is a
// setting.
func (ini *Ini) read(file string, src []byte) {
	text := strings.TrimPrefix(string(src), "\ufeff") // a byte order mark
	values := ini.Values                              // or those of a section
	for line := 1; text != ""; {
		at := line
		entry, length := iniEntry(text)
		line += lines(text, length)
		text = text[length:]
		entry = strings.TrimLeft(entry, " \t")
		if section, ok := strings.CutPrefix(entry, "["); ok {
			if name := specialSection(section); name != "" { // one of another name, such as [PHP], does not end it
				values = ini.section(name)
			}
			continue
		}
		name, value, assigned := strings.Cut(entry, "=")
		name = strings.Trim(name, " \t") // with its letter case: PHP takes no notice of SESSION.SAVE_PATH
		if assigned && name != "" {
			ini.assigned++
			ini.poolFile = ini.poolFile || ofPool().MatchString(name)
		}
		if _, known := iniDefaults[name]; !known || !assigned {
			continue
		}
		v := IniValue{File: file, Line: at}
		v.Text, v.Unknown = iniText(strings.Trim(value, " \t"))
		values[name] = v
	}
}

// ofPool matches the settings of FPM's pools that are about PHP's.
var ofPool = pattern.Lazy(`^php_(admin_)?(value|flag)[ \t]*\[`)

// specialSection returns the name of a section that counts for one host or directory only, "" for any other. PHP needs no = there,
// takes no blank before the name, and no letter case into account.
func specialSection(section string) string {
	section, _, _ = strings.Cut(section, "]")
	section = strings.Trim(section, `"'`)
	if len(section) < len("HOST") {
		return ""
	}
	kind, key := strings.ToUpper(section[:len("HOST")]), section[len("HOST"):]
	if kind != "HOST" && kind != "PATH" || key == "" {
		return ""
	}
	if kind == "HOST" {
		key = strings.ToLower(key)
	}
	return kind + "=" + strings.TrimLeft(strings.TrimRight(key, `/\`), "= \t")
}

// section returns the values of the section of this name, which it adds if there is none.
func (ini *Ini) section(name string) map[string]IniValue {
	i := slices.IndexFunc(ini.Sections, func(s IniSection) bool { return s.Name == name })
	if i < 0 {
		i = len(ini.Sections)
		ini.Sections = append(ini.Sections, IniSection{name, map[string]IniValue{}})
	}
	return ini.Sections[i].Values
}

// iniEntry returns the entry at the beginning of text, without its comment, and its length with the comment.
func iniEntry(text string) (entry string, length int) {
	quote, comment := byte(0), -1
	header := strings.HasPrefix(strings.TrimLeft(text, " \t"), "[") // of a section
	assigned := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case comment < 0 && quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\n', c == '\r':
			if comment < 0 {
				comment = i
			}
			return text[:comment], i + 1
		case comment >= 0:
		case header && c == ']': // a setting may follow in the same line
			return text[:i+1], i + 1
		case c == ';':
			comment = i
		case c == '=':
			assigned = !header
		case assigned && (c == '"' || c == '\''):
			quote = c
		}
	}
	if comment < 0 {
		comment = len(text)
	}
	return text[:comment], len(text)
}

// lines returns how many lines end in the first bytes of text. PHP knows all three line ends.
func lines(text string, length int) int {
	n := strings.Count(text[:length], "\n")
	for i := range length {
		if text[i] == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			n++
		}
	}
	return n
}

// iniText takes off quotes, and reports whether only PHP could know the value. Unquoted words for true and false become
// "1" and "", as in PHP's own reader.
func iniText(value string) (text string, unknown bool) {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		inside := value[1 : n-1]
		if value[0] == '\'' {
			return inside, strings.Contains(inside, "'")
		}
		plain := strings.ReplaceAll(inside, `\"`, "")
		return strings.ReplaceAll(inside, `\"`, `"`), strings.ContainsAny(plain, `"\`) || strings.Contains(inside, "${")
	}
	switch strings.ToLower(value) {
	case "on", "yes", "true":
		return "1", false
	case "off", "no", "false", "none", "null":
		return "", false
	}
	return value, strings.ContainsAny(value, "$|&^~!()\"'\x00") // what is in quotes, PHP puts together with the rest
}
