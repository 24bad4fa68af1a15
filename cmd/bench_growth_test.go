package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uzerp-mfa/internal/twilio"
)

// standIn is Twilio for the users of fill, and for no others. The emulator keeps every entity and every request, and sorts all
// entities for each page of them: with a million users that is what would be measured. standIn makes each answer when it is
// asked for, and knows of nothing but which factors were deleted. What is not about users the emulator answers.
type standIn struct {
	URL     string
	rest    http.Handler
	users   int
	deleted []atomic.Bool
	calls   atomic.Int64
}

func newStandIn(tb testing.TB, users int) *standIn {
	tb.Helper()
	s := &standIn{users: users, deleted: make([]atomic.Bool, users), rest: emptyTwilio(tb)}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

const twilioDay = "2026-07-14T08:00:00Z"

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	path, ours := strings.CutPrefix(r.URL.Path, "/v2/Services/"+serviceSID+"/Entities")
	part := strings.Split(path, "/") // "", the identity, a kind, a SID
	n := -1
	if len(part) > 1 && len(part[1]) == 36 {
		n, _ = strconv.Atoi(part[1][24:])
	}
	var body bytes.Buffer
	switch {
	case !ours:
		s.rest.ServeHTTP(w, r)
		return
	case len(part) == 1:
		s.entities(&body, r)
	case len(part) < 3 || n < 0 || n >= s.users || n%5 != 0 || len(part) == 4 && s.deleted[n].Load():
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, `{"code":20404,"message":"The requested resource %s was not found","status":404}`, r.URL.Path)
		return
	case r.Method == http.MethodDelete:
		s.deleted[n].Store(true)
		w.WriteHeader(http.StatusNoContent)
		return
	case len(part) == 4: // one factor
		factor(&body, n)
	case part[2] == "Factors":
		body.WriteString(`{"factors":[`)
		if !s.deleted[n].Load() {
			factor(&body, n)
		}
		body.WriteString(meta("factors", r.URL.Path, ""))
	default:
		body.WriteString(`{"challenges":[` + meta("challenges", r.URL.Path, ""))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body.Bytes())
}

// factor writes the factor of a user.
func factor(body *bytes.Buffer, n int) {
	identity, sid := factorOf(n)
	_, _ = fmt.Fprintf(body, `{"sid":%q,"account_sid":%q,"service_sid":%q,"entity_sid":"YE%032x","identity":%q,"date_created":%q,`+
		`"date_updated":%[6]q,"friendly_name":"user%07d","status":"verified","factor_type":"totp",`+
		`"config":{"alg":"sha1","skew":1,"code_length":6,"time_step":30},"metadata":{},`+
		`"url":"https://verify.twilio.com/v2/Services/%[3]s/Entities/%[5]s/Factors/%[1]s"}`, sid, accountSID, serviceSID, n, identity, twilioDay, n)
}

// entities writes a page of the entities. The page's token is the number of its first user.
func (s *standIn) entities(body *bytes.Buffer, r *http.Request) {
	rows, _ := strconv.Atoi(r.URL.Query().Get("PageSize"))
	from, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Query().Get("PageToken"), "PT"))
	body.WriteString(`{"entities":[`)
	n := from
	for ; n < s.users && n < from+5*rows; n += 5 {
		identity, _ := factorOf(n)
		url := "https://verify.twilio.com" + r.URL.Path + "/" + identity
		if n > from {
			body.WriteByte(',')
		}
		_, _ = fmt.Fprintf(body, `{"sid":"YE%032x","identity":%q,"account_sid":%q,"service_sid":%q,"date_created":%q,"date_updated":%[5]q,`+
			`"url":%[6]q,"links":{"factors":"%[6]s/Factors","new_factors":"%[6]s/Factors","challenges":"%[6]s/Challenges"}}`,
			n, identity, accountSID, serviceSID, twilioDay, url)
	}
	next := ""
	if n < s.users {
		next = fmt.Sprintf("https://verify.twilio.com%s?PageSize=%d&Page=1&PageToken=PT%032d", r.URL.Path, rows, n)
	}
	body.WriteString(meta("entities", r.URL.Path, next))
}

// meta ends a list as Twilio does.
func meta(key, path, next string) string {
	link := "null"
	if next != "" {
		link = strconv.Quote(next)
	}
	return fmt.Sprintf(`],"meta":{"page":0,"page_size":50,"first_page_url":"https://verify.twilio.com%s","previous_page_url":null,`+
		`"url":"https://verify.twilio.com%[1]s","next_page_url":%s,"key":%q}}`, path, link, key)
}

