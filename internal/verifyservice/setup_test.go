package verifyservice_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/envwrite"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

const (
	newService = "VA00000000000000000000000000000009"
	oldService = "VA00000000000000000000000000000002"
	oldEnv     = "DB_NAME=uzerp\nTWILIO_ACCOUNT_SID=AC1\nTWILIO_AUTH_TOKEN=token\nTWILIO_SERVICE_SID=" + oldService + " # ours\n"
	newEnv     = "DB_NAME=uzerp\nTWILIO_ACCOUNT_SID=AC1\nTWILIO_AUTH_TOKEN=token\nTWILIO_SERVICE_SID=" + newService + " # ours\n"
)

// site is all that a Setup works on. Its files are real, and it writes down every call.
type site struct {
	t         *testing.T
	env       string // the path of conf/.env
	calls     []string
	before    func(call string) error // what happens before a call; an error is what the call then fails with
	enrolled  int
	create    error // what CreateService fails with
	made      int
	cancelled bool // the context reached CreateService cancelled
	refused   []string
	forbidden string // the policy allows no change of this
}

func newSite(t *testing.T, content string) *site {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "conf")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, env: filepath.Join(dir, ".env")}
	s.write(content)
	return s
}

func (s *site) write(content string) {
	s.t.Helper()
	if err := os.WriteFile(s.env, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) content() string {
	s.t.Helper()
	content, err := os.ReadFile(s.env)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content)
}

// backups returns the old files, and fails the test if anything else is left beside conf/.env.
func (s *site) backups() (paths []string) {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Dir(s.env))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), ".env.bak-"):
			paths = append(paths, filepath.Join(filepath.Dir(s.env), e.Name()))
		case e.Name() != ".env":
			s.t.Errorf("left: %s", e.Name())
		}
	}
	return paths
}

func (s *site) call(name string) error {
	s.calls = append(s.calls, name)
	if s.before != nil {
		return s.before(name)
	}
	return nil
}

func (s *site) TargetDatabase(ctx context.Context) (mfa.TargetDatabase, error) {
	err := cmp.Or(s.call("users"), ctx.Err())
	return mfa.TargetDatabase{Database: "uzerp", Users: 8, Enrolled: s.enrolled}, err
}

func (s *site) CreateService(ctx context.Context, friendlyName, issuer string) (verifyservice.Service, error) {
	if err := s.call("create"); err != nil {
		return verifyservice.Service{}, err
	}
	s.cancelled = ctx.Err() != nil
	if s.create == nil || errors.Is(s.create, errs.ErrLostReply) {
		s.made++
	}
	if s.create != nil {
		return verifyservice.Service{}, s.create
	}
	return verifyservice.Service{SID: newService, FriendlyName: friendlyName, Issuer: issuer}, nil
}

func (s *site) Refused(target string, err error) error {
	if errs.KindOf(err) == errs.Refused {
		s.refused = append(s.refused, target)
	}
	return err
}

func (s *site) Allowed(_ context.Context, _ []string, others ...string) error {
	if slices.Contains(others, s.forbidden) {
		return s.Refused(others[0], errs.New(errs.Refused, "the policy forbids it", ""))
	}
	return nil
}

func (s *site) WriteEnv(ctx context.Context, edit *installation.EnvEdit) (string, error) {
	if changes := edit.Changes; edit.Path != s.env || len(changes) != 1 || changes[0].Setting != "TWILIO_SERVICE_SID" || changes[0].After != newService {
		s.t.Errorf("recorded %s %+v", edit.Path, changes)
	}
	if err := s.call("intent"); err != nil {
		return "", err
	}
	backup, err := envwrite.Write(ctx, edit)
	return backup, errors.Join(err, s.call("outcome"))
}

func (s *site) RehearseEnv(ctx context.Context, edit *installation.EnvEdit) error {
	return envwrite.Rehearse(ctx, edit)
}

func (s *site) setup() verifyservice.Setup {
	return verifyservice.Setup{
		Services: s, Log: s, Account: "AC1",
		Users: func(context.Context) (mfa.CopyReader, error) { return s, nil },
		EnvFile: func() (installation.EnvFile, error) {
			s.calls = append(s.calls, "env")
			return installation.ReadEnvFile(s.env)
		},
	}
}

var request = verifyservice.Request{FriendlyName: "Acme uzERP"}

