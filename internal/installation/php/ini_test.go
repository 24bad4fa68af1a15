package php

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"uzerp-mfa/internal/installation/treetest"
)

func TestFindInis(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"8.2/fpm/php.ini": "[PHP]\n; session.gc_maxlifetime = 1\r\nvariables_order = \"GPCS\" ; comment\n" +
			"[Session]\nsession.gc_probability = 0\nSession.Cookie_HttpOnly =\nsession.save_path = \"5;/var/lib/php; x\"\n" +
			"error_reporting = \"a\nsession.gc_divisor = 7\n\"\nsession.gc_divisor = 1000\n[PATH=/srv/x]\nsession.gc_probability = 5\n" +
			"[PHP]\nsession.cookie_secure = Yes", // [PHP] does not end the section
		"8.2/fpm/conf.d/20-late.ini":  "session.gc_maxlifetime=30000;c",
		"8.2/fpm/conf.d/10-early.ini": "session.gc_maxlifetime=10\nsession.cookie_httponly=On\n",
		"8.2/fpm/conf.d/30-gone.ini":  "-> /nowhere/x.ini",
		"8.2/fpm/conf.d/40-other.txt": "session.gc_maxlifetime=1",
		"8.2/cli/php.ini":             "session.save_path = ${HOME}/s\n",
		"8.2/mods-available/x.ini":    "session.gc_maxlifetime=1",
	})
	inis, err := FindInis(root)
	if err != nil || len(inis) != 2 || inis[0].SAPI != "cli" || inis[1].SAPI != "fpm" || inis[1].Version != "8.2" {
		t.Fatalf("%v, %+v", err, inis)
	}
	if v := inis[0].Values["session.save_path"]; !v.Unknown {
		t.Errorf("save_path with ${…}: %+v", v)
	}
	if v := inis[0].Values["session.gc_maxlifetime"]; v.Text != "1440" || v.File != "" {
		t.Errorf("default: %+v", v)
	}
	want := map[string]struct {
		text string
		line int
		on   bool
	}{
		"session.gc_maxlifetime":  {"30000", 1, true},
		"session.gc_probability":  {"0", 5, false},
		"session.cookie_httponly": {"1", 2, true},
		"session.save_path":       {"5;/var/lib/php; x", 7, false},
		"session.gc_divisor":      {"1000", 11, true},
		"variables_order":         {"GPCS", 3, false},
	}
	for name, w := range want {
		v := inis[1].Values[name]
		if v.Text != w.text || v.Line != w.line || v.Unknown || name != "session.save_path" && v.Bool() != w.on {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// A place of sessions that PHP reads otherwise than we do would be looked at in vain: measured with PHP 8.2. What only looks like a
// value is unknown, and not taken for one.
func TestIniIsReadAsPHPDoes(t *testing.T) {
	const standard, unknown = "", "?"
	for text, want := range map[string]string{
		"session.save_path = /a": "/a", "session.save_path = \"/a\"": "/a", "session.save_path = '/a'": "/a", `session.save_path = "/a\"b"`: `/a"b`,
		"SESSION.SAVE_PATH = /a": standard, "session.save_path = /a\nSession.Save_Path = /b": "/a",
		"session.save_path = /a\rsession.save_path = /b": "/b", "; c\rsession.save_path = /b\r\n": "/b", "session.save_path = \"/a\rb\"": "/a\rb",
		"[x] session.save_path = /a": "/a", "session.save_path = /a\n[PATH=/x] session.save_path = /b": "/a", "[x] ; c\nsession.save_path = /a": "/a",
		`session.save_path = "/a"/b`: unknown, `session.save_path = /a"/b"`: unknown, `session.save_path = "/a" "/b"`: unknown,
		`session.save_path = "/a\\b"`: unknown, `session.save_path = /a'b'`: unknown, `session.save_path = '/a'b'c'`: unknown,
		"session.save_path = /a\x00b": unknown,
	} {
		dir := treetest.Write(t, map[string]string{"php.ini": text})
		ini, err := ReadIni(filepath.Join(dir, "php.ini"))
		if err != nil {
			t.Fatal(err)
		}
		got := ini.Values["session.save_path"]
		if got.Unknown {
			got.Text = unknown
		}
		if got.Text != want {
			t.Errorf("%q: %q, want %q", text, got.Text, want)
		}
	}
	dir := treetest.Write(t, map[string]string{"php.ini": "a = 1\rb = 2\r\nc = 3\nsession.save_path = /a"})
	if ini, err := ReadIni(filepath.Join(dir, "php.ini")); err != nil || ini.Values["session.save_path"].Line != 4 {
		t.Errorf("%v, %+v", err, ini.Values["session.save_path"])
	}
}

func TestIniValueInt(t *testing.T) {
	for text, want := range map[string]struct {
		n  int64
		ok bool
	}{
		"1440": {1440, true}, " 5 ": {5, true}, "2K": {2048, true}, "1m": {1 << 20, true}, "1G": {1 << 30, true},
		"": {0, false}, "x": {0, false}, "5x": {5, false}, "-1": {-1, true},
	} {
		if n, ok := (IniValue{Text: text}).Int(); n != want.n || ok != want.ok {
			t.Errorf("%q: %d, %v", text, n, ok)
		}
	}
}

// What counts for one host or directory only is kept apart, as PHP itself does: measured with PHP 8.2 (docs/facts/uzerp.md §7).
func TestSections(t *testing.T) {
	for text, want := range map[string]string{
		"session.save_path=/all":                                                    "/all",
		"[HOST=Erp.Example]\nsession.save_path=/h":                                  " HOST=erp.example:/h",
		"[PATH=/srv/Erp/]\nsession.save_path=/p":                                    " PATH=/srv/Erp:/p",
		"[path =/x]\nsession.save_path=/p":                                          " PATH=/x:/p",
		"[HOST=a]\n[PHP]\nsession.save_path=/h":                                     " HOST=a:/h",
		"[HOST=a]\n[Session]\n[HOST=b]\nsession.save_path=/h":                       " HOST=a: HOST=b:/h",
		"[HOST=a]\nsession.save_path=/h\n[PATH=/x]\n[HOST=A]\nsession.save_path=/i": " HOST=a:/i PATH=/x:",
		"[\"HOST=a\"]\nsession.save_path=/h":                                        " HOST=a:/h",
		"[HOSTNAME settings]\nsession.save_path=/h":                                 " HOST=name settings:/h",
		"[HOST]\nsession.save_path=/all":                                            "/all",
		"[ HOST=a]\nsession.save_path=/all":                                         "/all",
		"[PHP]\nsession.save_path=/all\n[HOST=a]\nmemory_limit=1":                   "/all HOST=a:",
	} {
		ini := &Ini{Values: map[string]IniValue{}}
		ini.read("x", []byte(text))
		got := ini.Values["session.save_path"].Text
		for _, s := range ini.Sections {
			got += " " + s.Name + ":" + s.Values["session.save_path"].Text
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	// The next file begins without a section.
	root := treetest.Write(t, map[string]string{"8.2/fpm/php.ini": "[HOST=a]\n", "8.2/fpm/conf.d/1.ini": "session.save_path=/all\n"})
	inis, err := FindInis(root)
	if err != nil || len(inis) != 1 || inis[0].Values["session.save_path"].Text != "/all" {
		t.Error(inis, err)
	}
}

// A file that somebody names in place of a php.ini is refused: its silence would be taken for PHP's defaults.
func TestReadNamedIni(t *testing.T) {
	for text, want := range map[string]bool{
		"x = 1": true, "[HOST=a]\nsession.save_path=/h\n": true, "[PHP]\n; x = 1\n": false, "": false, "session.save_path /srv\n": false, "= 1\n": false,
		"[www]\nuser = www-data\nphp_admin_value[session.save_path] = /srv\n": false, "[www]\nphp_flag [display_errors] = off\n": false,
		"<VirtualHost *:80>\nphp_admin_value session.save_path /srv\n</VirtualHost>\n": false,
	} {
		root := treetest.Write(t, map[string]string{"php.ini": text})
		ini, err := ReadNamedIni(filepath.Join(root, "php.ini"))
		if (err == nil) != want || err != nil && (!errors.Is(err, ErrNoIni) || ini != nil) {
			t.Errorf("%q: %+v, %v", text, ini, err)
		}
	}
}

// A directory of very many files is not read.
func TestFindInisIsLimited(t *testing.T) {
	files := map[string]string{}
	for i := range maxIniFiles + 1 {
		files[fmt.Sprintf("8.2/fpm/conf.d/%d.ini", i)] = ""
	}
	if _, err := FindInis(treetest.Write(t, files)); !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("%v", err)
	}
}

func FuzzIni(f *testing.F) {
	f.Add([]byte("session.gc_maxlifetime = 1 ; x\n[PATH=/x]\nsession.save_path=\"a\n\\\"b\"\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		ini := &Ini{Values: map[string]IniValue{}}
		ini.read("x", src)
		for name, v := range ini.Values {
			if v.Line < 1 || v.Line > bytes.Count(src, []byte("\n"))+1 || len(v.Text) > len(src) {
				t.Errorf("%s: %+v", name, v)
			}
		}
	})
}
