package php

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/webconf"
	"uzerp-mfa/internal/safepath"
)

// debianSessions is what Debian and Ubuntu have built into PHP as the place of sessions. PHP's own is the system's
// directory for temporary files.
const (
	debianSessions = "/var/lib/php/sessions"
	otherSessions  = "/tmp"
)

// Found is what says how PHP serves pages on a machine.
type Found struct {
	// Inis are the settings of each part of an interface that has settings of its own. The command line's are not among them.
	Inis    []*Ini
	NotRead []file.NotRead
}

// FindInterfaces returns the settings of each part of PHP on this machine that serves pages: each PHP of Debian's layout, the one
// of Red Hat's and of Docker's images, each of FPM's pools, each [HOST=…] and [PATH=…], and each place in Apache's or nginx's
// settings that says something else. app is uzERP's directory, whose .user.ini counts too; "" if none is known. root is "/" outside tests. It
// fails as FindInis does. What it may not read, or what names settings elsewhere, is in NotRead.
func FindInterfaces(root, app string) (Found, error) {
	f := finder{root: root, app: app}
	debian, err := FindInis(filepath.Join(root, "etc/php"))
	if err != nil {
		return Found{}, err
	}
	for _, ini := range debian {
		if !ini.ServesPages() {
			continue
		}
		ini.builtIn = debianSessions
		var pools []pool
		if strings.HasPrefix(ini.SAPI, "fpm") {
			if pools, err = f.readPools(filepath.Join(root, "etc/php", ini.Version, ini.SAPI, "pool.d")); err != nil {
				return Found{}, err
			}
		}
		if err := f.add(ini, pools); err != nil {
			return Found{}, err
		}
	}
	for _, other := range []struct{ ini, confD, pools string }{
		{"etc/php.ini", "etc/php.d", "etc/php-fpm.d"},
		{"usr/local/etc/php/php.ini", "usr/local/etc/php/conf.d", "usr/local/etc/php-fpm.d"},
	} {
		if err := f.oneLayout(other.ini, other.confD, other.pools); err != nil {
			return Found{}, err
		}
	}
	f.handedOn()
	f.elsewhere()
	return f.found, nil
}

type finder struct {
	root, app string
	found     Found
}

func (f *finder) notRead(path, reason string) {
	if n := (file.NotRead{Path: path, Reason: reason}); !slices.Contains(f.found.NotRead, n) {
		f.found.NotRead = append(f.found.NotRead, n)
	}
}

// add adds the parts of an interface.
func (f *finder) add(ini *Ini, pools []pool) error {
	apache := strings.HasPrefix(ini.SAPI, "apache")
	switch {
	case apache: // Apache's PHP takes no notice of sections and of .user.ini
		f.found.Inis = append(f.found.Inis, ini)
	case len(pools) == 0:
		f.found.Inis = append(f.found.Inis, f.withUserIni(ini, nil).withSections()...)
	}
	for _, p := range pools {
		part := ini.part("pool "+p.name, p.values)
		part.user, part.chroot, part.own, part.fixed = p.user, p.chroot, nil, p.fixed
		f.found.Inis = append(f.found.Inis, f.withUserIni(part, p.fixed).withSections()...)
	}
	if apache || ini.SAPI == "" {
		f.htaccess()
		return f.addApache(ini)
	}
	return nil
}

// oneLayout adds the settings where a machine has one PHP for everything.
func (f *finder) oneLayout(iniPath, confD, poolD string) error {
	names, err := list(filepath.Join(f.root, confD))
	if err != nil {
		return err
	}
	files := []string{filepath.Join(f.root, iniPath)}
	for _, name := range names {
		if strings.HasSuffix(name, ".ini") {
			files = append(files, filepath.Join(f.root, confD, name))
		}
	}
	files = slices.DeleteFunc(files, func(name string) bool { return !file.Exists(name) })
	pools, err := f.readPools(filepath.Join(f.root, poolD))
	if err != nil || len(files) == 0 && len(pools) == 0 {
		return err
	}
	ini, err := ReadIni(files...)
	if err != nil {
		return err
	}
	ini.builtIn = otherSessions
	if len(pools) > 0 {
		ini.SAPI = "fpm"
	}
	return f.add(ini, pools)
}

