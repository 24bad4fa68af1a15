package webconf

import (
	"path/filepath"
	"slices"
	"strings"

	"uzerp-mfa/internal/installation/file"
)

// Param is a line with which a web server hands a variable on to FPM.
type Param struct {
	Name, Value string
	File        string
	Line        int
	// Known is false if only the web server knows what the line does with the variable.
	Known bool
}

// Params returns the lines of Apache's and nginx's configuration that hand one of these variables on, in whatever host or condition
// they stand, and what was not read. A part of a value that only the web server knows stands there as it is written, with a $.
func Params(root string, names ...string) ([]Param, []file.NotRead) {
	r := &reader{}
	var found []Param
	for _, at := range apacheFiles {
		main := filepath.Join(root, at.main)
		if text, ok := r.read(main); ok {
			p := &apacheParser{reader: r, base: filepath.Join(root, at.base), defines: map[string]string{}}
			found = append(found, apacheParams(p.parse(main, text, 0), names)...)
		}
	}
	main := filepath.Join(root, nginxFile)
	if text, ok := r.read(main); ok {
		p := &nginxParser{reader: r, base: filepath.Dir(main)}
		found = append(found, nginxParams(p.parse(main, text, 0), names)...)
	}
	for _, d := range r.notIncluded {
		r.notRead(d.file, "it includes files whose names only the web server knows")
	}
	return found, r.report.NotRead
}

func apacheParams(lines []*directive, names []string) (found []Param) {
	for _, d := range lines {
		switch i := slices.IndexFunc(d.args, func(arg string) bool { return nameIn(names, arg) != "" }); {
		case i < 0 || d.name == "unsetenv":
		case d.name == "setenv" && i == 0: // Apache leaves \n as it is, so that what PHP makes of it is another thing
			found = append(found, Param{nameIn(names, d.arg(0)), d.arg(1), d.file, d.line, !strings.Contains(d.arg(1), `\`)})
		case d.name != "setenv": // SetEnvIf, ProxyFCGISetEnvIf, RewriteRule with [E=…], PassEnv
			found = append(found, Param{Name: nameIn(names, d.args[i]), File: d.file, Line: d.line})
		}
		found = append(found, apacheParams(d.children, names)...)
	}
	return found
}

func nginxParams(lines []*directive, names []string) (found []Param) {
	for _, d := range lines {
		if d.name == "fastcgi_param" && slices.Contains(names, d.arg(0)) {
			value := strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\\`, `\`).Replace(d.arg(1)) // as nginx does
			found = append(found, Param{d.arg(0), value, d.file, d.line, true})
		}
		found = append(found, nginxParams(d.children, names)...)
	}
	return found
}

// nameIn returns the longest of the names that an argument has in it, "" if it has none.
func nameIn(names []string, arg string) (found string) {
	for _, name := range names {
		if strings.Contains(arg, name) && len(name) > len(found) {
			found = name
		}
	}
	return found
}
