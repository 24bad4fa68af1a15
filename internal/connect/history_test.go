package connect

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// Where uzERP's setting AUDIT_LOGIN is off, it writes no lines about pages and no successes. That is said, and then their
// silence is no answer. What the settings of another uzERP say is not believed.
func TestSilentSources(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	dbtest.Exec(t, url, "insert into audit_header (username) values ('alice')")
	dbtest.Exec(t, url, `insert into audit_lines (audit_id, created, line)
		select id, now() - n * interval '20 hours', 'page' from audit_header, generate_series(0, 2) n`)
	log := t.TempDir() + "/uzerp.log"
	if err := os.WriteFile(strings.TrimSuffix(log, ".log")+"-2026-01-01.log", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, line, database string
		off                  bool
	}{
		{"off", "AUDIT_LOGIN=0", "", true},
		{"on", "AUDIT_LOGIN=1", "", false},
		{"not set", "", "", false},
		{"another uzERP's", "AUDIT_LOGIN=0", "DB_NAME=another\nDB_HOST=db.example.com", false},
	} {
		root := uzerpRoot(t, map[string]string{"conf/.env": c.line + "\n" + c.database + "\nUZERP_LOG_PATH=" + log + "\n"})
		getenv := func(name string) (string, bool) {
			v, ok := map[string]string{"DATABASE_URL": url, "UZERP_ROOT": root}[name]
			return v, ok
		}
		r := New(Options{Loader: &config.Loader{Getenv: getenv, Dir: t.TempDir()}, Logger: func() *slog.Logger { return nil }, Now: time.Now})
		histories, err := r.History(t.Context(), HistoryOptions{Offline: true, Zone: time.UTC}).
			Tell(t.Context(), []mfa.User{{Username: "alice"}}, time.Now().Add(-time.Hour))
		r.Close()
		if err != nil || len(histories) != 1 {
			t.Errorf("%s: %v, %v", c.name, histories, err)
			continue
		}
		for _, source := range []history.Source{history.FromAudit, history.FromLog} {
			coverage := histories[0].Source(source)
			said := strings.Contains(strings.Join(coverage.Missing, "; "), "AUDIT_LOGIN is off")
			if said != c.off || said && coverage.Silent() {
				t.Errorf("%s: %s: %+v", c.name, source, coverage)
			}
		}
	}
}
