package php

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/treetest"
)

func TestFindSessionStores(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"etc/php/8.2/cli/php.ini":          "session.save_path = /cli\n",
		"etc/php/8.2/apache2/php.ini":      "; session.save_path = /no\n",
		"etc/php/8.2/apache2/conf.d/9.ini": "session.serialize_handler = php_serialize\n",
		"etc/php/8.2/fpm/php.ini":          "session.save_path = \"2;0600;/var/deep\"\n",
		"etc/php/8.2/fpm/pool.d/www.conf": "; a comment\n[global]\nx = y\n[www]\nuser = www-data\n[erp]\nuser = uzerp\n" +
			"php_admin_value[session.save_path] = /srv/erp ; here\nphp_value[session.save_path] = /no\nphp_admin_value[session.save_handler] = redis\n",
		"etc/php/8.2/fpm/pool.d/old.conf.bak":  "[bak]\n",
		"etc/apache2/sites-enabled/uzerp.conf": "-> ../sites-available/uzerp.conf",
		"etc/apache2/sites-available/uzerp.conf": "<VirtualHost *:80>\n php_admin_value session.save_path \"/srv/a b\"\n</VirtualHost>\n" +
			"<VirtualHost *:443>\n# php_value session.save_path /no\n php_value session.save_path ${X}\n</VirtualHost>\n",
		"etc/apache2/sites-available/other.conf": "php_admin_value session.save_path /no\n",
		"usr/local/etc/php-fpm.d/www.conf":       "[www]\nuser = app\n",
	})
	got, _, err := FindSessionStores(root)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Source = strings.TrimPrefix(got[i].Source, root)
		got[i].Interface = strings.ReplaceAll(got[i].Interface, root, "")
	}
	want := []SessionStore{
		{Interface: "PHP 8.2 apache2", Handler: "files", Path: "/var/lib/php/sessions", Serializer: "php_serialize"},
		{Interface: "PHP 8.2 apache2, /etc/apache2/sites-enabled/uzerp.conf", Handler: "files", Path: "/srv/a b", Serializer: "php_serialize",
			Source: "/etc/apache2/sites-enabled/uzerp.conf line 2"},
		{Interface: "PHP 8.2 apache2, /etc/apache2/sites-enabled/uzerp.conf", Handler: "files", Path: "${X}", Serializer: "php_serialize",
			Source: "/etc/apache2/sites-enabled/uzerp.conf line 6", Unknown: true},
		{Interface: "PHP 8.2 fpm, pool www", Handler: "files", Path: "/var/deep", Levels: 2, Serializer: "php", User: "www-data",
			Source: "/etc/php/8.2/fpm/php.ini line 1"},
		{Interface: "PHP 8.2 fpm, pool erp", Handler: "redis", Path: "/srv/erp", Serializer: "php", User: "uzerp",
			Source: "/etc/php/8.2/fpm/pool.d/www.conf line 8"},
		{Interface: "PHP fpm, pool www", Handler: "files", Path: "/tmp", Serializer: "php", User: "app"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	redHat := treetest.Write(t, map[string]string{"etc/php.ini": "session.save_path = /rh\n", "etc/php.d/1.ini": "session.save_handler = memcached\n"})
	if got, _, err := FindSessionStores(redHat); err != nil || len(got) != 1 || got[0].Path != "/rh" || got[0].Handler != "memcached" {
		t.Error(got, err)
	}
	if none, _, err := FindSessionStores(filepath.Join(root, "nothing")); err != nil || none != nil {
		t.Error(none, err)
	}
}

func TestSplitSavePath(t *testing.T) {
	for text, want := range map[string]string{"/a": "0 /a", "3;/a": "3 /a", "1;0640;/a": "1 /a", "x;/a": "0 /a", "": "0 ", "1;0600;/a;b": "1 /a;b"} {
		if path, levels := splitSavePath(text); string(rune('0'+levels))+" "+path != want {
			t.Errorf("%q: %q, %d", text, path, levels)
		}
	}
}

// What PHP, FPM and Apache take is not missed: a place that is not looked at looks like one where nobody is logged in.
func TestPlacesAreNotMissed(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"etc/php/8.2/apache2/php.ini": "",
		"etc/apache2/sites-enabled/two.conf": "<VirtualHost *:80>\n<Directory /a>\nphp_value session.save_path /srv/a\n</Directory>\n" +
			"<Directory /b>\nphp_value session.save_path /srv/b\n</Directory>\n</VirtualHost>\n" +
			"php_admin_value \"session.save_path\" \\\n  /srv/c\n",
		"etc/php/8.2/fpm/pool.d/www.conf": "[www]\nphp_admin_value[session.save_path] = \"/srv/$pool\"\n[bare]\nphp_value[session.save_path] = /srv/$pool\n" +
			"[jail]\nchroot = /jail/$pool\nphp_value[session.save_path] = /s\n[near]\nphp_value[session.save_path] = tmp\n",
		"etc/php/8.2/fpm/php.ini": "",
	})
	found, _, err := FindSessionStores(root)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range found {
		_, line, _ := strings.Cut(s.Source, ".conf line ")
		if s.Unknown {
			line += " unknown"
		}
		got[s.Path] = line
	}
	want := map[string]string{
		debianSessions: "", "/srv/a": "3", "/srv/b": "6", "/srv/c": "9",
		"/srv/www": "2", "/srv/bare": "4", "/jail/jail/s": "7", "tmp": "9 unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An empty session.save_path takes Debian's place away. Real PHP 8.2 then uses its directory for temporary files.
func TestEmptySavePathIsNotTheBuiltInOne(t *testing.T) {
	root := treetest.Write(t, map[string]string{"etc/php/8.2/cgi/php.ini": "session.save_path = \"\"\n"})
	found, _, err := FindSessionStores(root)
	if err != nil || len(found) != 1 || !found[0].Unknown || found[0].Path == debianSessions {
		t.Error(found, err)
	}
}

// Apache reads what its files include, and all files in a directory.
func TestPlacesInIncludedFiles(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"etc/php/8.2/apache2/php.ini":            "",
		"etc/apache2/sites-enabled/a.conf":       "Include more/*.inc\nInclude sites-enabled/a.conf\n",
		"etc/apache2/more/b.inc":                 "php_admin_value session.save_path /srv/b\nPHPIniDir /srv/php\nInclude ${X}\n",
		"etc/apache2/sites-enabled/c.conf/one":   "php_value session.save_path /srv/c\n",
		"etc/apache2/sites-available/other.conf": "php_value session.save_path /no\n",
	})
	found, err := FindInterfaces(root, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ini := range found.Inis {
		path, _, _ := ini.SessionDir()
		got = append(got, path)
	}
	if diff := cmp.Diff([]string{debianSessions, "/srv/b", "/srv/c"}, got); diff != "" {
		t.Error(diff)
	}
	var not []string
	for _, n := range found.NotRead {
		not = append(not, filepath.Base(n.Path)+": "+n.Reason)
	}
	if diff := cmp.Diff([]string{"b.inc: it sets PHPIniDir, so that PHP reads settings elsewhere",
		"b.inc: it includes files whose names only Apache knows"}, not); diff != "" {
		t.Error(diff)
	}
}

