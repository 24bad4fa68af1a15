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
	"github.com/jackc/pgx/v5"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/reconcile"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/twilio"
)

// site is uzERP's database and Twilio with differences planted in it, and what reconcile must say and do about them.
type site struct {
	database string
	conn     *pgx.Conn // to it
	verify   *emulator.Running
	rows     siteRows

	findings []string // "kind user sid"
	fixable  []string // those that --fix repairs; orphan-entity only if named
	deleted  []string // factors that go with it
	reset    []string // users who are not enrolled after it, without a factor and with the same uuid, if they had one
	newUUID  []string // users who have another uuid after it
}

// siteRows are the columns of the users to be inserted.
type siteRows struct {
	name, sid, uuid   []*string
	enrolled, enabled []*bool
}

const siteDay = 26 * time.Hour

func ptr[T any](v T) *T { return &v }

// The differences, by the last two digits of a user's number times the site's density.
const (
	plantMissing = iota
	plantUnverified
	plantNoSID
	plantOrphan
	plantStale
	plantNoUUID
	plantDuplicate
	plantPending
	plantNew
	plantSkip
	plantYoung
	plants
)

// plant makes a site of n users of whom one in every has each of the differences, and an orphan entity for each of these.
func plant(t testing.TB, n, every int) *site {
	t.Helper()
	s := &site{}
	var err error
	s.verify, err = emulator.Start("", emulator.Options{AccountSID: accountSID, ServiceSID: serviceSID, Control: true, Seed: 7,
		Credentials: []emulator.Credential{{Username: accountSID, Password: authToken}}})
	if err != nil {
		t.Fatal(err)
	}
	var late []func() // what is made a day after the rest
	for i := range n {
		s.plantUser(i, every, &late)
		if i%every == 0 {
			f := s.verify.AddFactor(fmt.Sprintf("20000000-0000-4000-8000-%012d", i), "gone", emulator.Verified)
			s.findings = append(s.findings, string(reconcile.OrphanEntity)+"  "+f.SID)
		}
	}
	s.verify.Advance(siteDay)
	for _, f := range late {
		f()
	}
	slices.Sort(s.findings)
	slices.Sort(s.fixable)
	return s
}

