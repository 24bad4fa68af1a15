package cmd_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uzerp-mfa/internal/pgtemp/dbtest"
)

// BenchmarkReconcile measures reconcile of 5 008 users, of whom 1 002 are enrolled, where Twilio takes 30 ms a call and 100 calls a
// second. The ratio counts: 1 is what no program could beat that makes the same calls, so many at a time. Once is enough: it takes
// more than a minute.
func BenchmarkReconcile(b *testing.B) {
	for _, atOnce := range []int{1, 4, 8, 16} {
		b.Run(fmt.Sprintf("concurrency=%d", atOnce), func(b *testing.B) {
			for range b.N { // b.Loop would count what is prepared
				reconcileAtPace(b, atOnce)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func reconcileAtPace(b *testing.B, atOnce int) {
	b.Helper()
	verify, database, _ := enrolledUsers(b, 1002)
	defer func() { _ = verify.Close() }()
	dbtest.Exec(b, database, `insert into users (username, password, access_enabled, uuid, mfa_enrolled, mfa_enabled)
		select 'fresh' || n, '*', true, ('20000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, false, false
		from generate_series(1, 5008 - (select count(*) from users)) n`)
	limited := slowAndLimited(verify, callsASecond)
	var sent atomic.Int64
	twilio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		limited.ServeHTTP(w, r)
	}))
	defer twilio.Close()
	c := exec.Command(shipped(b), "reconcile", "--concurrency", strconv.Itoa(atOnce), "-o", "csv", "-q", "--database-url", database,
		"--audit-log", filepath.Join(b.TempDir(), "audit.jsonl"))
	c.Env = twilioAt(twilio.URL)
	var stderr strings.Builder
	c.Stderr = &stderr
	began := time.Now()
	out, err := c.Output()
	took := time.Since(began)
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 9 && exit.ExitCode() != 7) {
		b.Fatalf("%v\n%s", err, stderr.String())
	}
	unknown := 0
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "unknown") {
			unknown++
		}
	}
	taken := len(verify.Requests())
	ideal := max(time.Duration(taken)*time.Second/callsASecond, time.Duration(taken)*callTakes/time.Duration(atOnce))
	b.ReportMetric(took.Seconds()/ideal.Seconds(), "ratio")
	b.ReportMetric(100*float64(sent.Load()-int64(taken))/float64(sent.Load()), "refused%")
	b.ReportMetric(float64(unknown), "unknown")
	b.ReportMetric(float64(taken), "calls")
}