// withUserIni returns the settings with those in uzERP's .user.ini, which win over php.ini and php_value, and not over
// php_admin_value (docs/facts/uzerp.md §7).
func (f *finder) withUserIni(ini *Ini, fixed map[string]bool) *Ini {
	if f.app == "" {
		return ini
	}
	path := filepath.Join(f.app, ".user.ini")
	src, err := file.ReadIfThere(path, file.Anyone)
	if err != nil {
		f.notRead(path, "it can not be read")
	}
	if len(src) == 0 {
		return ini
	}
	own := &Ini{Values: map[string]IniValue{}}
	own.read(path, src)
	other := *ini
	other.of, other.Values = ini.PHPIni(), maps.Clone(ini.Values)
	for name, v := range own.Values {
		if !fixed[name] {
			other.Values[name] = v
		}
	}
	return &other
}

// htaccess notes the settings of PHP's in uzERP's .htaccess. They count only where Apache lets them.
func (f *finder) htaccess() {
	if f.app == "" {
		return
	}
	path := filepath.Join(f.app, ".htaccess")
	src, err := file.ReadIfThere(path, file.Anyone)
	if err != nil {
		f.notRead(path, "it can not be read")
	} else if len(parseApache(path, src)) > 0 {
		f.notRead(path, "its settings of PHP's count only where Apache's AllowOverride lets them")
	}
}

// handedOn adds what Apache and nginx hand on to FPM in PHP_VALUE and PHP_ADMIN_VALUE. To which pool they do is not looked at.
func (f *finder) handedOn() {
	pools := slices.DeleteFunc(slices.Clone(f.found.Inis), func(ini *Ini) bool { return !strings.HasPrefix(ini.SAPI, "fpm") || ini.own != nil })
	if len(pools) == 0 {
		return
	}
	params, not := webconf.Params(f.root, "PHP_VALUE", "PHP_ADMIN_VALUE")
	for _, n := range not {
		f.notRead(n.Path, n.Reason)
	}
	seen := map[[2]string]bool{} // many hosts have the same line
	for _, p := range params {
		for line := range strings.Lines(p.Value) {
			if name, _, _ := strings.Cut(line, "="); strings.Contains(name, "$") {
				p.Known = false
			}
		}
		if !p.Known {
			f.notRead(p.File, "it sets "+p.Name+" to what only the web server knows")
			continue
		}
		if seen[[2]string{p.Name, p.Value}] {
			continue
		}
		seen[[2]string{p.Name, p.Value}] = true
		set := &Ini{Values: map[string]IniValue{}}
		set.read(p.File, []byte(p.Value))
		for _, pool := range pools {
			values := map[string]IniValue{}
			for name, v := range set.Values {
				if v.Line, v.Unknown = p.Line, v.Unknown || strings.Contains(v.Text, "$"); p.Name == "PHP_ADMIN_VALUE" || !pool.fixed[name] {
					values[name] = v
				}
			}
			if len(values) > 0 {
				f.found.Inis = append(f.found.Inis, pool.part(p.File, values))
			}
		}
	}
}