// enrolledNames returns a file with the names of the first so many enrolled users of fill.
func enrolledNames(tb testing.TB, users int) (file string) {
	tb.Helper()
	var names strings.Builder
	for i := range users {
		_, _ = fmt.Fprintf(&names, "user%07d\n", i*5)
	}
	file = filepath.Join(tb.TempDir(), "names")
	if err := os.WriteFile(file, []byte(names.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// BenchmarkGrowth measures what commands take with more and more users, where Twilio answers at once. Every fifth user is enrolled.
// What the stand-in for Twilio takes of the processor is part of the time. A history makes a call for each user, and a reset
// two: so these end with less than a million.
func BenchmarkGrowth(b *testing.B) {
	binary := shipped(b)
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(size(n)), func(b *testing.B) {
			database, verify := fill(b, size(n)), newStandIn(b, size(n))
			run := func(b *testing.B, args ...string) {
				once(b, func() metrics {
					c := exec.Command(binary, append(args, "-q", "--database-url", database, "--audit-log", filepath.Join(b.TempDir(), "audit.jsonl"))...)
					c.Env = twilioAt(verify.URL)
					before := verify.calls.Load()
					u := used(b, c, 9) // the sample has users with whom something is wrong
					return metrics{"s", u.wall, "MiB", u.peak, "cpu-s", u.cpu, "calls", int(verify.calls.Load() - before)}
				})
			}
			b.Run("list", func(b *testing.B) { run(b, "user", "list", "-o", "csv") })
			b.Run("reconcile", func(b *testing.B) { run(b, "reconcile", "-o", "jsonl") })
			if n <= 100_000 {
				b.Run("history", func(b *testing.B) { run(b, "user", "history", "--all", "-o", "csv") })
			}
		})
	}
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(size(n))+"/reset", func(b *testing.B) {
			database, verify, names := fill(b, 5*size(n)), newStandIn(b, 5*size(n)), enrolledNames(b, size(n))
			once(b, func() metrics {
				u := resetAll(b, binary, database, verify.URL, names)
				return metrics{"s", u.wall, "MiB", u.peak, "cpu-s", u.cpu, "calls", int(verify.calls.Load())}
			})
		})
	}
}

// resetAll resets the users whose names are in a file.
func resetAll(b *testing.B, binary, database, twilio, names string) usage {
	b.Helper()
	c := exec.Command(binary, "user", "reset", "--from-file", names, "--yes", "-q", "-o", "jsonl", "--database-url", database,
		"--audit-log", filepath.Join(b.TempDir(), "audit.jsonl"))
	c.Env = twilioAt(twilio)
	return used(b, c)
}

// BenchmarkMonday measures the commands of a Monday morning on a site of 5 000 users, of whom 1 000 are enrolled, where Twilio takes
// 30 ms a call and allows 100 calls a second: the list, of whom somebody else may have the password, and what differs from Twilio; then
// 20 users who did not get in, each looked at, and reset at once.
func BenchmarkMonday(b *testing.B) {
	n, late := size(5000), size(20)
	once(b, func() metrics {
		database, verify := fill(b, n), newStandIn(b, n)
		limited := httptest.NewServer(slowAndLimited(verify, callsASecond))
		defer limited.Close()
		var got metrics
		var total, peak float64
		run := func(args ...string) time.Duration {
			c := exec.Command(shipped(b), append(args, "-q", "--database-url", database, "--audit-log", filepath.Join(b.TempDir(), "audit.jsonl"))...)
			c.Env = twilioAt(limited.URL)
			u := used(b, c, 9)
			total, peak = total+u.wall.Seconds(), max(peak, u.peak)
			return u.wall
		}
		got = append(got, "list-s", run("user", "list", "-o", "csv"))
		got = append(got, "history-s", run("user", "history", "--all", "--suspicious"))
		got = append(got, "reconcile-s", run("reconcile"))
		var shows []time.Duration
		for i := range late {
			shows = append(shows, run("user", "show", fmt.Sprintf("user%07d", i*5)))
		}
		got = append(got, "show-s", median(shows))
		got = append(got, "reset-s", run("user", "reset", "--from-file", enrolledNames(b, late), "--yes"))
		// The history asks about each user, reconcile about each who is enrolled.
		ideal := time.Duration(n+n/5)*time.Second/callsASecond + time.Duration(2*late)*callTakes/twilio.CallsAtOnce
		return append(got, "s", total, "MiB", peak, "calls", int(verify.calls.Load()), "ratio", total/ideal.Seconds(), "users", n)
	})
}

// The stand-in for Twilio has the users of fill: reconcile finds no difference, a reset leaves no factor, and then reconcile says so.
func TestStandInHasTheUsersOfFill(t *testing.T) {
	const users = 5 * 1001 // three pages of entities
	database, verify := fill(t, users), newStandIn(t, users)
	run := func(args ...string) string {
		c := exec.Command(shipped(t), append(args, "--database-url", database, "--audit-log", filepath.Join(t.TempDir(), "audit.jsonl"))...)
		c.Env = twilioAt(verify.URL)
		out, err := c.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 9) {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := run("reconcile", "-o", "csv"); strings.Contains(out, "user00") || !strings.Contains(out, "\n") {
		t.Errorf("reconcile says:\n%.2000s", out)
	}
	if calls := verify.calls.Load(); calls < 1001 {
		t.Errorf("%d calls", calls)
	}
	run("user", "reset", "--from-file", enrolledNames(t, 3), "--yes", "-q")
	if left := verify.left(4); left != 1 {
		t.Errorf("%d of 4 factors are left", left)
	}
	verify.deleted[15].Store(true) // the factor of the fourth, whose row still names it
	if out := run("reconcile", "-o", "csv"); !strings.Contains(out, "user0000015,") || strings.Contains(out, "user0000010,") {
		t.Errorf("reconcile says:\n%.2000s", out)
	}
}
