package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// site is a Source and its Database. It is a sound installation, except for the questions that fail. It remembers the
// questions to each side.
type site struct {
	settings doctor.Settings
	schema   doctor.Schema
	users    []mfa.User
	persons  []mfa.Person
	mark     *injector.Mark
	fails    map[string]error      // by question
	before   func(question string) // called before each answer; may be nil

	lock                             sync.Mutex
	database, twilio, audit, session []string
	key                              []string // asked at the same time as uzERP's settings
}

func newSite() *site {
	return &site{settings: sound().Settings, schema: doctor.Schema{Version: "15.4"}, users: []mfa.User{enrolled(1, "alice")}, fails: map[string]error{}}
}

// ask remembers a question and returns the error for it.
func (s *site) ask(side *[]string, question string) error {
	s.lock.Lock()
	*side = append(*side, question)
	s.lock.Unlock()
	if s.before != nil {
		s.before(question)
	}
	return s.fails[question]
}

func (s *site) Settings() doctor.Settings { return s.settings }

func (s *site) SessionFindings() ([]finding.Finding, error) { return nil, s.ask(&s.session, "session") }

func (s *site) Database(context.Context) (doctor.Database, error) {
	return s, s.ask(&s.database, "connect")
}

func (s *site) Service(context.Context) (verifyservice.Service, doctor.Offset, error) {
	return service(), doctor.Offset{Known: true}, s.ask(&s.twilio, "service")
}

func (s *site) Access(context.Context) (verifyservice.Access, error) {
	return verifyservice.Access{Has: []verifyservice.Permission{verifyservice.MayReadService}}, s.ask(&s.key, "access")
}

func (s *site) UzerpService(context.Context) (verifyservice.Service, error) {
	return service(), s.ask(&s.twilio, "uzerp")
}

func (s *site) AuditLog() (doctor.LogFile, error) { return doctor.LogFile{}, s.ask(&s.audit, "log") }

func (s *site) AuditChain(context.Context) (doctor.Chain, error) {
	return doctor.Chain{}, s.ask(&s.audit, "chain")
}

func (s *site) Skips(context.Context) doctor.Skips {
	_ = s.ask(&s.audit, "skips")
	return skipTimes{"bob": today.Add(-12 * 24 * time.Hour)}
}

// skipTimes says since when users skip the next code.
type skipTimes map[string]time.Time

func (t skipTimes) Since(u mfa.User) (at time.Time, known bool) {
	at, known = t[u.Username]
	return at, known
}

func (s *site) Schema(context.Context) (doctor.Schema, error) {
	return s.schema, s.ask(&s.database, "schema")
}

func (s *site) MissingRights(context.Context) ([]string, error) {
	return nil, s.ask(&s.database, "rights")
}

func (s *site) InjectorClasses(context.Context, []string) ([]injector.Class, error) {
	return switchedOn(), s.ask(&s.database, "classes")
}

func (s *site) OnTrial(context.Context) (*injector.Mark, error) {
	return s.mark, s.ask(&s.database, "trial")
}

func (s *site) AllUsers(context.Context) iter.Seq2[mfa.User, error] {
	return func(yield func(mfa.User, error) bool) {
		err := s.ask(&s.database, "users")
		for _, u := range s.users {
			if !yield(u, nil) {
				return
			}
		}
		if err != nil {
			yield(mfa.User{}, err)
		}
	}
}

func (s *site) SharedUUIDs(_ context.Context, users int) (mfa.Shared, error) {
	return mfa.Shared{}, s.ask(&s.database, fmt.Sprintf("uuids of %d", users))
}

func (s *site) PersonsInQuestion(_ context.Context, users int, each func(mfa.Person)) error {
	for _, p := range s.persons {
		each(p)
	}
	return s.ask(&s.database, fmt.Sprintf("persons of %d", users))
}

func (s *site) asked() string {
	return strings.Join([]string{
		strings.Join(s.database, ","), strings.Join(s.twilio, ","), strings.Join(s.session, ","), strings.Join(s.audit, ","),
	}, " | ")
}

// gathered returns the result of one check.
func gathered(in doctor.Input, id string) string {
	for _, c := range doctor.Examine(in).Checks {
		if c.ID == id {
			return c.Severity.String() + " " + c.Message
		}
	}
	return "none"
}