// elsewhere notes what names other files of PHP's settings: variables of the services.
func (f *finder) elsewhere() {
	for _, pattern := range []string{
		"etc/apache2/envvars", "etc/default/php*fpm*", "etc/sysconfig/httpd", "etc/sysconfig/php-fpm",
		"etc/systemd/system/*fpm*.service", "etc/systemd/system/*fpm*.service.d/*.conf", "usr/lib/systemd/system/*fpm*.service",
		"etc/systemd/system/apache2.service.d/*.conf", "etc/systemd/system/httpd.service.d/*.conf",
	} {
		paths, _ := filepath.Glob(filepath.Join(f.root, pattern)) // the patterns are right
		for _, path := range paths {
			src, err := file.Read(path)
			if errors.Is(err, fs.ErrPermission) {
				f.notRead(path, "it can not be read")
			}
			for line := range strings.Lines(string(src)) {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
					continue
				}
				for _, name := range []string{"PHP_INI_SCAN_DIR", "PHPRC"} {
					if strings.Contains(line, name+"=") {
						f.notRead(path, "it sets "+name+", so that PHP reads settings elsewhere")
					}
				}
			}
		}
	}
}

// Interface names the part: "PHP 8.2 fpm, pool www".
func (ini *Ini) Interface() string {
	name := "PHP"
	for _, more := range []string{ini.Version, ini.SAPI} {
		if more != "" {
			name += " " + more
		}
	}
	if ini.Part != "" {
		name += ", " + ini.Part
	}
	return name
}

// PHPIni returns what php.ini and its directory say, without pools, sections and Apache's settings.
func (ini *Ini) PHPIni() *Ini { return cmp.Or(ini.of, ini) }

// part returns the settings of a part of the interface, which has these in place of its own.
func (ini *Ini) part(name string, values map[string]IniValue) *Ini {
	other := *ini
	other.of, other.own, other.Values = ini.PHPIni(), values, maps.Clone(ini.Values)
	if other.Part != "" {
		name = other.Part + ", " + name
	}
	other.Part = name
	maps.Copy(other.Values, values)
	return &other
}

// withSections returns the settings for all pages, and those of each section that says something else for one host or directory.
func (ini *Ini) withSections() []*Ini {
	found := []*Ini{ini}
	for _, section := range ini.Sections {
		if len(section.Values) > 0 {
			found = append(found, ini.part("["+section.Name+"]", section.Values))
		}
	}
	return found
}

// pool is one of FPM's pools.
type pool struct {
	name, user string
	chroot     string // the pool's own root directory
	values     map[string]IniValue
	fixed      map[string]bool // set by the administrator, so that nothing in uzERP's directory wins over it
}

// readPools reads the pools in a directory. What a file of FPM's says before its first pool is about none.
func (f *finder) readPools(dir string) ([]pool, error) {
	f.fpmIncludes(filepath.Join(filepath.Dir(dir), "php-fpm.conf"), filepath.Base(dir))
	names, err := f.list(dir)
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
		path := filepath.Join(dir, name)
		src, err := f.readable(path)
		if err != nil {
			return nil, err
		}
		found = append(found, parsePools(path, src)...)
	}
	return found, nil
}

// fpmIncludes notes what FPM's main file includes from elsewhere than the directory of its pools.
func (f *finder) fpmIncludes(path, pools string) {
	src, err := f.readable(path)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(src)) {
		name, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(name) == "include" && filepath.Base(filepath.Dir(strings.Trim(value, " \t\r\n\"'"))) != pools {
			f.notRead(path, "it includes more files than those of "+pools)
		}
	}
}

// list returns the names in a directory, and notes one that may not be looked at.
func (f *finder) list(dir string) ([]string, error) {
	names, err := list(dir)
	if len(names) == 0 {
		if d, err := safepath.OpenDir(dir, file.Anyone); err == nil {
			_, err = d.Names()
			_ = d.Close()
			if errors.Is(err, fs.ErrPermission) {
				f.notRead(dir, "it can not be listed")
			}
		}
	}
	return names, err
}

// readable reads a file; one that this user may not read says nothing.
func (f *finder) readable(path string) ([]byte, error) {
	src, err := file.Read(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		f.notRead(path, "it can not be read")
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
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
			admin = map[string]bool{}
			found = append(found, pool{name: name, values: map[string]IniValue{}, fixed: admin})
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
		isAdmin := kind == "php_admin_value" || kind == "php_admin_flag"
		switch _, set := p.values[setting]; {
		case !ok || !isAdmin && kind != "php_value" && kind != "php_flag", admin[setting] && !isAdmin:
		case set && admin[setting] == isAdmin: // they are applied from the last to the first, so the first one stays
		default:
			p.values[setting], admin[setting] = v, isAdmin
		}
	}
	return slices.DeleteFunc(found, func(p pool) bool { return p.name == "global" })
}

