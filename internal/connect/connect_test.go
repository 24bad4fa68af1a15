package connect

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/verifyservice"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Run(m)) }

// site is a database and a Twilio that counts its requests and rejects every one.
type site struct {
	reader *Reader
	log    string
	url    string // of Twilio
	asked  int
}

func newSite(t *testing.T, settings ...string) *site {
	t.Helper()
	s := &site{log: filepath.Join(t.TempDir(), "audit.jsonl")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked++
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code": 20003, "message": "Authenticate", "status": 401}`)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	env := map[string]string{
		"DATABASE_URL": dbtest.New(t, dbtest.Sample) + strings.Join(settings, ""), "UZERP_MFA_VERIFY_URL": server.URL,
		"TWILIO_ACCOUNT_SID": "AC" + strings.Repeat("0", 32), "TWILIO_SERVICE_SID": "VA" + strings.Repeat("0", 32),
		"TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
	}
	getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	s.reader = New(Options{Loader: &config.Loader{Getenv: getenv, Dir: t.TempDir()}, Logger: func() *slog.Logger { return nil }, Now: time.Now})
	t.Cleanup(s.reader.Close)
	return s
}

func (s *site) changes(t *testing.T, cmd Command) *Changes {
	t.Helper()
	cmd.Name, cmd.AuditLog, cmd.Getenv = "a command", s.log, func(string) string { return "" }
	ch, err := NewChanges(s.reader, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// Whatever a command is about to change in the database, one that takes no changes is found first, and that is recorded. What only
// reads users goes on, and so does a dry run, with a warning.
func TestDatabaseThatTakesNoChanges(t *testing.T) {
	s := newSite(t, "&options=-cdefault_transaction_read_only%3Don")
	ch := s.changes(t, Command{})
	ctx := t.Context()
	_, users := ch.Users(ctx)
	_, classes := ch.Injector(ctx)
	_, whole := ch.Copy(ctx)
	for _, err := range []error{users, classes, whole} {
		if errs.KindOf(err) != errs.Refused || !strings.Contains(err.Error(), "the database is read-only") {
			t.Errorf("got %v", err)
		}
	}
	if got := s.records(t); len(got) != 3 {
		t.Errorf("recorded: %q", got)
	}
	reader, err := ch.UserReader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := reader.FindUsers(ctx, []string{"alice"}); err != nil || len(found) != 1 {
		t.Error(found, err)
	}
	if _, writes := reader.(mfa.Writer); writes {
		t.Error("what reads users can write them")
	}
	warned := 0
	s.reader.options.Warn = func(string, ...any) { warned++ }
	dry := s.changes(t, Command{DryRun: true})
	for range 2 {
		if _, err := dry.Users(ctx); err != nil {
			t.Error(err)
		}
	}
	if warned != 1 {
		t.Errorf("%d warnings", warned)
	}
	ch.BestEffort() // what undoes something is tried all the same
	if _, err := ch.Injector(ctx); err != nil {
		t.Error(err)
	}
}

// records returns the targets and results in the audit log, or nothing if there is no log.
func (s *site) records(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Target+" "+string(r.Result))
	}
	return all
}