func (s *site) plan() verifyservice.Plan {
	s.t.Helper()
	p, err := s.setup().Plan(s.t.Context(), request, true)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func TestSetup(t *testing.T) {
	s := newSite(t, oldEnv)
	p := s.plan()
	if p.Request.Issuer != "Acme uzERP" || p.Account != "AC1" || p.Env.Users != 8 || p.Env.Path() != s.env || len(p.Warnings) > 0 {
		t.Errorf("%+v", p)
	}
	if s.made > 0 || s.content() != oldEnv || len(s.backups()) > 0 {
		t.Error("planned, and something was changed")
	}
	made, err := s.setup().Apply(t.Context(), p)
	if err != nil || made.SID != newService || made.Issuer != "Acme uzERP" || !made.Written || made.Line() != "TWILIO_SERVICE_SID="+newService {
		t.Errorf("%+v, %v", made, err)
	}
	if got := s.backups(); s.content() != newEnv || !slices.Equal(got, []string{made.Backup}) {
		t.Errorf("%q, backups %q", s.content(), got)
	}
	if want := []string{"env", "users", "users", "create", "users", "intent", "outcome"}; !slices.Equal(s.calls, want) {
		t.Errorf("%q, want %q", s.calls, want)
	}
}

// If conf/.env is to stay as it is, nobody looks at it or at the users.
func TestSetupWithoutEnv(t *testing.T) {
	s := newSite(t, oldEnv)
	s.enrolled = 8
	p, err := s.setup().Plan(t.Context(), verifyservice.Request{FriendlyName: "Acme", Issuer: "A"}, false)
	if err != nil || p.Env != nil {
		t.Fatalf("%+v, %v", p, err)
	}
	made, err := s.setup().Apply(t.Context(), p)
	if err != nil || made.SID != newService || made.Issuer != "A" || made.Written || made.Backup != "" ||
		!slices.Equal(s.calls, []string{"create"}) || s.content() != oldEnv {
		t.Errorf("%+v, %v, %q", made, err, s.calls)
	}
}

// change is what a test changes before it plans.
type change struct {
	site    *site
	setup   *verifyservice.Setup
	request *verifyservice.Request
}

func TestPlanRefuses(t *testing.T) {
	down := errs.New(errs.Unavailable, "connection refused", "")
	for name, test := range map[string]struct {
		env    string
		change func(change)
		kind   errs.Kind
		reason errs.Reason
		says   string
	}{
		"name":                      {oldEnv, func(c change) { c.request.FriendlyName = "Acme, Inc." }, errs.Usage, "", "friendly name"},
		"no name":                   {oldEnv, func(c change) { c.request.FriendlyName = "" }, errs.Usage, "", "friendly name"},
		"issuer":                    {oldEnv, func(c change) { c.request.Issuer = "a:b" }, errs.Usage, "", "issuer"},
		"no file":                   {oldEnv, func(c change) { _ = os.Remove(c.site.env) }, errs.Config, "", "does not exist"},
		"a line that uzERP rejects": {"X=a b\n", nil, errs.Config, "", "line 1"},
		"the setting is used in it": {oldEnv + "OTHER=${TWILIO_SERVICE_SID}\n", nil, errs.Refused, installation.ReasonEnvOdd, "would not read as meant"},
		"a file with several names": {oldEnv, func(c change) { _ = os.Link(c.site.env, c.site.env+".second") }, errs.Refused, "", "2 names"},
		"another account":           {"TWILIO_ACCOUNT_SID=AC2\n", nil, errs.Refused, verifyservice.ReasonOtherAccount, "in vain"},
		"the database of a test copy": {oldEnv, func(c change) { c.setup.OtherDatabase = "DATABASE_URL" },
			errs.Refused, verifyservice.ReasonOtherDatabase, "DATABASE_URL"},
		"enrolled":                {oldEnv, func(c change) { c.site.enrolled = 1 }, errs.Refused, verifyservice.ReasonUsersEnrolled, "1 of 8 users"},
		"the policy, the service": {oldEnv, func(c change) { c.site.forbidden = request.FriendlyName }, errs.Refused, "", "the policy forbids it"},
		"the policy, the file":    {oldEnv, func(c change) { c.site.forbidden = c.site.env }, errs.Refused, "", "the policy forbids it"},
		"no connection": {oldEnv, func(c change) {
			c.setup.Users = func(context.Context) (mfa.CopyReader, error) { return nil, down }
		}, errs.Unavailable, verifyservice.ReasonEnrolledUnknown, "connection refused"},
		"no answer": {oldEnv, func(c change) {
			c.site.before = func(string) error { return down }
		}, errs.Unavailable, verifyservice.ReasonEnrolledUnknown, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, test.env)
			u, r := s.setup(), request
			if test.change != nil {
				test.change(change{s, &u, &r})
			}
			_, err := u.Plan(t.Context(), r, true)
			if err == nil || errs.KindOf(err) != test.kind || errs.HintOf(err).Reason != test.reason || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v (kind %v, reason %q)", err, errs.KindOf(err), errs.HintOf(err).Reason)
			}
			if recorded := len(s.refused) == 1 && s.refused[0] == r.FriendlyName; recorded != (test.kind == errs.Refused) {
				t.Errorf("recorded as refused: %q", s.refused)
			}
			if slices.Contains(s.calls, "create") {
				t.Error("a service was made")
			}
		})
	}
}

