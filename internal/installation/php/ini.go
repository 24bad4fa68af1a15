package php

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/installation/file"
)

// iniDefaults are the settings that matter here with what PHP has built in, which counts where no file sets them.
var iniDefaults = map[string]string{
	"session.gc_maxlifetime":  "1440",
	"session.gc_probability":  "1",
	"session.gc_divisor":      "100",
	"session.cookie_secure":   "0",
	"session.cookie_httponly": "0",
	"session.save_path":       "",
	"variables_order":         "EGPCS",
}

// Ini is the configuration of one server interface of PHP, of FPM for instance.
type Ini struct {
	Version, SAPI string // "8.2", "fpm"; empty if only files were read
	Files         []string
	Values        map[string]IniValue // by lower-case name, the built-in defaults included
}

// Name returns "8.2 fpm", or "" for files that somebody named.
func (ini *Ini) Name() string { return strings.TrimSpace(ini.Version + " " + ini.SAPI) }

// ServesPages reports whether this interface serves pages; the command line doesn't.
func (ini *Ini) ServesPages() bool { return ini.SAPI != "cli" && ini.SAPI != "phpdbg" }

// IniValue is a value and where it stands.
type IniValue struct {
	Text    string
	File    string // "" for PHP's built-in default
	Line    int
	Unknown bool // made of ${…} or a constant, which only PHP knows
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

// Int returns the number that the value begins with, times its K, M or G; ok is false if it is no such number from
// its beginning to its end. PHP takes the number it finds, 0 if none, either way.
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

// ReadIni reads the files in their order, the later one winning. Values of [PATH=…] and [HOST=…] sections are
// left out: they don't hold for all.
func ReadIni(files ...string) (*Ini, error) {
	ini := &Ini{Files: files, Values: map[string]IniValue{}}
	for name, text := range iniDefaults {
		ini.Values[name] = IniValue{Text: text}
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		ini.read(file, src)
	}
	return ini, nil
}

// FindInis reads the configuration of every server interface below root, which is /etc/php on Debian and Ubuntu:
// root/VERSION/SAPI/php.ini and then conf.d/*.ini in the order of their names.
//
// Not seen here are the php_admin_value lines of FPM's pools, of Apache and of .htaccess, which win over all this.
func FindInis(root string) ([]*Ini, error) {
	dirs, err := filepath.Glob(file.GlobQuote(root) + "/*/*")
	if err != nil {
		return nil, err
	}
	var found []*Ini
	for _, dir := range dirs {
		files, err := filepath.Glob(file.GlobQuote(dir) + "/conf.d/*.ini")
		if err != nil {
			return nil, err
		}
		main := filepath.Join(dir, "php.ini")
		if file.Exists(main) {
			files = slices.Insert(files, 0, main)
		}
		files = slices.DeleteFunc(files, func(name string) bool { return !file.Exists(name) }) // links to what is gone
		if len(files) == 0 {
			continue
		}
		ini, err := ReadIni(files...)
		if err != nil {
			return nil, err
		}
		ini.Version, ini.SAPI = filepath.Base(filepath.Dir(dir)), filepath.Base(dir)
		found = append(found, ini)
	}
	return found, nil
}

// read takes the known settings from one file. A quoted value may go over several lines, in which no setting counts.
func (ini *Ini) read(file string, src []byte) {
	text := strings.TrimPrefix(string(src), "\ufeff") // a byte order mark
	elsewhere := false                                // inside [PATH=…] or [HOST=…]
	for line := 1; text != ""; {
		at := line
		entry, length := iniEntry(text)
		line += strings.Count(strings.ReplaceAll(text[:length], "\r\n", "\n"), "\n")
		text = text[length:]
		entry = strings.TrimLeft(entry, " \t")
		if section, ok := strings.CutPrefix(entry, "["); ok {
			section = strings.ToUpper(strings.TrimLeft(section, " \t"))
			elsewhere = strings.HasPrefix(section, "PATH=") || strings.HasPrefix(section, "HOST=")
			continue
		}
		name, value, assigned := strings.Cut(entry, "=")
		name = strings.ToLower(strings.Trim(name, " \t"))
		if _, known := iniDefaults[name]; !known || !assigned || elsewhere {
			continue
		}
		v := IniValue{File: file, Line: at}
		v.Text, v.Unknown = iniText(strings.Trim(value, " \t"))
		ini.Values[name] = v
	}
}

// iniEntry returns the entry that text begins with, without its comment, and the length that it takes.
func iniEntry(text string) (entry string, length int) {
	quote, comment := byte(0), -1
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
		case c == '\n':
			if comment < 0 {
				comment = i
			}
			return strings.TrimRight(text[:comment], "\r"), i + 1
		case comment >= 0:
		case c == ';':
			comment = i
		case c == '=':
			assigned = true
		case assigned && (c == '"' || c == '\''):
			quote = c
		}
	}
	if comment < 0 {
		comment = len(text)
	}
	return strings.TrimRight(text[:comment], "\r"), len(text)
}

// iniText takes quotes off and reports whether only PHP could know the value. Unquoted words for true and false become
// "1" and "", as PHP's own reader makes of them.
func iniText(value string) (text string, unknown bool) {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		inside := value[1 : n-1]
		if value[0] == '\'' {
			return inside, false
		}
		return strings.ReplaceAll(inside, `\"`, `"`), strings.Contains(inside, "${")
	}
	switch strings.ToLower(value) {
	case "on", "yes", "true":
		return "1", false
	case "off", "no", "false", "none", "null":
		return "", false
	}
	return value, strings.ContainsAny(value, "$|&^~!()")
}