func got[P any](t *testing.T) func(port P, err error) P {
	return func(port P, err error) P {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
}

// every calls everything that writes, and returns what each call says.
func every(t *testing.T, ch *Changes) map[string]error {
	t.Helper()
	ctx := t.Context()
	users := got[mfa.Writer](t)(ch.Users(ctx))
	factors := got[mfa.Factors](t)(ch.Factors())
	verifications := got[caller.Verifications](t)(ch.Verifications())
	services := got[verifyservice.Creator](t)(ch.Services())
	site := got[injector.Writer](t)(ch.Injector(ctx))
	copied := got[mfa.CopyWriter](t)(ch.Copy(ctx))
	alice := got[[]mfa.User](t)(users.FindUsers(ctx, []string{"alice"}))[0]
	becomes, yes := alice.Row, true
	becomes.Enabled = &yes
	if alice.Equal(becomes) {
		t.Fatal("nothing would change")
	}
	target := got[mfa.TargetDatabase](t)(copied.TargetDatabase(ctx))
	to := caller.Recipient{Username: "alice", Phone: caller.Phone{E164: secret.New("+447700900123"), Masked: "***123"}}
	const identity, sid = "22222222-2222-4222-8222-222222222222", "YF00000000000000000000000000000001"

	said := map[string]error{}
	said["CompareAndSet"] = users.CompareAndSet(ctx, "alice", alice.Row, becomes)
	_, said["CreateFactor"] = factors.CreateFactor(ctx, identity, "alice")
	_, said["VerifyFactor"] = factors.VerifyFactor(ctx, identity, sid, "123456")
	_, said["Challenge"] = factors.Challenge(ctx, identity, sid, "123456")
	said["DeleteFactor"] = factors.DeleteFactor(ctx, identity, sid)
	_, said["StartVerification"] = verifications.StartVerification(ctx, to, caller.ChannelSMS)
	_, said["CheckVerification"] = verifications.CheckVerification(ctx, to, "VE00000000000000000000000000000001", "123456")
	_, said["CreateService"] = services.CreateService(ctx, "Acme", "Acme")
	classes := got[[]injector.Class](t)(site.InjectorClasses(ctx, injector.Names()))
	said["ApplySwitch"] = site.ApplySwitch(ctx, injector.Names(), injector.SwitchPlan{Was: classes, Changes: []injector.ClassChange{
		{Name: classes[0].Name, ID: classes[0].ID, Before: classes[0].ClassName, After: "OtherHandler"}}})
	_, said["SettledClasses"] = site.SettledClasses(ctx, injector.Names())
	_, release, err := site.HoldTrial(ctx, time.Minute)
	if said["HoldTrial"] = err; err == nil {
		release()
	}
	said["Detach"] = copied.Detach(ctx, target.Users, func() string { return identity })
	env := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(env, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := got[installation.EnvFile](t)(installation.ReadEnvFile(env))
	edit := got[*installation.EnvEdit](t)(file.Plan(installation.SettingChange{Setting: "A", After: "2"}))
	said["RehearseEnv"] = ch.RehearseEnv(ctx, edit)
	_, said["WriteEnv"] = ch.WriteEnv(ctx, edit)
	if content, err := os.ReadFile(env); err != nil || (string(content) == "A=2\n") != (said["WriteEnv"] == nil) {
		t.Error("WriteEnv:", said["WriteEnv"], err)
	}
	return said
}

// In a dry run a command can read but can't write, whatever it does.
func TestDryRunWritesNothing(t *testing.T) {
	s := newSite(t)
	users := got[mfa.Reader](t)(s.reader.Users(t.Context()))
	site := got[injector.Reader](t)(s.reader.Injector(t.Context()))
	was := got[[]mfa.User](t)(users.FindUsers(t.Context(), []string{"alice", "bob"}))
	classes := got[[]injector.Class](t)(site.InjectorClasses(t.Context(), injector.Names()))
	ch := s.changes(t, Command{DryRun: true})
	for call, err := range every(t, ch) {
		if !errors.Is(err, errDryRun) || errs.KindOf(err) != errs.Failure {
			t.Errorf("%s: %v", call, err)
		}
	}
	_ = ch.Refused("alice", errs.New(errs.Refused, "no", ""))
	if s.asked > 0 || len(s.records(t)) > 0 || ch.Recorded() {
		t.Errorf("Twilio was asked %d times; recorded: %q", s.asked, s.records(t))
	}
	for i, u := range got[[]mfa.User](t)(users.FindUsers(t.Context(), []string{"alice", "bob"})) {
		if !u.Equal(was[i].Row) {
			t.Errorf("%s was changed", u.Username)
		}
	}
	for i, c := range got[[]injector.Class](t)(site.InjectorClasses(t.Context(), injector.Names())) {
		if c != classes[i] {
			t.Errorf("%s was changed", c.Name)
		}
	}
}

// Every call that changes something, or tries to, has its lines in the audit log.
func TestChangesAreRecorded(t *testing.T) {
	s := newSite(t)
	ch := s.changes(t, Command{})
	said := every(t, ch)
	_ = ch.Refused("alice", errs.New(errs.Refused, "no", ""))
	_ = ch.Refused("alice", errs.New(errs.CodeRejected, "no", ""))
	_ = ch.Refused("alice", errs.New(errs.Unavailable, "no answer", ""))
	_ = ch.Refused("alice", nil)
	intents, ends := 0, map[string]int{}
	for _, r := range s.records(t) {
		if _, result, _ := strings.Cut(r, " "); result == string(audit.ResultIntent) {
			intents++
		} else {
			ends[result]++
		}
	}
	// All but Challenge, HoldTrial, SettledClasses and RehearseEnv, which change nothing that stays.
	want := len(said) - 4
	if intents != want || ends[string(audit.ResultRefused)] != 2 || ends[string(audit.ResultDone)]+ends[string(audit.ResultFailed)] != want {
		t.Errorf("%d intents of %d changes, %v: %q", intents, want, ends, s.records(t))
	}
	for _, call := range []string{"CompareAndSet", "ApplySwitch", "HoldTrial", "SettledClasses", "WriteEnv"} {
		if said[call] != nil {
			t.Errorf("%s: %v", call, said[call])
		}
	}
}

// A record names the database and the service that are open when it is written, and nothing that is only in the settings.
func TestRecordsNameThePlace(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ch := s.changes(t, Command{VerifiedBy: "in-person"})
	refuse := func() audit.Record {
		_ = ch.Refused("alice", errs.New(errs.Refused, "no", ""))
		var last audit.Record
		for r, err := range audit.Read(strings.NewReader(string(got[[]byte](t)(os.ReadFile(s.log))))) {
			if err != nil {
				t.Fatal(err)
			}
			last = r
		}
		return last
	}
	if r := refuse(); r.Database != nil || r.Service != nil || r.VerifiedBy != "in-person" {
		t.Errorf("nothing is open: %+v", r)
	}
	got[verifyservice.Creator](t)(ch.Services())
	if r := refuse(); r.Database != nil || r.Service == nil || *r.Service != (audit.Service{Address: s.url}) {
		t.Errorf("the account: %+v", r)
	}
	got[caller.Verifications](t)(ch.Verifications())
	got[mfa.Writer](t)(ch.Users(ctx))
	r := refuse()
	if r.Service == nil || *r.Service != (audit.Service{SID: "VA" + strings.Repeat("0", 32), Address: s.url}) {
		t.Errorf("the service: %+v", r)
	}
	at := s.reader.db.Address()
	if r.Database == nil || at.Database == "" || *r.Database != (audit.Database{Host: at.Host, Port: at.Port, Name: at.Database}) {
		t.Errorf("the database: %+v", r)
	}
}

// With --no-audit-log changes are made without a log.
func TestChangesWithoutALog(t *testing.T) {
	s := newSite(t)
	ch := s.changes(t, Command{Unlogged: true})
	if said := every(t, ch); said["CompareAndSet"] != nil || said["WriteEnv"] != nil || ch.Recorded() {
		t.Error(said)
	}
	if len(s.records(t)) > 0 {
		t.Error(s.records(t))
	}
}

// A log that can't be written ends a command before anything else is opened.
func TestTheLogComesFirst(t *testing.T) {
	r := New(Options{Loader: &config.Loader{Getenv: func(string) (string, bool) { t.Error("a setting was looked for"); return "", false }}})
	_, err := NewChanges(r, Command{AuditLog: t.TempDir(), Getenv: func(string) string { return "" }})
	if errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), "audit log") {
		t.Error(err)
	}
}