func TestPlanWarnings(t *testing.T) {
	for name, test := range map[string]struct {
		env      string
		present  string
		writeEnv bool
		want     []string
	}{
		"first service":             {oldEnv, "", true, nil},
		"it is replaced":            {oldEnv, "conf/.env", true, nil},
		"the environment goes on":   {oldEnv, "the environment", true, []string{"in the environment too"}},
		"another one stays":         {oldEnv, "conf/.env", false, []string{"is set already (conf/.env)"}},
		"no credentials":            {"DB_NAME=uzerp\n", "", true, []string{"lacks TWILIO_ACCOUNT_SID", "lacks TWILIO_AUTH_TOKEN"}},
		"no credentials, not asked": {"DB_NAME=uzerp\n", "", false, nil},
	} {
		s := newSite(t, test.env)
		u := s.setup()
		u.Present = strings.Replace(test.present, "conf/.env", s.env, 1)
		p, err := u.Plan(t.Context(), request, test.writeEnv)
		if err != nil || len(p.Warnings) != len(test.want) {
			t.Errorf("%s: %q, %v", name, p.Warnings, err)
			continue
		}
		for i, w := range test.want {
			if !strings.Contains(p.Warnings[i], strings.Replace(w, "conf/.env", s.env, 1)) {
				t.Errorf("%s: %q does not say %q", name, p.Warnings[i], w)
			}
		}
	}
}

// The old value of the setting is shown only if it can be no secret.
func TestEnvPlanChange(t *testing.T) {
	for name, test := range map[string]struct {
		env    string
		before string // "nil" for a missing setting
		line   int
	}{
		"missing":                   {"A=1\n", "nil", 0},
		"empty":                     {"A=1\nTWILIO_SERVICE_SID=\n", "", 2},
		"another service":           {oldEnv, oldService, 4},
		"a token in the wrong line": {"TWILIO_SERVICE_SID=authTOKEN\n", installation.Hidden, 1},
		"made of another setting":   {"A=" + oldService + "\nTWILIO_SERVICE_SID=${A}\n", installation.Hidden, 2},
	} {
		c, before := newSite(t, test.env).plan().Env.Change(newService), "nil"
		if c.Before != nil {
			before = *c.Before
		}
		if c.Setting != "TWILIO_SERVICE_SID" || c.After != newService || before != test.before || c.Line != test.line {
			t.Errorf("%s: %+v, before %q", name, c, before)
		}
	}
}