// Of two lines of one setting in one of FPM's pools the first one counts, and the letter case of its name does: measured with FPM 8.2.
func TestPoolsAreReadAsFPMDoes(t *testing.T) {
	for text, want := range map[string]string{
		"php_value[session.save_path] = /a\nphp_value[session.save_path] = /b\n":                                                "/a",
		"php_admin_value[session.save_path] = /a\nphp_admin_value[session.save_path] = /b\nphp_value[session.save_path] = /c\n": "/a",
		"php_value[session.save_path] = /a\nphp_admin_value[session.save_path] = /b\n":                                          "/b",
		"php_value[session.save_path] = /a\nphp_value[Session.Save_Path] = /b\n":                                                "/a",
	} {
		pools := parsePools("www.conf", []byte("[www]\n"+text))
		if len(pools) != 1 || pools[0].values[savePath].Text != want {
			t.Errorf("%q: %+v", text, pools)
		}
	}
}

// A section of php.ini for one host or directory has a place of its own. Apache's PHP reads none.
func TestPlacesOfSections(t *testing.T) {
	const text = "session.save_path = /all\n[HOST=erp]\nsession.save_path = /erp\n[PATH=/shop]\nsession.save_handler = redis\n[PATH=/x]\nprecision = 7\n"
	root := treetest.Write(t, map[string]string{
		"etc/php/8.2/apache2/php.ini":     text,
		"etc/php/8.2/cgi/php.ini":         text,
		"etc/php/8.2/fpm/php.ini":         text,
		"etc/php/8.2/fpm/pool.d/www.conf": "[www]\nuser = www-data\nphp_value[session.save_path] = /pool\n",
		"etc/php.ini":                     text,
	})
	found, _, err := FindSessionStores(root)
	named, namedErr := SessionStoresOf(filepath.Join(root, "etc/php.ini"))
	if err != nil || namedErr != nil {
		t.Fatal(err, namedErr)
	}
	var got []string
	for _, s := range append(found, named...) {
		got = append(got, strings.TrimSpace(s.Interface+": "+s.Handler+" "+s.Path+" "+s.User))
	}
	want := []string{
		"PHP 8.2 apache2: files /all",
		"PHP 8.2 cgi: files /all", "PHP 8.2 cgi, [HOST=erp]: files /erp", "PHP 8.2 cgi, [PATH=/shop]: redis /all",
		"PHP 8.2 fpm, pool www: files /pool www-data", "PHP 8.2 fpm, pool www, [HOST=erp]: files /erp www-data",
		"PHP 8.2 fpm, pool www, [PATH=/shop]: redis /pool www-data",
		"PHP: files /all", "PHP, [HOST=erp]: files /erp", "PHP, [PATH=/shop]: redis /all",
		"PHP: files /all", "PHP, [HOST=erp]: files /erp", "PHP, [PATH=/shop]: redis /all",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each part has the settings that count there: those of a pool, and of uzERP's directory unless the administrator has fixed them
// (measured with FPM 8.2); flags too. What is not read is told.
func TestFindInterfaces(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"etc/php/8.2/cli/php.ini": "",
		"etc/php/8.2/fpm/php.ini": "session.gc_maxlifetime = 50\nsession.save_path = /x\n",
		"etc/php/8.2/fpm/pool.d/www.conf": "[www]\nphp_value[session.gc_maxlifetime] = 200\nphp_admin_value[session.gc_probability] = 9\n" +
			"php_flag[session.cookie_secure] = on\nphp_admin_flag[session.cookie_httponly] = yes\n",
		"etc/php/8.2/fpm/pool.d/two.conf": "[two]\nphp_admin_value[session.gc_maxlifetime] = 300\n",
		"etc/php/8.2/apache2/php.ini":     "",
		"etc/apache2/sites-enabled/a.conf": "<VirtualHost *>\nphp_admin_flag session.cookie_secure On\n" +
			"php_value session.gc_maxlifetime 400\n</VirtualHost>\n",
		"etc/systemd/system/php8.2-fpm.service.d/one.conf": "[Service]\nEnvironment=PHP_INI_SCAN_DIR=/srv/php\n",
		"uzerp/.user.ini": "session.gc_maxlifetime=100\nsession.gc_probability=7\n",
		"uzerp/.htaccess": "php_value session.gc_maxlifetime 1\n",
	})
	found, err := FindInterfaces(root, filepath.Join(root, "uzerp"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, ini := range found.Inis {
		var values []string
		for _, name := range []string{"gc_maxlifetime", "gc_probability", "cookie_secure", "cookie_httponly"} {
			values = append(values, ini.Values["session."+name].Text)
		}
		got[strings.ReplaceAll(ini.Interface(), root, "")] = strings.Join(values, " ") + " php.ini " + ini.PHPIni().Values["session.gc_maxlifetime"].Text
	}
	want := map[string]string{
		"PHP 8.2 fpm, pool www": "100 9 1 1 php.ini 50", "PHP 8.2 fpm, pool two": "300 7 0 0 php.ini 50",
		"PHP 8.2 apache2": "1440 1 0 0 php.ini 1440", "PHP 8.2 apache2, /etc/apache2/sites-enabled/a.conf": "400 1 1 0 php.ini 1440",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var not []string
	for _, n := range found.NotRead {
		not = append(not, strings.TrimPrefix(n.Path, root)+": "+n.Reason)
	}
	wantNot := []string{
		"/uzerp/.htaccess: its settings of PHP's count only where Apache's AllowOverride lets them",
		"/etc/systemd/system/php8.2-fpm.service.d/one.conf: it sets PHP_INI_SCAN_DIR, so that PHP reads settings elsewhere",
	}
	if diff := cmp.Diff(wantNot, not); diff != "" {
		t.Error(diff)
	}
}

// What was not read is handed on: there may be more places than those that are known.
func TestStoresSayWhatWasNotRead(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"etc/php/8.2/apache2/php.ini":      "",
		"etc/apache2/sites-enabled/a.conf": "PHPIniDir /srv/php\n",
		"etc/apache2/envvars":              "export PHPRC=/srv\n",
	})
	stores, not, err := FindSessionStores(root)
	if err != nil || len(stores) != 1 {
		t.Error(stores, err)
	}
	if diff := cmp.Diff([]string{"a.conf: it sets PHPIniDir, so that PHP reads settings elsewhere",
		"envvars: it sets PHPRC, so that PHP reads settings elsewhere"}, reasons(not)); diff != "" {
		t.Error(diff)
	}
}

func reasons(not []file.NotRead) (said []string) {
	for _, n := range not {
		said = append(said, filepath.Base(n.Path)+": "+n.Reason)
	}
	return said
}

// Apache and nginx hand settings on to FPM in PHP_VALUE and PHP_ADMIN_VALUE.
func TestPlacesThatWebServersHandOn(t *testing.T) {
	fpm := map[string]string{
		"etc/php/8.2/fpm/php.ini": "session.save_path = /srv/php\n",
		"etc/php/8.2/fpm/pool.d/www.conf": "[www]\nphp_value[session.save_path] = /srv/www\n" +
			"[erp]\nuser = erp\nphp_admin_value[session.save_path] = /srv/erp\n",
	}
	for _, tt := range []struct {
		name, path, text string
		want, not        []string
	}{
		{"nginx", "etc/nginx/nginx.conf", "http { server { location / {\nfastcgi_param PHP_VALUE \"memory_limit=1G \\n session.save_path=/srv/n\";\n} } }\n",
			[]string{"/srv/www", "/srv/erp", "/srv/n www 2"}, nil}, // php_admin_value wins over PHP_VALUE
		{"nginx, of the administrator", "etc/nginx/nginx.conf", "http { fastcgi_param PHP_ADMIN_VALUE 'session.save_path=/srv/n\n\nupload_max_filesize=1M'; }",
			[]string{"/srv/www", "/srv/erp", "/srv/n www 1", "/srv/n erp 1"}, nil},
		{"the same line twice", "etc/nginx/nginx.conf", strings.Repeat("fastcgi_param PHP_VALUE session.save_path=/srv/n;\n", 2),
			[]string{"/srv/www", "/srv/erp", "/srv/n www 1"}, nil},
		{"nothing about sessions", "etc/nginx/nginx.conf", "fastcgi_param PHP_ADMIN_VALUE \"open_basedir=$document_root/:/tmp/\";" +
			"fastcgi_param SCRIPT_NAME $x;", []string{"/srv/www", "/srv/erp"}, nil},
		{"a variable in the place", "etc/nginx/nginx.conf", "fastcgi_param PHP_VALUE session.save_path=/srv/$host;",
			[]string{"/srv/www", "/srv/erp", "/srv/$host www 1 unknown"}, nil},
		{"a variable for all", "etc/nginx/nginx.conf", "fastcgi_param PHP_VALUE $settings;", []string{"/srv/www", "/srv/erp"},
			[]string{"nginx.conf: it sets PHP_VALUE to what only the web server knows"}},
		{"Apache", "etc/apache2/apache2.conf", "<VirtualHost *:80>\nSetEnv PHP_VALUE \"session.save_path=/srv/a\"\n</VirtualHost>\n",
			[]string{"/srv/www", "/srv/erp", "/srv/a www 2"}, nil},
		{"Apache, for some requests", "etc/apache2/apache2.conf", "ProxyFCGISetEnvIf true PHP_ADMIN_VALUE \"session.save_path=/srv/a\"\n",
			[]string{"/srv/www", "/srv/erp"}, []string{"apache2.conf: it sets PHP_ADMIN_VALUE to what only the web server knows"}},
		{"Apache, a backslash", "etc/apache2/apache2.conf", "SetEnv PHP_VALUE \"session.save_path=/srv/a\\nx=1\"\n",
			[]string{"/srv/www", "/srv/erp"}, []string{"apache2.conf: it sets PHP_VALUE to what only the web server knows"}},
		{"Apache takes it away", "etc/apache2/apache2.conf", "UnsetEnv PHP_VALUE\n# SetEnv PHP_VALUE session.save_path=/no\n",
			[]string{"/srv/www", "/srv/erp"}, nil},
		{"Debian's own lines of Apache", "etc/apache2/apache2.conf", "DefaultRuntimeDir ${APACHE_RUN_DIR}\nErrorLog ${APACHE_LOG_DIR}/error.log\n" +
			"IncludeOptional mods-enabled/*.load\nInclude ports.conf\nIncludeOptional sites-enabled/*.conf\n" +
			"SetEnvIfNoCase ^Authorization$ \"(.+)\" HTTP_AUTHORIZATION=$1\n", []string{"/srv/www", "/srv/erp"}, nil},
		{"Debian's own lines of nginx", "etc/nginx/nginx.conf", "include /etc/nginx/modules-enabled/*.conf;\nhttp { include /etc/nginx/mime.types;\n" +
			"include /etc/nginx/conf.d/*.conf; server { fastcgi_param HTTPS $https if_not_empty; } }", []string{"/srv/www", "/srv/erp"}, nil},
		{"files that only Apache knows", "etc/apache2/apache2.conf", "Include ${X}\n", []string{"/srv/www", "/srv/erp"},
			[]string{"apache2.conf: it includes files whose names only the web server knows"}},
	} {
		files := maps.Clone(fpm)
		files[tt.path] = tt.text
		stores, not, err := FindSessionStores(treetest.Write(t, files))
		if err != nil {
			t.Error(tt.name, err)
		}
		var got []string
		for _, s := range stores {
			line := s.Path
			if strings.Contains(s.Source, tt.path) {
				_, pool, _ := strings.Cut(s.Interface, "pool ")
				pool, _, _ = strings.Cut(pool, ",")
				_, at, _ := strings.Cut(s.Source, " line ")
				line += " " + pool + " " + at
			}
			if s.Unknown {
				line += " unknown"
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.not, reasons(not)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