// A type assertion can't turn a reading port into a writing one.
func TestReadingPortsOnlyRead(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	for _, port := range []any{
		got[mfa.Reader](t)(s.reader.Users(ctx)), got[mfa.FactorReader](t)(s.reader.Factors()), got[mfa.Challenger](t)(s.reader.Challenger()),
		got[injector.Reader](t)(s.reader.Injector(ctx)), got[mfa.CopyReader](t)(s.reader.Copy(ctx)), got[caller.Directory](t)(s.reader.Directory(ctx)),
		got[doctor.Database](t)(s.reader.Doctor(ctx)),
	} {
		switch port.(type) {
		case mfa.Writer, mfa.Factors, injector.Writer, mfa.CopyWriter, caller.Verifications, verifyservice.Creator:
			t.Errorf("%T writes", port)
		}
	}
}

// uzERP's users have no factors in another service, or in another account, and there a caller may answer codes without a
// phone. So no port that judges or changes factors, or verifies callers, opens there. A new service may be made anywhere.
func TestOneService(t *testing.T) {
	const (
		account, otherAccount = "AC00000000000000000000000000000000", "AC11111111111111111111111111111111"
		service, otherService = "VA00000000000000000000000000000000", "VA11111111111111111111111111111111"
	)
	root := t.TempDir()
	conf := "TWILIO_ACCOUNT_SID=" + account + "\nTWILIO_SERVICE_SID=" + service + "\nTWILIO_AUTH_TOKEN=t\n"
	for name, text := range map[string]string{"system.php": "", "conf/.env": conf} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	reader := func(t *testing.T, account, service string) *Reader {
		env := map[string]string{"TWILIO_ACCOUNT_SID": account, "TWILIO_SERVICE_SID": service, "TWILIO_AUTH_TOKEN": "t"}
		getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
		r := New(Options{Loader: &config.Loader{Getenv: getenv, Dir: root}, Logger: func() *slog.Logger { return nil }, Now: time.Now})
		t.Cleanup(r.Close)
		return r
	}
	for _, port := range []struct {
		name    string
		factors bool // it judges or changes the factors of uzERP's users, or verifies callers
		open    func(*Reader, *Changes) error
	}{
		{"reading Factors", true, func(r *Reader, _ *Changes) error { _, err := r.Factors(); return err }},
		{"reading FactorsAtOnce", true, func(r *Reader, _ *Changes) error { _, err := r.FactorsAtOnce(2); return err }},
		{"reading Challenger", true, func(r *Reader, _ *Changes) error { _, err := r.Challenger(); return err }},
		{"writing Factors", true, func(_ *Reader, ch *Changes) error { _, err := ch.Factors(); return err }},
		{"Verifications", true, func(_ *Reader, ch *Changes) error { _, err := ch.Verifications(); return err }},
		{"Services", false, func(_ *Reader, ch *Changes) error { _, err := ch.Services(); return err }},
	} {
		for _, settings := range []struct {
			name, account, service string
			foreign                bool
		}{
			{"uzERP's own", account, service, false},
			{"another service", account, otherService, true},
			{"another account", otherAccount, service, true},
		} {
			for name, cmd := range map[string]Command{"unlogged": {Unlogged: true}, "dry run": {DryRun: true}} {
				t.Run(port.name+"/"+settings.name+"/"+name, func(t *testing.T) {
					r := reader(t, settings.account, settings.service) // a new one: what is open stays open
					cmd.Getenv = func(string) string { return "" }
					ch := got[*Changes](t)(NewChanges(r, cmd))
					err := port.open(r, ch)
					switch e, _ := errors.AsType[*errs.Error](err); {
					case !port.factors || !settings.foreign:
						if err != nil {
							t.Error(err)
						}
					case e == nil || e.Kind != errs.Config || e.Hint.Reason != config.ReasonForeignService:
						t.Errorf("got %v, and not the reason that this is another service", err)
					}
				})
			}
		}
	}
}