func TestGather(t *testing.T) {
	const (
		allDatabase = "connect,schema,rights,classes,trial,users,uuids of 1,persons of 1"
		allTwilio   = " | service,uzerp"
		others      = " | session | log,chain"
	)
	bad := errs.New(errs.Config, "bad", "")
	foreign, old := errs.New(errs.Config, "not uzERP's", ""), errs.New(errs.Refused, "too old", "")
	for _, test := range []struct {
		name   string
		change func(*site)
		asked  string
		check  string // the ID of a check
		says   string // the beginning of the check's result
	}{
		{"a sound installation", func(*site) {}, allDatabase + allTwilio + others, "user-states", "pass 1 enrolled"},

		// After the first silence only the other side is asked.
		{"no connection", fails("connect", down), "connect" + allTwilio + others, "database-reachable", "error no answer"},
		{"silent about the schema", fails("schema", down), "connect,schema" + allTwilio + others, "database-uzerp", "error no answer"},
		{"silent about rights", fails("rights", down), "connect,schema,rights" + allTwilio + others, "login-handler", "skipped"},
		{"silent about classes", fails("classes", down), "connect,schema,rights,classes" + allTwilio + others, "trial", "skipped"},
		{"silent about a trial", fails("trial", down), "connect,schema,rights,classes,trial" + allTwilio + others, "user-states", "skipped"},
		{"silent about users", fails("users", down), "connect,schema,rights,classes,trial,users" + allTwilio + others, "user-states", "error no answer"},
		{"silent Twilio", fails("service", down), allDatabase + " | service" + others, "uzerp-twilio", "skipped"},

		// An error is an answer: asking goes on.
		{"no rights to be seen", fails("rights", bad), allDatabase + allTwilio + others, "database-rights", "error bad"},
		{"no classes to be seen", fails("classes", bad), allDatabase + allTwilio + others, "login-handler", "error bad"},
		{"no trial to be seen", fails("trial", bad), allDatabase + allTwilio + others, "trial", "error bad"},
		{"silent about uuids", fails("uuids of 1", down), strings.TrimSuffix(allDatabase, ",persons of 1") + allTwilio + others, "user-states", "error no answer"},
		{"an error page", func(s *site) {
			s.persons = []mfa.Person{{Username: "alice", Access: true, Details: mfa.Details{NoCompany: true, CompanyAccess: true, Closed: new(false)}}}
		}, allDatabase + allTwilio + others, "users-error-page", "warning 1 user may log in"},
		{"no persons to be seen", fails("persons of 1", bad), allDatabase + allTwilio + others, "users-left", "error bad"},
		{"Twilio refuses this program", fails("service", bad), allDatabase + allTwilio + others, "uzerp-twilio", "pass"},
		{"Twilio refuses uzERP", fails("uzerp", bad), allDatabase + allTwilio + others, "uzerp-twilio", "error with uzERP's own settings"},
		{"no session settings", fails("session", bad), allDatabase + allTwilio + others, "session-settings", "error bad"},
		{"no audit log to be written", fails("log", bad), allDatabase + allTwilio + others, "audit-log-intact", "pass"},
		{"no audit log to be read", fails("chain", bad), allDatabase + allTwilio + others, "audit-log-intact", "error bad"},

		{"a switch on trial", func(s *site) { s.mark = &injector.Mark{} }, allDatabase + allTwilio + others, "trial", "info a switch is on trial"},
		{"not uzERP's database", func(s *site) { s.schema.Problem = foreign }, "connect,schema" + allTwilio + others, "database-uzerp", "error not uzERP's"},
		{"an old database", func(s *site) { s.schema.Problem = old }, "connect,schema,rights,classes,trial" + allTwilio + others,
			"database-schema", "error too old"},

		{"no database set", func(s *site) { s.settings.Database = doctor.Got(doctor.Place{}, bad) }, allTwilio + others, "database-reachable", "skipped"},
		{"Twilio not set", func(s *site) { s.settings.Twilio = doctor.Got(doctor.Credentials{}, bad) }, allDatabase + " | uzerp" + others,
			"uzerp-twilio", "pass"},
		{"the same settings", func(s *site) { s.settings.UzerpTwilio = doctor.Got(true, nil) }, allDatabase + " | service" + others,
			"uzerp-twilio", "pass"},
		{"no settings for uzERP", func(s *site) { s.settings.UzerpTwilio = doctor.Got(false, bad) }, allDatabase + " | service" + others,
			"uzerp-twilio", "skipped"},
		{"uzERP lacks a setting", func(s *site) { s.settings.Env.Missing = []string{"TWILIO_SERVICE_SID"} }, allDatabase + " | service" + others,
			"uzerp-twilio", "skipped"},
		{"a skip", func(s *site) {
			bob := enrolled(2, "bob")
			bob.Enabled = &no
			s.users = append(s.users, bob)
		}, strings.ReplaceAll(allDatabase, "of 1", "of 2") + allTwilio + others + ",skips", "users-skip-next-login",
			"info 1 user gets in once without a code: \"bob\"; that was allowed 12 days ago"},
		{"no uzERP directory", func(s *site) {
			s.settings.Root, s.settings.Env = doctor.Got(doctor.Place{}, nil), injector.Settings{}
		}, allDatabase + " | service |  | log,chain", "session-settings", "skipped"},
		{"uzERP's file can't be read", func(s *site) { s.settings.Env.Problem = "torn" }, allDatabase + " | service |  | log,chain",
			"session-settings", "skipped"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite()
			test.change(s)
			in := doctor.Gather(t.Context(), s, doctor.Options{Now: today})
			if got := s.asked(); got != test.asked {
				t.Errorf("asked %s\nwant  %s", got, test.asked)
			}
			if got := gathered(in, test.check); !strings.HasPrefix(got, test.says) {
				t.Errorf("%s: %q, want %q", test.check, got, test.says)
			}
		})
	}
}