// apacheDirs are where Apache's settings are, on Debian and on Red Hat.
var apacheDirs = []string{
	"etc/apache2", "etc/apache2/conf-enabled", "etc/apache2/mods-enabled", "etc/apache2/sites-enabled", "etc/httpd/conf", "etc/httpd/conf.d",
}

// addApache adds a part for each of Apache's files that sets something else than php.ini, with those that they include. To which
// pages it applies is not looked at.
func (f *finder) addApache(ini *Ini) error {
	seen := map[string]bool{}
	for _, dir := range apacheDirs {
		names, err := f.list(filepath.Join(f.root, dir))
		if err != nil {
			return err
		}
		base := filepath.Join(f.root, strings.Join(strings.Split(dir, "/")[:2], "/")) // Apache's ServerRoot on these systems
		for _, conf := range names {
			if !strings.HasSuffix(conf, ".conf") {
				continue
			}
			if err := f.addApacheFile(ini, filepath.Join(f.root, dir, conf), base, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// addApacheFile adds what one file of Apache's sets, or all files in a directory, as Apache takes it.
func (f *finder) addApacheFile(ini *Ini, path, base string, seen map[string]bool) error {
	if seen[path] {
		return nil
	}
	if seen[path] = true; len(seen) > maxApacheFiles {
		return ErrTooManyFiles
	}
	src, err := f.readable(path)
	switch {
	case errors.Is(err, syscall.EISDIR):
		names, err := f.list(path)
		for _, name := range names {
			if err := f.addApacheFile(ini, filepath.Join(path, name), base, seen); err != nil {
				return err
			}
		}
		return err
	case safepath.IsUntrusted(err):
		f.notRead(path, "it belongs to another user than the link to it")
		return nil
	case err != nil:
		return err
	}
	for _, values := range parseApache(path, src) {
		f.found.Inis = append(f.found.Inis, ini.part(path, values))
	}
	for line := range strings.Lines(strings.ReplaceAll(string(src), "\\\n", " ")) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch pattern := strings.Trim(words[1], `"'`); strings.ToLower(words[0]) {
		case "phpinidir":
			f.notRead(path, "it sets PHPIniDir, so that PHP reads settings elsewhere")
		case "include", "includeoptional":
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(base, pattern)
			}
			paths, err := filepath.Glob(pattern)
			if err != nil || strings.Contains(pattern, "$") {
				f.notRead(path, "it includes files whose names only Apache knows")
			}
			for _, more := range paths {
				if err := f.addApacheFile(ini, more, base, seen); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// maxApacheFiles is how many files of Apache's are read.
const maxApacheFiles = 2000

// apacheValues are the directives of Apache that set one of PHP's settings.
var apacheValues = []string{"php_value", "php_flag", "php_admin_value", "php_admin_flag"}

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
		if !slices.Contains(apacheValues, strings.ToLower(words[0])) {
			continue
		}
		setting := strings.Trim(words[1], `"'`)
		if _, known := iniDefaults[setting]; !known {
			continue
		}
		value := strings.TrimSpace(line[strings.Index(line, words[1])+len(words[1]):])
		value = strings.Trim(value, `"'`)
		if _, again := section[setting]; again {
			found = append(found, maps.Clone(section))
		}
		v := IniValue{Text: value, File: path, Line: at, Unknown: strings.Contains(value, "${")}
		if strings.HasSuffix(strings.ToLower(words[0]), "flag") {
			v.Text, _ = iniText(value)
		}
		section[setting] = v
	}
	end()
	return found
}
