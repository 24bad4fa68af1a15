package db_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func TestRuntimeParametersAreOursUnlessTheUsersAre(t *testing.T) {
	ours := map[string]string{"application_name": "uzerp-mfa", "statement_timeout": "9500ms", "lock_timeout": "5s",
		"search_path": `"$user", public`, "client_encoding": "UTF8", "row_security": "off"}
	tests := map[string]struct {
		query string            // is added to the URL
		env   map[string]string // is set in the environment
		want  map[string]string // these settings, instead of our defaults
	}{
		"nothing":    {},
		"in the URL": {query: "&application_name=me&Lock_Timeout=7s", want: map[string]string{"application_name": "me", "lock_timeout": "7s"}},
		"PGAPPNAME":  {env: map[string]string{"PGAPPNAME": "psql"}, want: map[string]string{"application_name": "psql"}},
		"options": {query: "&options=-c%20statement_timeout%3D3s%20-csearch_path%3Dpg_catalog%20--lock-timeout%3D2s",
			want: map[string]string{"statement_timeout": "3s", "search_path": "pg_catalog", "lock_timeout": "2s"}},
		"PGOPTIONS":   {env: map[string]string{"PGOPTIONS": ` -c APPLICATION_NAME=a\ b  -c geqo=off`}, want: map[string]string{"application_name": "a b"}},
		"encoding":    {query: "&client_encoding=LATIN1"},
		"libpq's own": {query: "&gssencmode=disable&keepalives=1&fallback_application_name=x&sslcompression=0"},
	}
	url := dbtest.New(t, dbtest.Sample)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			d := open(t, db.Config{ConnString: url + tt.query})
			want := maps.Clone(ours)
			maps.Copy(want, tt.want)
			got, err := d.ServerSettings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimeoutsComeFromTheConfig(t *testing.T) {
	d := open(t, db.Config{ConnString: dbtest.New(t, dbtest.Empty), QueryTimeout: time.Minute, LockTimeout: 300 * time.Millisecond})
	got, err := d.ServerSettings(t.Context())
	if err != nil || got["statement_timeout"] != "57s" || got["lock_timeout"] != "300ms" {
		t.Error(got, err)
	}
}

func TestEnvironmentAlone(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	conn := dbtest.Connect(t, url).Config()
	t.Setenv("PGHOST", conn.Host)
	t.Setenv("PGDATABASE", conn.Database)
	t.Setenv("PGUSER", conn.User)
	find(t, open(t, db.Config{}), "alice")

	t.Setenv("PGPORT", "s3cr3t")
	_, err := db.Open(t.Context(), db.Config{})
	wantError(t, err, errs.Config, "port (from PGPORT)")
}

func TestBrokenSettingsAreNeverQuoted(t *testing.T) {
	for _, s := range []string{
		"postgres://u:s3cr3t", "postgres://u:pa/s3cr3t@localhost/db", "postgres://u:1/s3cr3t@127.0.0.1/db", "postgres://u:p@s3cr3t@h/db",
		"postgres://u:%zzs3cr3t@localhost/db", "postgres://u:s3cr3t@localhost:x/db", "postgres://u:1?s3cr3t@localhost/db",
		"postgres://u:1?a=s3cr3t@localhost/db", "mysql://u:s3cr3t@localhost/db", "password=s3cr3t host", "host=/tmp password='s3cr3t",
		"password=x s3cr3t", "user=a password=s3cr3t sslmode=maybe", "postgres://u:s3cr3t@localhost/db?sslmode=verify-full&sslrootcert=/none",
		"service=s3cr3t servicefile=/none", "postgres://u:p@localhost/db\x00s3cr3t", "postgres://u:s3cr3t@127.0.0.1:1/db?sslmode=disable",
		"postgres://u:s3cr3t@/db?host=/tmp/none", "postgres://u:1#s3cr3t@127.0.0.1/db", "postgres://u:p@127.0.0.1:1/a@s3cr3t",
		"postgres://u:p@127.0.0.1:1/d?channel_binding=s3cr3t", "postgres://u:p@s3cr3t@127.0.0.1:1/db",
	} {
		d, err := db.Open(t.Context(), db.Config{ConnString: s, QueryTimeout: time.Second})
		if err == nil {
			d.Close()
			t.Errorf("%q is taken", s)
			continue
		}
		if k := errs.KindOf(err); k != errs.Config && k != errs.Unavailable {
			t.Errorf("%q: kind %d", s, k)
		}
		wantError(t, err, errs.KindOf(err), "")
	}
}