func (s *site) plantUser(i, every int, late *[]func()) {
	name, id := fmt.Sprintf("user%05d", i), fmt.Sprintf("10000000-0000-4000-8000-%012d", i)
	sid, yes, no := "", ptr(true), ptr(false)
	at := len(s.rows.name)
	add := func(uuid, sid *string, enrolled, enabled *bool) {
		s.rows.name, s.rows.uuid, s.rows.sid = append(s.rows.name, &name), append(s.rows.uuid, uuid), append(s.rows.sid, sid)
		s.rows.enrolled, s.rows.enabled = append(s.rows.enrolled, enrolled), append(s.rows.enabled, enabled)
	}
	found := func(kind reconcile.Kind, sid string, fixable bool) {
		line := string(kind) + " " + name + " " + sid
		s.findings = append(s.findings, line)
		if fixable {
			s.fixable = append(s.fixable, line)
		}
	}
	factor := func(status emulator.Status) string { return s.verify.AddFactor(id, name, status).SID }
	bare := fmt.Sprintf("YF%032x", i+1)
	round := i / every
	switch i % every {
	case plantMissing:
		add(&id, &bare, yes, [...]*bool{yes, nil}[round%2])
		found(reconcile.FactorMissing, bare, true)
		s.reset = append(s.reset, name)
	case plantUnverified:
		add(&id, nil, yes, yes)
		*late = append(*late, func() {
			sid := factor(emulator.Unverified)
			s.rows.sid[at] = &sid
			found(reconcile.FactorUnverified, sid, true)
		})
		s.reset = append(s.reset, name)
	case plantNoSID:
		add(&id, [...]*string{nil, ptr(""), ptr("YF12")}[round%3], yes, yes)
		found(reconcile.SIDMissing, "", true)
		s.reset = append(s.reset, name)
	case plantOrphan:
		sid = factor(emulator.Verified)
		add(&id, nil, [...]*bool{no, nil}[round%2], no)
		found(reconcile.OrphanFactor, sid, true)
		s.deleted = append(s.deleted, sid)
	case plantStale:
		old := factor(emulator.Verified)
		sid = factor(emulator.Verified)
		add(&id, &sid, yes, yes)
		found(reconcile.StaleFactor, old, true)
		s.deleted = append(s.deleted, old)
	case plantNoUUID:
		add(nil, [...]*string{nil, &bare}[round%2], [...]*bool{no, yes}[round%2], [...]*bool{no, yes}[round%2])
		found(reconcile.UUIDMissing, "", true)
		s.newUUID = append(s.newUUID, name)
		if round%2 == 1 {
			s.reset = append(s.reset, name)
		}
	case plantDuplicate: // shares with the one of the next round, or of the round before
		id = fmt.Sprintf("10000000-0000-4000-8000-%012d", (round/2*2)*every+plantDuplicate)
		if round%4 == 3 { // the other is enrolled
			add(&id, nil, no, no)
			found(reconcile.UUIDDuplicate, "", true)
			s.newUUID = append(s.newUUID, name)
			return
		}
		sid = factor(emulator.Verified)
		add(&id, &sid, yes, yes)
		found(reconcile.UUIDDuplicate, "", false)
	case plantPending:
		add(&id, nil, no, no)
		*late = append(*late, func() { factor(emulator.Unverified) })
	case plantNew:
		add(&id, nil, no, no)
	case plantSkip:
		add(&id, &bare, yes, no)
		found(reconcile.FactorMissing, bare, false)
	case plantYoung:
		add(&id, nil, no, no)
		*late = append(*late, func() { found(reconcile.OrphanFactor, factor(emulator.Verified), false) })
	default:
		sid = factor(emulator.Verified)
		add(&id, &sid, yes, yes)
	}
}

// store puts the users into the database, in place of those who are there.
func (s *site) store(t testing.TB, database string, conn *pgx.Conn) {
	t.Helper()
	s.database, s.conn = database, conn
	for _, sql := range []string{"delete from users", `insert into users (username, password, uuid, mfa_sid, mfa_enrolled, mfa_enabled)
		select n, '*', u::uuid, s, e, a from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[]) as r (n, u, s, e, a)`} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{s.rows.name, s.rows.uuid, s.rows.sid, s.rows.enrolled, s.rows.enabled}
		}
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
}

// row is a user as the database has one, to compare with.
type row struct {
	UUID, SID         *string
	Enrolled, Enabled *bool
}

func (s *site) users(t testing.TB) map[string]row {
	t.Helper()
	rows, err := s.conn.Query(context.Background(), "select username, uuid::text, mfa_sid, mfa_enrolled, mfa_enabled from users")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]row{}
	for rows.Next() {
		var name string
		var r row
		if err := rows.Scan(&name, &r.UUID, &r.SID, &r.Enrolled, &r.Enabled); err != nil {
			t.Fatal(err)
		}
		all[name] = r
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func (s *site) factors() map[string]bool {
	all := map[string]bool{}
	for _, e := range s.verify.Entities() {
		for _, f := range s.verify.Factors(e.Identity) {
			all[f.SID] = true
		}
	}
	return all
}

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
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
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

// Of 10 000 users one in a hundred has each of the differences: exactly these are found, and --fix repairs what it must and
// leaves the rest of both sides as it was.
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

	// More than --max, which is 20 here: nothing.
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

// wantRepaired holds both sides against what --fix must have done to them.
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

// An outage from any request on, of any sort and length: no repair that a healthy run would not have made, and nothing that
// is called fixed and is not.
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
	// Lies of a Twilio that is otherwise well.
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
	// Nothing is ever repaired, not even what needs no answer of Twilio's.
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
