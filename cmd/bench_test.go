package cmd_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"uzerp-mfa/internal/pgtemp/dbtest"
)

// BenchmarkStart measures how long the program takes to start and do nothing, compared with psql. The two run in
// turns. The ratio counts: below 1 the program is faster than psql.
func BenchmarkStart(b *testing.B) {
	binary := shipped(b)
	psql := "psql"
	// On Debian the psql in the PATH is a Perl script that looks for the real one.
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/psql"); len(found) > 0 {
		psql = found[len(found)-1]
	}
	var ours, theirs time.Duration
	for b.Loop() {
		ours += timed(b, exec.Command(binary, "version"))
		theirs += timed(b, exec.Command(psql, "--version"))
	}
	b.ReportMetric(0, "ns/op") // the time of both together means nothing
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "ms/version")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N)/1000, "ms/psql")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}

// BenchmarkUserList measures how long a list of 20 000 users as CSV takes, compared with psql and the same columns.
func BenchmarkUserList(b *testing.B) {
	binary := shipped(b)
	database := dbtest.New(b, dbtest.Sample)
	dbtest.Exec(b, database, `insert into users (username, password, email, access_enabled, uuid, mfa_enrolled, mfa_enabled)
		select 'user' || n, '*', 'user' || n || '@example.com', true, md5(n::text)::uuid, false, false from generate_series(1, 20000) n`)
	var ours, theirs time.Duration
	for b.Loop() {
		ours += timed(b, exec.Command(binary, "user", "list", "-o", "csv", "--database-url", database))
		theirs += timed(b, exec.Command("psql", "-c", `copy (select u.username, trim(concat_ws(' ', p.firstname, p.surname)), u.email, u.access_enabled,
			u.uuid, u.mfa_sid, u.mfa_enrolled, u.mfa_enabled, u.last_login
			from users u left join person p on p.id = u.person_id order by u.username collate "C") to stdout csv header`, database))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "ms/list")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N)/1000, "ms/psql")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}

func timed(b *testing.B, c *exec.Cmd) time.Duration {
	b.Helper()
	start := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", c, err, out)
	}
	return time.Since(start)
}