func fails(question string, err error) func(*site) {
	return func(s *site) { s.fails[question] = err }
}

// A file that the operator names is checked without uzERP's own.
func TestGatherNamedEnvFile(t *testing.T) {
	s := newSite()
	s.settings.Env.Problem = "torn"
	in := doctor.Gather(t.Context(), s, doctor.Options{Now: today, EnvFile: true})
	if got := gathered(in, doctor.SessionSettings); !strings.HasPrefix(got, "pass") {
		t.Error(got)
	}
}

// What the key may do is asked only where it can be: Twilio has answered, and it is a key.
func TestGatherAccess(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*site)
		asked  int
		says   string
	}{
		"a key":   {func(*site) {}, 1, "pass this program's API key has the permissions service/read;"},
		"no word": {fails("access", down), 1, "skipped not checked: what this program's API key may do could not be asked: no answer"},
		"a token": {func(s *site) {
			s.settings.Twilio = doctor.Got(doctor.Credentials{AccountSID: account, TwilioOwn: true, Token: true}, nil)
		}, 0, "info this program uses the account's auth token"},
		"no service": {fails("service", down), 0, "pass this program uses an API key"},
		"refused":    {fails("service", errs.New(errs.Config, "bad", "")), 0, "pass this program uses an API key"},
	} {
		s := newSite()
		c.change(s)
		in := doctor.Gather(t.Context(), s, doctor.Options{Now: today})
		if got := gathered(in, doctor.TwilioCredentials); !strings.HasPrefix(got, c.says) || len(s.key) != c.asked {
			t.Errorf("%s: %q, asked %q", name, got, s.key)
		}
	}
}

// After the time limit every error counts as no answer.
func TestGatherEndsWithItsContext(t *testing.T) {
	for _, question := range []string{"rights", "classes", "trial", "service"} {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSite()
		s.fails[question] = errors.New("cut off")
		s.before = func(asked string) {
			if asked == question {
				cancel()
			}
		}
		doctor.Gather(ctx, s, doctor.Options{Now: today})
		if side := s.database; question != "service" && side[len(side)-1] != question {
			t.Errorf("%s: asked %v", question, side)
		}
		if question == "service" && len(s.twilio) != 1 {
			t.Errorf("%s: asked %v", question, s.twilio)
		}
	}
}

// The database, Twilio and the audit log are asked at the same time: here each waits until all three are asked.
func TestGatherAsksAtTheSameTime(t *testing.T) {
	s := newSite()
	var all sync.WaitGroup
	all.Add(3)
	s.before = func(question string) {
		switch question {
		case "connect", "service", "log":
			all.Done()
			met := make(chan struct{})
			go func() { all.Wait(); close(met) }()
			select {
			case <-met:
			case <-time.After(5 * time.Minute):
				t.Errorf("%s was asked alone", question)
			}
		}
	}
	if !doctor.Examine(doctor.Gather(t.Context(), s, doctor.Options{Now: today})).Sound() {
		t.Error("not sound")
	}
}

// A list that breaks off counts nobody.
func TestGatherHalfOfTheUsers(t *testing.T) {
	s := newSite()
	s.fails["users"] = errors.New("torn off")
	in := doctor.Gather(t.Context(), s, doctor.Options{Now: today})
	if report := doctor.Examine(in); report.Users != nil || in.Users.OK() {
		t.Errorf("half of the users were counted as all: %+v", report.Users)
	}
}

// However many users there are, and whatever is found, little of them is kept.
func TestTallyStaysSmall(t *testing.T) {
	tally := &doctor.Tally{}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const n, size = 20_000, 1000
	for i := range n {
		u := mfa.User{Username: fmt.Sprintf("%0*d", size, i)}
		tally.Add(u)
		tally.AddPerson(mfa.Person{Username: u.Username, Access: true, Details: mfa.Details{CompanyAccess: true, NoCompany: true, Closed: new(true)}}, today)
	}
	if after := heap(); after > before+n*size/10 {
		t.Errorf("%d bytes are kept", after-before)
	}
	if tally.Users.Broken != n {
		t.Error(tally.Users)
	}
}
