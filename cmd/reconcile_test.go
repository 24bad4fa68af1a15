package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/reconcile"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/twilio"
)

// report is what reconcile prints as JSON.
type report struct {
	Findings []struct {
		Kind      string  `json:"kind"`
		Username  *string `json:"username"`
		FactorSID *string `json:"factor_sid"`
		Fixable   bool    `json:"fixable"`
		Fixed     bool    `json:"fixed"`
	} `json:"findings"`
	Checked int `json:"checked"`
	Unknown int `json:"unknown"`
	Fixed   int `json:"fixed"`
}

func (r report) lines(fixed bool) []string {
	all := []string{}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, f := range r.Findings {
		if f.Fixed || !fixed {
			all = append(all, f.Kind+" "+text(f.Username)+" "+text(f.FactorSID))
		}
	}
	slices.Sort(all)
	return all
}

// run runs reconcile as main does.
func (s *site) run(t *testing.T, want int, args ...string) report {
	t.Helper()
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	out, stderr, in := open("out"), open("err"), open("in")
	env := map[string]string{"DATABASE_URL": s.database, "UZERP_MFA_VERIFY_URL": s.verify.URL, "TWILIO_ACCOUNT_SID": accountSID,
		"TWILIO_AUTH_TOKEN": authToken, "TWILIO_SERVICE_SID": serviceSID, "UZERP_MFA_AUDIT_LOG": filepath.Join(dir, "audit.jsonl")}
	code := cmd.Main(t.Context(), append([]string{"reconcile", "-o", "json"}, args...), cmd.Process{In: in, Out: out, Err: stderr,
		Policy: "/nonexistent/policy.env", Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	for _, f := range []*os.File{out, stderr, in} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(stderr.Name())
	if err != nil {
		t.Fatal(err)
	}
	if code != want {
		t.Fatalf("exit code %d, want %d: %s", code, want, said)
	}
	var r report
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return r
}

// One in a hundred of 10 000 users has each of the differences. Exactly these are found. --fix repairs those that it
// must, and changes nothing else in uzERP and at Twilio.
func TestReconcileTenThousandUsers(t *testing.T) {
	const n, every = 10_000, 100
	s := plant(t, n, every)
	defer func() { _ = s.verify.Close() }()
	database := dbtest.New(t, dbtest.Sandbox)
	s.store(t, database, dbtest.Connect(t, database))
	users, factors := s.users(t), s.factors()

	began := time.Now()
	r := s.run(t, 9)
	t.Logf("%d users checked in %v with %d requests", n, time.Since(began), len(s.verify.Requests()))
	if diff := cmp.Diff(s.findings, r.lines(false)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if r.Checked != n || r.Unknown != 0 || r.Fixed != 0 || len(s.findings) != 10*every {
		t.Errorf("%d checked, %d unknown, %d fixed, %d findings", r.Checked, r.Unknown, r.Fixed, len(s.findings))
	}
	if changed := s.verify.Changing(); len(changed) > 0 {
		t.Error("a check changes something:", changed)
	}

	// More repairs than --max, which is 20 here, are needed: none is made.
	if r = s.run(t, 6, "--fix", "-y", "--only", "sid-missing,uuid-missing,uuid-duplicate"); r.Fixed != 0 {
		t.Errorf("%d fixed", r.Fixed)
	}
	if diff := cmp.Diff(users, s.users(t)); diff != "" || len(s.verify.Changing()) > 0 {
		t.Fatal("more than --max, and something was changed:", diff)
	}

	r = s.run(t, 9, "--fix", "-y", "--max", strconv.Itoa(len(s.fixable)))
	if diff := cmp.Diff(s.fixable, r.lines(true)); diff != "" {
		t.Errorf("fixed (-want +got):\n%s", diff)
	}
	if r.Fixed != len(s.fixable) {
		t.Errorf("%d fixed", r.Fixed)
	}
	s.wantRepaired(t, users, factors)
	sharers := map[string]int{}
	now := s.users(t)
	for _, u := range now {
		sharers[*u.UUID]++
	}
	left := slices.DeleteFunc(slices.Clone(s.findings), func(l string) bool {
		kind, rest, _ := strings.Cut(l, " ")
		name, _, _ := strings.Cut(rest, " ")
		return slices.Contains(s.fixable, l) || kind == "uuid-duplicate" && sharers[*now[name].UUID] == 1
	})
	if diff := cmp.Diff(left, s.run(t, 9).lines(false)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// wantRepaired checks that uzERP and Twilio are as --fix must have left them.
func (s *site) wantRepaired(t *testing.T, users map[string]row, factors map[string]bool) {
	t.Helper()
	for name, now := range s.users(t) {
		want := users[name]
		if slices.Contains(s.reset, name) {
			want.SID, want.Enrolled, want.Enabled = nil, ptr(false), ptr(false)
		}
		if slices.Contains(s.newUUID, name) {
			if now.UUID == nil || want.UUID != nil && *now.UUID == *want.UUID {
				t.Errorf("%s has no new uuid", name)
			}
			want.UUID = now.UUID
		}
		if diff := cmp.Diff(want, now); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, sid := range s.deleted {
		delete(factors, sid)
	}
	if diff := cmp.Diff(factors, s.factors()); diff != "" {
		t.Errorf("factors (-want +got):\n%s", diff)
	}
}

// Twilio fails at any request, in any way, for any time. No repair is made that would not have been made without the
// failure, and nothing is called fixed that is not.
func TestReconcileFixInAnOutage(t *testing.T) {
	const n, every = 44, plants
	database := dbtest.New(t, dbtest.Sandbox)
	conn := dbtest.Connect(t, database)
	d, err := db.Open(t.Context(), db.Config{ConnString: database})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	html := "<html><body>This is not the page you are looking for</body></html>"

	patience := hangs
	run := func(t *testing.T, concurrency int, faults ...emulator.Fault) (s *site, fixed []string, requests int) {
		t.Helper()
		s = plant(t, n, every)
		defer func() { _ = s.verify.Close() }()
		s.store(t, database, conn)
		users, factors := s.users(t), s.factors()
		for _, f := range faults {
			s.verify.AddFault(f)
		}
		client, err := twilio.New(twilio.Config{AccountSID: accountSID, ServiceSID: serviceSID, Username: accountSID, Password: secret.New(authToken),
			BaseURL: s.verify.URL, CallTimeout: patience, Concurrency: concurrency,
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdle()
		made := 0
		r := &reconcile.Reconciler{Store: d, Factors: client, Users: d.Users(t.Context(), db.ByUsername), Only: reconcile.Kinds(), Concurrency: concurrency}
		repairer := &reconcile.Repairer{Store: d, Factors: client,
			NewUUID: func() string { made++; return fmt.Sprintf("30000000-0000-4000-8000-%012d", made) }}
		result, err := r.Check(t.Context(), func(reconcile.Difference) error { return nil })
		if err == nil {
			result.PlanRepairs(ptr(99)).Apply(t.Context(), repairer, nil)
		}
		now, left := s.users(t), s.factors()
		for name, was := range users {
			if !cmp.Equal(was, now[name]) {
				fixed = append(fixed, name)
			}
		}
		for sid := range factors {
			if !left[sid] {
				fixed = append(fixed, sid)
			}
		}
		if result != nil {
			for _, f := range result.Differences {
				subject := f.Username
				if strings.HasPrefix(string(f.Kind), "orphan") || f.Kind == reconcile.StaleFactor {
					subject = f.FactorSID
				}
				if f.Fixed && !slices.Contains(fixed, subject) {
					t.Errorf("%s %s is called fixed", f.Kind, subject)
				}
			}
		}
		slices.Sort(fixed)
		return s, fixed, len(s.verify.Requests())
	}

	s, healthy, requests := run(t, 1)
	if want := len(s.fixable) + n/every; len(healthy) != want || requests < 80 {
		t.Fatalf("%d repairs of %d, %d requests", len(healthy), want, requests)
	}
	wanted := func(t *testing.T, fixed []string) {
		t.Helper()
		for _, f := range fixed {
			if !slices.Contains(healthy, f) {
				t.Errorf("%s was changed, which a healthy run leaves alone", f)
			}
		}
	}
	step := requests/7 + 1
	for name, fault := range map[string]emulator.Fault{
		"500":          {Status: 500},
		"503 html":     {Status: 503, Body: html},
		"401":          {Code: 20003},
		"403 html":     {Status: 403, Body: html},
		"404":          {Code: 20404},
		"404 html":     {Status: 404, Body: html},
		"429":          {Status: 429},
		"200 html":     {Garbage: true, Body: html},
		"200 empty":    {Garbage: true},
		"200 {}":       {Garbage: true, Body: "{}"},
		"lost replies": {ResetAfter: true},
		"reset":        {ResetBefore: true},
		"hang":         {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "hang" {
				patience = 50 * time.Millisecond
				defer func() { patience = hangs }()
			}
			repairs := map[int]int{}
			for from := 1; from <= requests; from += step {
				for _, times := range []int{1, 0} {
					fault.Nth, fault.Times = from, times
					_, fixed, _ := run(t, 1, fault)
					wanted(t, fixed)
					repairs[len(fixed)]++
				}
				fault.Nth, fault.Times = from+step/2, 6
				_, fixed, _ := run(t, 4, fault)
				wanted(t, fixed)
			}
			t.Logf("repairs made, and in how many runs: %v", repairs)
		})
	}
	// Wrong answers of Twilio, which otherwise works.
	for name, fault := range map[string]emulator.Fault{
		"404 for every factor":   {Operation: "ListFactor", Code: 20404},
		"empty lists of factors": {Operation: "ListFactor", Lie: func(body map[string]any) { body["factors"] = []any{} }},
		"no entities":            {Operation: "ListEntity", Lie: func(body map[string]any) { body["entities"] = []any{} }},
		"one page of many":       {Operation: "ListEntity", Lie: func(body map[string]any) { body["entities"] = body["entities"].([]any)[:3] }},
	} {
		t.Run(name, func(t *testing.T) {
			_, fixed, _ := run(t, 4, fault)
			wanted(t, fixed)
		})
	}
	// Nothing is repaired, not even differences for which Twilio is not needed.
	for name, fault := range map[string]emulator.Fault{
		"404 for everything": {Code: 20404}, "404 html for everything": {Status: 404, Body: html},
		"{} for everything": {Garbage: true, Body: "{}"}, "nothing for everything": {Garbage: true}, "500 for everything": {Status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			if _, fixed, _ := run(t, 4, fault); len(fixed) > 0 {
				t.Error(fixed)
			}
		})
	}
}