// doctor shows where the database is, part by part, and where each part came from; never what may be a part of a password.
func TestDatabaseSettings(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE", "PGPASSFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("PGPORT", "5433")
	root := treetest.Write(t, map[string]string{"system.php": "<?php", "conf/.env": "DB_NAME=erp\nDB_USER=web\nDB_HOST=db.example.com\nDB_PASSWORD=sesame\n"})
	for _, test := range []struct{ url, root, want string }{
		{"", root, "host=db.example.com (conf/.env line 3) port=5433 (PGPORT) name=erp (conf/.env line 1) role=web (conf/.env line 2)"},
		{"postgres://u@h:1,i:2/d", root, "host=h, i (DATABASE_URL) port=1, 2 (DATABASE_URL) name=d (DATABASE_URL) role=u (DATABASE_URL)"},
		{"postgres://u@h:1/d%40sesame", "", "host=h (DATABASE_URL) port=1 (DATABASE_URL) name=(not shown: it has a @) (DATABASE_URL) role=u (DATABASE_URL)"},
		{"postgres://u@h/d?nonsense=1", "", ""},
		{"", "", ""},
	} {
		env := map[string]string{"DATABASE_URL": test.url, "UZERP_ROOT": test.root}
		getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
		r := New(Options{Loader: &config.Loader{Getenv: getenv, Dir: t.TempDir()}, Logger: func() *slog.Logger { return nil }, Now: time.Now})
		var got []string
		for _, s := range r.DatabaseSettings() {
			got = append(got, strings.TrimPrefix(s.Name, "database ")+"="+s.Value+" ("+s.Source+")")
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %s, want %s", test.url, text, test.want)
		}
	}
}