// Each step of Apply fails. What is then there is what Apply's comment says.
func TestApplyFails(t *testing.T) {
	full := errs.New(errs.Failure, "no space left", "")
	at := func(call string, number int, do func(*site) error) func(*site) {
		return func(s *site) {
			s.before = func(name string) error {
				if name == call {
					number--
				}
				if name == call && number == 0 {
					return do(s)
				}
				return nil
			}
		}
	}
	enroll := func(s *site) error { s.enrolled = 1; return nil }
	const unmade, unknown, unnamed, named = "nothing is made", "perhaps there is a service", "it is made, and conf/.env is the old one", "it is made and written"
	for name, test := range map[string]struct {
		fail func(*site)
		left string
		kind errs.Kind
		says string
		hint string
		made bool // Made has it
	}{
		"somebody enrolls before it":          {at("users", 1, enroll), unmade, errs.Refused, "1 of 8 users", "", false},
		"the database goes before it":         {at("users", 1, func(*site) error { return full }), unmade, errs.Failure, "can't say who", "", false},
		"somebody writes conf/.env before it": {func(s *site) { s.write(oldEnv + "X=1\n") }, unmade, errs.Refused, "meanwhile", "", false},
		"the file gets a second name before it": {func(s *site) { _ = os.Link(s.env, filepath.Join(t.TempDir(), "second")) },
			unmade, errs.Refused, "2 names", "nothing was changed", false},
		"Twilio refuses": {func(s *site) { s.create = errs.New(errs.Config, "authenticate", "") },
			unmade, errs.Config, "authenticate", "", false},
		"Twilio's answer is lost": {func(s *site) {
			s.create = &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply, Hint: errs.Plain("safe")}
		},
			unknown, errs.Failure, "may have", `for "Acme uzERP"`, false},
		"somebody enrolls while it is made":  {at("users", 2, enroll), unnamed, errs.Failure, "1 of 8 users", "once nobody is enrolled", true},
		"the database goes while it is made": {at("users", 2, func(*site) error { return full }), unnamed, errs.Failure, "can't say who", "by hand", true},
		"conf/.env changes while it is made": {at("create", 1, func(s *site) error { s.write(oldEnv + "X=1\n"); return nil }),
			unnamed, errs.Failure, "meanwhile", "by hand", true},
		"the intent can't be recorded":  {at("intent", 1, func(*site) error { return full }), unnamed, errs.Failure, "no space", "by hand", true},
		"the outcome can't be recorded": {at("outcome", 1, func(*site) error { return full }), named, errs.Failure, "is made and written", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, oldEnv)
			p := s.plan()
			test.fail(s)
			made, err := s.setup().Apply(t.Context(), p)
			if err == nil || errs.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says) || !strings.Contains(errs.HintOf(err).Text, test.hint) {
				t.Errorf("%v (kind %v), hint %q", err, errs.KindOf(err), errs.HintOf(err))
			}
			if test.made != (made.SID == newService) || test.made && !strings.Contains(err.Error(), newService) {
				t.Errorf("made %+v, and the error is %v", made, err)
			}
			if (test.left == unmade) != (s.made == 0) {
				t.Errorf("%d services", s.made)
			}
			isNamed := strings.Contains(s.content(), newService)
			if isNamed != (test.left == named) || made.Written != isNamed || (len(s.backups()) > 0) != isNamed {
				t.Errorf("written: %v; conf/.env is %q, backups %q", made.Written, s.content(), s.backups())
			}
			hint := errs.HintOf(err).Text
			if test.left == unnamed && (!strings.Contains(hint, "TWILIO_SERVICE_SID="+newService+" into "+s.env) || strings.Contains(hint, "nothing was changed")) {
				t.Errorf("the hint does not say what to write where: %q", hint)
			}
			if (len(s.refused) == 1) != (test.kind == errs.Refused) {
				t.Errorf("recorded as refused: %q", s.refused)
			}
		})
	}
}

// The program is killed before each of Apply's calls. The next run of Plan works in any case, and no file is torn.
func TestApplyKilled(t *testing.T) {
	type killed struct{}
	for n, want := range []struct {
		call    string
		made    int
		content string
	}{{"users", 0, oldEnv}, {"create", 0, oldEnv}, {"users", 1, oldEnv}, {"intent", 1, oldEnv}, {"outcome", 1, newEnv}} {
		s := newSite(t, oldEnv)
		p := s.plan()
		left := n
		s.before = func(string) error {
			if left--; left < 0 {
				panic(killed{})
			}
			return nil
		}
		func() {
			defer func() {
				if r := recover(); r != (killed{}) {
					t.Errorf("kill %d: %v", n, r)
				}
			}()
			_, _ = s.setup().Apply(t.Context(), p)
		}()
		s.before = nil
		if got := s.calls[len(s.calls)-1]; got != want.call || s.made != want.made || s.content() != want.content {
			t.Errorf("killed before %s, want %s: %d services, %q", got, want.call, s.made, s.content())
		}
		s.backups()
		s.plan()
	}
}

// A signal ends nothing that is begun, and begins nothing.
func TestApplyInterrupted(t *testing.T) {
	s := newSite(t, oldEnv)
	p := s.plan()
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(call string) error {
		if call == "create" {
			cancel()
		}
		return nil
	}
	made, err := s.setup().Apply(ctx, p)
	if err != nil || !made.Written || s.content() != newEnv || s.cancelled {
		t.Errorf("%+v, %v", made, err)
	}
	if _, err := s.setup().Apply(ctx, verifyservice.Plan{Request: request}); !errors.Is(err, context.Canceled) || s.made != 1 {
		t.Errorf("%v, %d services: nothing is begun after a signal", err, s.made)
	}
}

func TestNotShown(t *testing.T) {
	made := verifyservice.Made{Service: verifyservice.Service{SID: newService}}
	err := made.NotShown(errors.New("no space left"))
	if errs.KindOf(err) != errs.Failure || !strings.Contains(err.Error(), newService) || !strings.Contains(errs.HintOf(err).Text, "another service") {
		t.Errorf("%v, hint %q", err, errs.HintOf(err))
	}
}
