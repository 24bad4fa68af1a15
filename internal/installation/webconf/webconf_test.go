package webconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

// said returns what a report says, with the tree's own path left out.
func said(root string, r Report) (lines []string) {
	for _, w := range r.Ways {
		line := w.Server + " " + w.URL + " " + map[Access]string{Limited: "limited", Open: "open"}[w.Access] + " by " + w.Place
		for _, u := range w.Unclear {
			line += ", but " + u
		}
		lines = append(lines, line)
	}
	for _, u := range r.Unclear {
		lines = append(lines, "unclear "+u)
	}
	for _, n := range r.NotRead {
		lines = append(lines, "not read "+n.Path+": "+n.Reason)
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], root, "")
	}
	return lines
}

// The real Apache and nginx gave the same answers to these configurations, over the network, on 2026-11-27 (Apache 2.4.71 and nginx
// 1.22.1 of Debian 12): the file where it says open, and 403, 404 or a redirection where it says nothing.
// Not measured: a host under a condition, AllowOverride under one, and try_files with another variable than $uri.
var cases = []struct {
	name   string
	apache string // a site, in etc/apache2/sites-enabled/a.conf
	nginx  string // one too, in etc/nginx/sites-enabled/a
	more   map[string]string
	want   string
}{
	{name: "Apache: the document root is uzERP's directory", apache: "<VirtualHost *:80>\nDocumentRoot ROOT/uzerp\n</VirtualHost>",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 2"},
	{name: "Apache: a directory below it", apache: "<VirtualHost *:80>\nDocumentRoot ROOT/uzerp/public\n</VirtualHost>",
		more: map[string]string{"uzerp/public/x": ""}},
	{name: "Apache: a directory above it", apache: "DocumentRoot \"ROOT\"\n",
		want: "Apache /uzerp/conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: a link in the document root", apache: "DocumentRoot ROOT/html\n", more: map[string]string{"html/erp": "-> ../uzerp"},
		want: "Apache /erp/conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: an alias", apache: "DocumentRoot ROOT/html\nAlias /erp ROOT/uzerp/\n", more: map[string]string{"html/x": ""},
		want: "Apache /erp/conf/.env open by Alias in /etc/apache2/sites-enabled/a.conf line 2"},
	{name: "Apache: the directory is closed", apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT/uzerp/conf>\n  Require all denied\n</Directory>"},
	{name: "Apache: the directory is closed, and a longer one opened",
		apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT/uzerp/conf>\nRequire all granted\n" +
			"</Directory>\n<Directory ROOT/uzerp>\nRequire all denied\n</Directory>",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: closed by an address", apache: "DocumentRoot ROOT/uzerp\n<Location /conf>\nRequire all denied\n</Location>"},
	{name: "Apache: an address opens what a directory closes",
		apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT/uzerp/conf>\nRequire all denied\n</Directory>\n" +
			"<Location />\nRequire all granted\n</Location>", want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: names with a dot are closed", apache: "DocumentRoot ROOT/uzerp\n<FilesMatch \"^\\.\">\nRequire all denied\n</FilesMatch>"},
	{name: "Apache: only .ht is closed", apache: "DocumentRoot ROOT/uzerp\n<FilesMatch \"^\\.ht\">\nRequire all denied\n</FilesMatch>",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: closed in the way of 2.2", apache: "DocumentRoot ROOT/uzerp\n<Files .env>\nOrder allow,deny\nDeny from all\n</Files>"},
	{name: "Apache: a redirection for all", apache: "DocumentRoot ROOT/uzerp\nRedirect permanent / https://erp.example.com/\n"},
	{name: "Apache: a pattern of addresses", apache: "DocumentRoot ROOT/uzerp\nRedirectMatch 404 /\\.\n"},
	{name: "Apache: for some", apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT/uzerp>\nRequire ip 10.0.0.0/8\n</Directory>",
		want: "Apache /conf/.env limited by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: RewriteRule is not understood", apache: "DocumentRoot ROOT/uzerp\nRewriteEngine On\nRewriteRule \"^/conf/\" - [F]\n",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1, but RewriteRule in /etc/apache2/sites-enabled/a.conf line 3"},
	{name: "Apache: .htaccess is not read", apache: "DocumentRoot ROOT/uzerp\n", more: map[string]string{"uzerp/conf/.htaccess": "Require all denied\n"},
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: .htaccess is read", apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT>\nAllowOverride All\n</Directory>",
		more: map[string]string{"uzerp/conf/.htaccess": "Require all denied\n"}},
	{name: "Apache: one host closes it, another does not",
		apache: "<VirtualHost *:80>\nDocumentRoot ROOT/uzerp\n<Directory ROOT/uzerp/conf>\nRequire all denied\n" +
			"</Directory>\n</VirtualHost>\n<VirtualHost *:81>\nDocumentRoot ROOT/uzerp\n</VirtualHost>",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 8"},
	{name: "Apache: closed under a condition",
		apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT/uzerp/conf>\n<IfModule mod_x.c>\nRequire all denied\n</IfModule>\n</Directory>",
		want:   "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1, but IfModule in /etc/apache2/sites-enabled/a.conf line 3"},
	{name: "Apache: closed under a condition that holds", apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT/uzerp/conf>\n<IfModule mod_authz_core.c>\n" +
		"Require all denied\n</IfModule>\n<IfModule !mod_authz_core.c>\nAllow from all\n</IfModule>\n</Directory>"},
	{name: "Apache: a variable", apache: "Define erp ROOT/uzerp\nDocumentRoot ${erp}\n",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 2"},
	{name: "Apache: an unknown variable", apache: "DocumentRoot ${SITES}/uzerp\n",
		want: "unclear DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: lines that go on, and more files", apache: "DocumentRoot \\\n  ROOT/uzerp\nInclude ROOT/extra\n", more: map[string]string{
		"extra/a.conf": "<Directory ~ \"/conf/\">\nRequire all denied\n</Directory>\n"}},

	{name: "Apache: a pattern of directories is held against the file",
		apache: "DocumentRoot ROOT/uzerp\n<DirectoryMatch /conf$>\nRequire all denied\n" +
			"</DirectoryMatch>\n<LocationMatch /conf$>\nRequire all denied\n</LocationMatch>",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1"},

	{name: "Apache: a host under a condition closes it", apache: "<IfModule mod_ssl.c>\n<VirtualHost *:443>\nDocumentRoot ROOT/uzerp\n" +
		"<Directory ROOT/uzerp/conf>\nRequire all denied\n</Directory>\n</VirtualHost>\n</IfModule>"},
	{name: "Apache: a host under a condition", apache: "<IfModule mod_ssl.c>\n<VirtualHost *:443>\nDocumentRoot ROOT/uzerp\n</VirtualHost>\n</IfModule>",
		want: "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 3, but IfModule in /etc/apache2/sites-enabled/a.conf line 1"},
	{name: "Apache: .htaccess is read under a condition",
		apache: "DocumentRoot ROOT/uzerp\n<Directory ROOT>\n<IfModule mod_x.c>\nAllowOverride All\n</IfModule>\n</Directory>",
		more:   map[string]string{"uzerp/conf/.htaccess": "Require all denied\n"},
		want:   "Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1, but IfModule in /etc/apache2/sites-enabled/a.conf line 3"},

	{name: "nginx: the root is uzERP's directory", nginx: "server {\n  root ROOT/uzerp;\n  location / { try_files $uri /index.php; }\n}",
		want: "nginx /conf/.env open by root in /etc/nginx/sites-enabled/a line 2"},
	{name: "nginx: names with a dot are closed", nginx: "server {\n root ROOT/uzerp;\n location ~ /\\. { deny all; }\n}"},
	{name: "nginx: the directory is closed", nginx: "server {\n root ROOT/uzerp;\n location /conf/ { return 404; }\n}"},
	{name: "nginx: a pattern wins over a prefix", nginx: "server {\n root ROOT/uzerp;\n location /conf/ { deny all; }\n location ~ env$ { }\n}",
		want: "nginx /conf/.env open by root in /etc/nginx/sites-enabled/a line 2"},
	{name: "nginx: but not over ^~", nginx: "server {\n root ROOT/uzerp;\n location ^~ /conf/ { deny all; }\n location ~ env$ { }\n}"},
	{name: "nginx: an alias", nginx: "server {\n root ROOT/html;\n location /erp/ { alias ROOT/uzerp/; }\n}", more: map[string]string{"html/x": ""},
		want: "nginx /erp/conf/.env open by alias in /etc/nginx/sites-enabled/a line 3"},
	{name: "nginx: the location has another root",
		nginx: "server {\n root ROOT/uzerp;\n location /conf/ { root ROOT/html; }\n}", more: map[string]string{"html/x": ""}},
	{name: "nginx: all goes to another server", nginx: "server {\n root ROOT/uzerp;\n location / { proxy_pass http://127.0.0.1:1; }\n}"},
	{name: "nginx: all goes to index.php", nginx: "server {\n root ROOT/uzerp;\n location / { try_files /index.php =404; }\n}"},
	{name: "nginx: a file by another variable", nginx: "server {\n root ROOT/uzerp;\n location / { try_files $request_uri /index.php?$args; }\n}",
		want: "nginx /conf/.env open by root in /etc/nginx/sites-enabled/a line 2, but try_files in /etc/nginx/sites-enabled/a line 3"},
	{name: "nginx: a redirection for all", nginx: "server {\n root ROOT/uzerp;\n return 301 https://$host$request_uri;\n}"},
	{name: "nginx: for some", nginx: "server {\n root ROOT/uzerp;\n allow 10.0.0.0/8;\n deny all;\n}",
		want: "nginx /conf/.env limited by root in /etc/nginx/sites-enabled/a line 2"},
	{name: "nginx: a condition is not understood", nginx: "server {\n root ROOT/uzerp;\n if ($request_uri ~ env) { return 403; }\n}",
		want: "nginx /conf/.env open by root in /etc/nginx/sites-enabled/a line 2, but if in /etc/nginx/sites-enabled/a line 3"},
	{name: "nginx: a variable", nginx: "server {\n root ROOT/$host;\n}", want: "unclear root in /etc/nginx/sites-enabled/a line 2"},
	{name: "none", want: ""},
}

// tree writes a machine with the configuration of a case, and returns its root.
func tree(t *testing.T, apache, nginx string, more map[string]string) string {
	t.Helper()
	files := map[string]string{"uzerp/conf/.env": "secret\n"}
	if apache != "" {
		files["etc/apache2/apache2.conf"] = "# Apache\nServerName localhost\nIncludeOptional sites-enabled/*.conf\n"
		files["etc/apache2/sites-enabled/a.conf"] = apache
	}
	if nginx != "" {
		files["etc/nginx/nginx.conf"] = "events {}\nhttp {\n  include sites-enabled/*; # the sites\n}\n"
		files["etc/nginx/sites-enabled/a"] = nginx
	}
	for name, text := range more {
		files[name] = text
	}
	root := treetest.Write(t, files)
	for name, text := range files {
		if strings.Contains(text, "ROOT") {
			if err := os.WriteFile(filepath.Join(root, name), []byte(strings.ReplaceAll(text, "ROOT", root)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func TestFind(t *testing.T) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			root := tree(t, test.apache, test.nginx, test.more)
			got := said(root, Find(root, filepath.Join(root, "uzerp/conf/.env")))
			if text := strings.Join(got, "\n"); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

// What can't be read, what never ends and what is somebody else's is told, and never taken for a rule that closes.
func TestFindWhatCannotBeRead(t *testing.T) {
	root := tree(t, "DocumentRoot ROOT/uzerp\nInclude sites-enabled/a.conf\nInclude ROOT/etc/apache2/dir\n", "", nil)
	if err := os.MkdirAll(filepath.Join(root, "etc/apache2/dir/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	got := said(root, Find(root, filepath.Join(root, "uzerp/conf/.env")))
	want := []string{
		"Apache /conf/.env open by DocumentRoot in /etc/apache2/sites-enabled/a.conf line 1",
		"unclear Include in /etc/apache2/sites-enabled/a.conf line 2",
	}
	if len(got) < 2 || got[0] != want[0] || !strings.Contains(strings.Join(got, "\n"), want[1]) {
		t.Errorf("got %q", got)
	}
	if r := Find(t.TempDir(), "/srv/uzerp/conf/.env"); len(r.Servers)+len(r.Ways)+len(r.NotRead) != 0 {
		t.Errorf("nothing there: %+v", r)
	}
}

// Configurations without an end of a block, of a quote or of a word end all the same.
func TestBrokenConfigurations(t *testing.T) {
	for _, text := range []string{"<", "</", "<>", "<Directory", "\"", "'\\", "Alias", "DocumentRoot", "Include",
		"<IfModule>", "</IfModule>\n</x>", "Redirect", "\\", "Order",
		"<Files>\nRequire"} {
		root := tree(t, text, "", nil)
		Find(root, filepath.Join(root, "uzerp/conf/.env"))
	}
	for _, text := range []string{"{", "}", "server", "server {", "server { root", "server { location { } }",
		"server { location ~ }", "\"", "'\\", "server { location ~ ( { root /; } }", "${", "a\\", "include;"} {
		root := tree(t, "", text, nil)
		Find(root, filepath.Join(root, "uzerp/conf/.env"))
	}
}

// The web server's user may write as many lines into a .htaccess as he likes; root's report stays short.
func TestLinesOfAStrangerAreNotAllNamed(t *testing.T) {
	root := tree(t, "DocumentRoot ROOT/uzerp\n<Directory ROOT>\nAllowOverride All\n</Directory>\n", "",
		map[string]string{"uzerp/conf/.htaccess": strings.Repeat("RewriteRule a b\n", 5000)})
	ways := Find(root, filepath.Join(root, "uzerp/conf/.env")).Ways
	if len(ways) != 1 || len(ways[0].Unclear) != maxNoted+1 || !strings.HasPrefix(ways[0].Unclear[maxNoted], "more lines") {
		t.Errorf("%+v", said(root, Report{Ways: ways}))
	}
}

// The lines that hand a variable on to FPM are found in every host, block and condition, and in files that are included.
func TestParams(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"etc/apache2/apache2.conf": "Define p PHP_VALUE\n<IfModule x>\n<VirtualHost *:80>\nSetEnv ${p} \"a=1\"\n</VirtualHost>\n</IfModule>\n" +
			"RewriteRule ^ - [E=PHP_ADMIN_VALUE:a=2]\nSetEnv OTHER PHP_VALUE\nUnsetEnv PHP_VALUE\nInclude ${X}\n",
		"etc/nginx/nginx.conf":        "http {\ninclude sites-enabled/*;\n}\n",
		"etc/nginx/sites-enabled/erp": "server { location ~ \\.php$ {\n fastcgi_param PHP_VALUE \"a=1\\nb=\\\"2\\\"\"; fastcgi_param X PHP_VALUE;\n} }\n",
	})
	found, not := Params(root, "PHP_VALUE", "PHP_ADMIN_VALUE")
	for i := range found {
		found[i].File = filepath.Base(found[i].File)
	}
	want := []Param{
		{Name: "PHP_VALUE", Value: "a=1", File: "apache2.conf", Line: 4, Known: true},
		{Name: "PHP_ADMIN_VALUE", File: "apache2.conf", Line: 7},
		{Name: "PHP_VALUE", Value: "a=1\nb=\"2\"", File: "erp", Line: 2, Known: true},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if len(not) != 1 || filepath.Base(not[0].Path) != "apache2.conf" {
		t.Error(not)
	}
}
