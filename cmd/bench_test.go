package cmd_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/twilio"
)

// BenchmarkSuspicious measures user history --all --suspicious on 2 000 users, where Twilio takes 30 ms a call and 100 calls a
// second. The ratio counts: 1 is what no program could beat. It takes 20 seconds or more.
func BenchmarkSuspicious(b *testing.B) {
	once(b, func() metrics { return suspicious(b, size(2000)) })
}

const callsASecond, callTakes = 100, 30 * time.Millisecond

// BenchmarkReset measures user reset of 1 000 enrolled users, where Twilio takes 30 ms a call and allows as many as there are. The ratio
// counts: 1 is what no program could beat that makes the same calls, so many at a time.
func BenchmarkReset(b *testing.B) {
	users := size(1000)
	once(b, func() metrics {
		verify, database, names := enrolledUsers(b, users)
		defer func() { _ = verify.Close() }()
		slow := httptest.NewServer(slowAndLimited(verify, 0))
		defer slow.Close()
		list := filepath.Join(b.TempDir(), "users")
		if err := os.WriteFile(list, []byte(strings.Join(names, "\n")+"\n"), 0o600); err != nil {
			b.Fatal(err)
		}
		took := resetAll(b, shipped(b), database, slow.URL, list)
		calls := len(verify.Requests())
		return metrics{"ratio", took.wall.Seconds() / (time.Duration(calls) * callTakes / twilio.CallsAtOnce).Seconds(),
			"calls/user", float64(calls) / float64(users), "s", took.wall, "cpu-s", took.cpu}
	})
}

func twilioAt(url string) []string {
	return append(os.Environ(), "TWILIO_ACCOUNT_SID="+accountSID, "TWILIO_AUTH_TOKEN="+authToken, "TWILIO_SERVICE_SID="+serviceSID,
		"UZERP_MFA_VERIFY_URL="+url)
}

// enrolledUsers makes so many enrolled users, in a database and at Twilio.
func enrolledUsers(b *testing.B, users int) (verify *emulator.Running, database string, names []string) {
	b.Helper()
	verify, err := emulator.Start("", emulator.Options{AccountSID: accountSID, ServiceSID: serviceSID, Seed: 7,
		Quirks:      emulator.Quirks{EntitiesPerSecond: -1},
		Credentials: []emulator.Credential{{Username: accountSID, Password: authToken}}})
	if err != nil {
		b.Fatal(err)
	}
	database = dbtest.New(b, dbtest.Sandbox)
	var ids, sids []string
	for i := range users {
		name, id := fmt.Sprintf("user%05d", i), fmt.Sprintf("10000000-0000-4000-8000-%012d", i)
		names, ids, sids = append(names, name), append(ids, id), append(sids, verify.AddFactor(id, name, emulator.Verified).SID)
	}
	dbtest.Exec(b, database, `insert into users (username, password, access_enabled, uuid, mfa_enrolled, mfa_enabled, mfa_sid)
		select n, '*', true, u::uuid, true, true, s from unnest($1::text[], $2::text[], $3::text[]) as t (n, u, s)`, names, ids, sids)
	return verify, database, names
}

func suspicious(b *testing.B, users int) metrics {
	b.Helper()
	verify, database, names := enrolledUsers(b, users)
	defer func() { _ = verify.Close() }()
	limited := httptest.NewServer(slowAndLimited(verify, callsASecond))
	defer limited.Close()
	var want []string
	for i, name := range names {
		if i%250 != 7 {
			continue
		}
		sid := verify.Factors(fmt.Sprintf("10000000-0000-4000-8000-%012d", i))[0].SID
		for n := range 3 { // one in 500 has three refused codes, and one in 500 gets in after them
			verify.AddChallenge(sid, time.Now().Add(time.Duration(n-60)*time.Minute), false)
		}
		if i%500 == 7 {
			want = append(want, name)
		} else {
			verify.AddChallenge(sid, time.Now().Add(-55*time.Minute), true)
		}
	}
	c := exec.Command(shipped(b), "user", "history", "--all", "--suspicious", "-o", "csv", "-q", "--database-url", database)
	c.Env = twilioAt(limited.URL)
	var stderr strings.Builder
	c.Stderr = &stderr
	began := time.Now()
	out, err := c.Output()
	took := time.Since(began)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 9 {
		b.Fatalf("%v\n%s", err, stderr.String())
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if name, _, _ := strings.Cut(line, ","); name != "username" {
			found = append(found, name)
		}
	}
	if !slices.Equal(found, want) {
		b.Fatalf("found %v, want %v", found, want)
	}
	ideal := time.Duration(users) * time.Second / callsASecond
	return metrics{"ratio", took.Seconds() / ideal.Seconds(), "s", took}
}

// slowAndLimited is verify where each answer takes 30 ms in all, and what is more than so many calls within any second is turned away
// with 429; 0 is no limit.
func slowAndLimited(verify http.Handler, limit int) http.Handler {
	var mu sync.Mutex
	var taken []time.Time
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now := time.Now()
		for len(taken) > 0 && now.Sub(taken[0]) >= time.Second {
			taken = taken[1:]
		}
		full := limit > 0 && len(taken) >= limit
		if !full {
			taken = append(taken, now)
		}
		mu.Unlock()
		answer := httptest.NewRecorder()
		if full {
			answer.Header().Set("Content-Type", "application/json")
			answer.Header().Set("Retry-After", "1")
			answer.WriteHeader(http.StatusTooManyRequests)
			_, _ = fmt.Fprint(answer, `{"code":20429,"message":"Too Many Requests","status":429}`)
		} else {
			verify.ServeHTTP(answer, r)
		}
		time.Sleep(callTakes - time.Since(now))
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}
