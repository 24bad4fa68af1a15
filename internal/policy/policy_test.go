package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

const (
	log  = "AUDIT_LOG=/var/log/uzerp-mfa/audit.jsonl\n"
	root = "UZERP_ROOT=/var/www/uzerp\n"

	sender = "NOTIFY_FROM=a@example.com\nNOTIFY_HELPDESK=Büro\nNOTIFY_CONTACT=ring 1\n"
)

func mustParse(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := parse("/etc/p", text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every line is understood, or the whole policy is refused.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{ // "" is a policy
		"":                                    "",
		"# a comment\n\n  # another\n":        "",
		log:                                   "",
		"AUDIT_LOG=/var/log/a":                "", // without a line feed
		"UZERP_ROOT=/var/www/uzerp":           "",
		"REQUIRE_REASON=reset, detach\n":      "",
		"PHONE_REGION=GB\n":                   "",
		"PHONE_REGION=gb":                     "two capital letters",
		"PHONE_REGION=GBR":                    "two capital letters",
		"REQUIRE_TICKET=all\n":                "",
		root + "ROOT_ONLY_USERS=boss,adm *\n": "",
		log + root + "REQUIRE_CALLER=reset,enroll\nPROTECTED_USERS=x\nCHANGES_PER_HOUR=20\n": "",
		"SUDO_AUDIT_LOG=allow\nSUDO_SETTINGS=refuse\nSUDO_SANDBOX=refuse\nSYSLOG=off\n":      "",

		root + "NOTIFY=on\n" + sender + "NOTIFY_TEXT=/etc/x\nNOTIFY_SENDMAIL=/usr/lib/sendmail\nNOTIFY_USER=mail": "",
		"NOTIFY=off": "", // the default needs nothing

		"NOTIFY=on\n" + sender:                        "line 1: NOTIFY needs a line UZERP_ROOT too",
		root + "NOTIFY=on\nNOTIFY_FROM=a@example.com": "NOTIFY needs a line NOTIFY_HELPDESK too: the mails say who did it",
		"NOTIFY=yes":                                  `"yes" is neither on nor off`,
		"NOTIFY_FROM=Desk <a@example.com>":            "no plain e-mail address",
		"NOTIFY_FROM=-oQ@example.com":                 "no plain e-mail address",
		"NOTIFY_FROM=a@b@example.com":                 "no plain e-mail address",
		"NOTIFY_HELPDESK=" + strings.Repeat("x", 201): "it may have 200",
		"NOTIFY_TEXT=mail.txt":                        "no whole path",
		"NOTIFY_SENDMAIL=sendmail":                    "no whole path",
		"\nAUDIT_LGO=/x":                              `line 2: there is no setting "AUDIT_LGO"`,
		"audit_log=/x":                                `there is no setting "audit_log"`,
		"export AUDIT_LOG=/x":                         `there is no setting "export AUDIT_LOG"`,
		"AUDIT_LOG":                                   "it is not NAME=value",
		"AUDIT_LOG =/x":                               `there is no setting "AUDIT_LOG "`,
		" AUDIT_LOG=/x":                               `there is no setting " AUDIT_LOG"`,
		"\ufeffAUDIT_LOG=/x":                          "there is no setting",
		"AUDIT_LOG= /x":                               "no blank before or after it",
		"AUDIT_LOG=/x ":                               "no blank before or after it",
		`AUDIT_LOG="/x"`:                              "no quotes",
		"AUDIT_LOG=":                                  "has no value",
		"AUDIT_LOG=x":                                 "no whole path",
		"AUDIT_LOG=/a/../x":                           "no whole path",
		"AUDIT_LOG=/x\r\n":                            "a character that is no text",
		"AUDIT_LOG=/x\x00":                            "a character that is no text",
		"AUDIT_LOG=/\xff":                             "a character that is no text",
		"AUDIT_LOG=/x\nAUDIT_LOG=/y":                  "line 2: AUDIT_LOG stands in line 1 already",
		"REQUIRE_REASON=rest":                         `"rest" is not one of all, detach,`,
		"REQUIRE_REASON=reset,,enroll":                `"" is not one of`,
		log + "REQUIRE_CALLER=set-injector":           `line 2: REQUIRE_CALLER: "set-injector" is not one of all, disable-next-login, enroll, reset`,
		"ROOT_ONLY_USERS=boss,":                       "an empty name",
		log + "CHANGES_PER_HOUR=0":                    "no number from 1",
		log + "CHANGES_PER_HOUR=+5":                   "no number from 1",
		log + "CHANGES_PER_HOUR=1e3":                  "no number from 1",
		"SUDO_SANDBOX=no":                             `"no" is neither allow nor refuse`,
		"SYSLOG=allow":                                `"allow" is neither on nor off`,
		"CHANGES_PER_HOUR=20":                         "needs a line AUDIT_LOG",
		"REQUIRE_CALLER=reset":                        "needs a line AUDIT_LOG",
		"PROTECTED_USERS=x":                           "needs a line AUDIT_LOG",
		log + "REQUIRE_CALLER=reset":                  "line 2: REQUIRE_CALLER needs a line UZERP_ROOT too: else a flag could choose another installation",
		log + "PROTECTED_USERS=x":                     "needs a line UZERP_ROOT",
		"ROOT_ONLY_USERS=x":                           "needs a line UZERP_ROOT",
		root + "PROTECTED_USERS=x":                    "needs a line AUDIT_LOG",
		"SUDO_AUDIT_LOG=allow\n" + log:                "line 1: SUDO_AUDIT_LOG=allow contradicts AUDIT_LOG in line 2",
		"REQUIRE_REASON=reset # and nothing":          `"reset # and nothing" is not one of`,
	} {
		_, err := parse("/etc/p", text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Only a file is believed that nobody but root could have written.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.env")
	own := safepath.Ourselves()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, missing := range []string{path, filepath.Join(dir, "no", "policy.env")} {
		if p, err := load(missing, own); err != nil || p.exists || p.value(SudoSettings) != refuse {
			t.Errorf("%+v, %v", p, err)
		}
	}
	must(os.WriteFile(path, []byte(log), 0o644))
	if p, err := load(path, own); err != nil || !p.exists || p.AuditLog() != "/var/log/uzerp-mfa/audit.jsonl" {
		t.Errorf("%+v, %v", p, err)
	}
	bad := func(why, want string) {
		t.Helper()
		_, err := load(path, own)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Config || !strings.Contains(err.Error(), want) || e.Hint.Reason != ReasonFile {
			t.Errorf("%s: %v", why, err)
		}
	}
	must(os.Chmod(path, 0o666))
	bad("everybody may write it", "everybody may change it")
	must(os.Chmod(path, 0o644))
	must(os.Chmod(dir, 0o777))
	bad("everybody may replace it", "everybody may change it")
	must(os.Chmod(dir, 0o700))
	must(os.WriteFile(path, []byte("x\n"), 0o644))
	bad("a line is wrong", "line 1: it is not NAME=value")
	must(os.Truncate(path, maxSize+1))
	bad("it is too large", "too large")
	must(os.Remove(path))
	must(os.Mkdir(path, 0o755))
	bad("it is a directory", "is a directory")
	must(os.Remove(path))
	must(syscall.Mkfifo(path, 0o644))
	bad("it is a pipe", "not a regular file")
	if os.Geteuid() != 0 {
		must(os.Remove(path))
		must(os.WriteFile(path, nil, 0o644))
		if _, err := Load(path); errs.KindOf(err) != errs.Config {
			t.Errorf("a policy of ours is believed: %v", err)
		}
		return
	}
	must(os.Remove(path))
	must(os.WriteFile(path, nil, 0o644))
	must(os.Chown(path, 65534, 65534))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("a policy of a stranger is believed: %v", err)
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"boss", "boss", true}, {"boss", "Boss", false}, {"boss", "boss2", false}, {"*", "", true}, {"*", "a/b", true},
		{"adm*", "adm", true}, {"adm*", "adm/x", true}, {"adm*", "xadm", false}, {"*min", "admin", true}, {"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false}, {"?oss", "boss", true}, {"?oss", "oss", false}, {"ü?", "üx", true}, {"[ab]", "a", false}, {"", "", true},
	} {
		if got := matches(test.pattern, test.name); got != test.want {
			t.Errorf("%q %q: %v", test.pattern, test.name, got)
		}
	}
}

// A user whose name is not UTF-8 is listed by the name in UTF-8, and by the name as it is shown.
func TestListsOfUsersThatAreNotUTF8(t *testing.T) {
	for line, want := range map[string]bool{
		"Jürgen": true, `J\xfcrgen`: true, "J?rgen": true, "J*": true, "jürgen": false, `J\xe4rgen`: false, "Järgen": false, "Jrgen": false,
	} {
		p := mustParse(t, log+"ROOT_ONLY_USERS="+line+"\n"+root)
		err := p.CheckUser(Request{Action: "enable"}, "J\xfcrgen", func() Evidence { return Evidence{} })
		if (err != nil) != want {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestChecks(t *testing.T) {
	p := mustParse(t, log+"REQUIRE_CALLER=reset\nREQUIRE_REASON=reset,detach\nREQUIRE_TICKET=all\n"+
		"ROOT_ONLY_USERS=boss,root-*\nPROTECTED_USERS=ceo\nCHANGES_PER_HOUR=3\n"+root)
	both, code, word, none := Evidence{Code: true, Word: true}, Evidence{Code: true}, Evidence{Word: true}, Evidence{}
	for name, test := range map[string]struct {
		r    Request
		user string
		e    Evidence
		want string // words of the refusal; "" is none
	}{
		"nothing is asked":           {Request{Action: "enable"}, "alice", none, ""},
		"a code":                     {Request{Action: "reset"}, "alice", code, ""},
		"the operator's word":        {Request{Action: "reset"}, "alice", word, ""},
		"not verified":               {Request{Action: "reset"}, "alice", none, "/etc/p line 2): reset needs a verified caller"},
		"not verified, as root":      {Request{Action: "reset", AsRoot: true}, "alice", none, "line 2"},
		"not listed":                 {Request{Action: "enroll"}, "alice", none, ""},
		"root only":                  {Request{Action: "enable"}, "boss", both, `/etc/p line 5): only root itself may change "boss"`},
		"root only, a pattern":       {Request{Action: "reconcile"}, "root-x", both, "line 5"},
		"root itself":                {Request{Action: "enable", AsRoot: true}, "boss", none, ""},
		"protected":                  {Request{Action: "enroll"}, "ceo", both, ""},
		"protected, a code":          {Request{Action: "enroll"}, "ceo", code, "line 6): for \"ceo\" the caller must be verified twice"},
		"protected, a word":          {Request{Action: "disable-next-login"}, "ceo", word, "line 6"},
		"protected, root itself":     {Request{Action: "reset", AsRoot: true}, "ceo", code, "line 6"},
		"protected, no harm":         {Request{Action: "enable"}, "ceo", none, ""},
		"protected, a code is sent":  {Request{Action: "identity-send"}, "ceo", none, ""},
		"protected, a code is tried": {Request{Action: "identity-check"}, "ceo", none, ""},
		"root only, a code is sent":  {Request{Action: "identity-send"}, "boss", none, "line 5"},
		// verify puts a factor on the account, as enroll does; but it may end an enrolment that was allowed.
		"protected, any factor":       {Request{Action: "verify"}, "ceo", code, "line 6): no enrollment of the last day"},
		"protected, its enrolment":    {Request{Action: "verify"}, "ceo", Evidence{Enrollment: true}, ""},
		"protected, any, with both":   {Request{Action: "verify"}, "ceo", both, ""},
		"protected, another command":  {Request{Action: "enroll"}, "ceo", Evidence{Enrollment: true}, "line 6"},
		"any factor, not listed":      {Request{Action: "verify"}, "alice", none, ""},
		"protected, a repair":         {Request{Action: "reconcile"}, "ceo", both, "only root itself may change \"ceo\" by reconcile"},
		"protected, a repair by root": {Request{Action: "reconcile", AsRoot: true}, "ceo", none, ""},
	} {
		refusal(t, name, p.CheckUser(test.r, test.user, func() Evidence { return test.e }), test.want)
	}
	listed := mustParse(t, log+root+"REQUIRE_CALLER=all\n")
	refusal(t, "any factor", listed.CheckUser(Request{Action: "verify"}, "alice", func() Evidence { return none }), "line 3): no enrollment")
	refusal(t, "any factor, a code", listed.CheckUser(Request{Action: "verify"}, "alice", func() Evidence { return code }), "")
	for name, test := range map[string]struct {
		r    Request
		want string
	}{
		"a reason and a ticket":   {Request{Action: "reset", Reason: "x", Ticket: "1"}, ""},
		"no reason":               {Request{Action: "reset", Ticket: "1"}, "line 3): reset needs a reason"},
		"a blank":                 {Request{Action: "reset", Reason: " ", Ticket: "1"}, "line 3): reset needs a reason"},
		"no ticket":               {Request{Action: "enable"}, "line 4): enable needs a ticket"},
		"root itself":             {Request{Action: "enable", AsRoot: true}, "line 4): enable needs a ticket"},
		"what takes a trial back": {Request{Action: "undo-guard"}, ""},
	} {
		refusal(t, name, p.Check(test.r), test.want)
	}
	refusal(t, "all users", p.CheckAllUsers(Request{Action: "detach"}), "line 5): detach changes every user")
	refusal(t, "all users, as root", p.CheckAllUsers(Request{Action: "detach", AsRoot: true}), "")
	for name, test := range map[string]struct {
		r    Request
		made int
		want string
	}{
		"the last":                {Request{Action: "reset"}, 3, ""},
		"one too many":            {Request{Action: "reset"}, 4, "line 7): an operator may make 3 changes an hour, and this would be number 4"},
		"root itself":             {Request{Action: "reset", AsRoot: true}, 99, ""},
		"what takes a trial back": {Request{Action: "undo-guard"}, 99, ""},
	} {
		refusal(t, name, p.CheckLimit(test.r, func() (int, error) { return test.made, nil }), test.want)
	}
	unread := errors.New("unread")
	if err := p.CheckLimit(Request{Action: "reset"}, func() (int, error) { return 0, unread }); !errors.Is(err, unread) {
		t.Errorf("a log that can't be read: %v", err)
	}
	free := Default("/etc/p")
	refusal(t, "no policy", errors.Join(free.Check(Request{Action: "reset"}), free.CheckAllUsers(Request{Action: "detach"}),
		free.CheckUser(Request{Action: "reset"}, "boss", func() Evidence { t.Error("asked for evidence"); return none }),
		free.CheckLimit(Request{Action: "reset"}, func() (int, error) { t.Error("asked for changes"); return 99, nil })), "")
}

func refusal(t *testing.T, name string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case want != "" && (err == nil || errs.KindOf(err) != errs.Refused || !strings.Contains(err.Error(), want) || errs.HintOf(err).Empty()):
		t.Errorf("%s: %v, want %q and a hint", name, err, want)
	}
}

func TestCheckChoices(t *testing.T) {
	none := Default("/etc/p")
	fixed := mustParse(t, log+"UZERP_ROOT=/var/www/uzerp\nPHONE_REGION=GB\n")
	region := func(code string) Choice { return Choice{"--region", code, ThePhoneRegion} }
	lax := mustParse(t, "SUDO_AUDIT_LOG=allow\nSUDO_SETTINGS=allow\n")
	strict := mustParse(t, "SUDO_AUDIT_LOG=refuse\nSUDO_SETTINGS=refuse\nSUDO_SANDBOX=refuse\n")
	logTo := func(path string) Choice { return Choice{"--audit-log", path, TheAuditLog} }
	noLog := Choice{Name: "--no-audit-log", Of: TheAuditLog}
	root := func(path string) Choice { return Choice{"UZERP_ROOT", path, TheUzerpRoot} }
	other := Choice{Name: "PGHOST", Of: TheConnection}
	for name, test := range map[string]struct {
		p    *Policy
		sudo bool
		c    Choice
		want string
	}{
		"root":                         {none, false, noLog, ""},
		"sudo, another log":            {none, true, logTo("/x"), "--audit-log is refused through sudo"},
		"sudo, no log":                 {none, true, noLog, "--no-audit-log is refused through sudo"},
		"sudo, uzERP":                  {none, true, root("/x"), ""},
		"sudo, database":               {none, true, other, "PGHOST is refused through sudo"},
		"root, database":               {none, false, other, ""},
		"sudo, allowed log":            {lax, true, logTo("/x"), ""},
		"sudo, allowed database":       {lax, true, other, ""},
		"sudo, a line":                 {strict, true, other, "/etc/p line 2): PGHOST is refused through sudo"},
		"fixed log, the same":          {fixed, true, logTo("/var/log/uzerp-mfa/audit.jsonl"), ""},
		"fixed log, the same, odd":     {fixed, true, logTo("/var/log//uzerp-mfa/./audit.jsonl"), ""},
		"fixed log, another":           {fixed, false, logTo("/x"), "/etc/p line 1): --audit-log is refused, because AUDIT_LOG is fixed"},
		"fixed log, none":              {fixed, false, noLog, "line 1): --no-audit-log is refused"},
		"fixed directory, another":     {fixed, false, root("/srv"), "line 2): UZERP_ROOT is refused"},
		"fixed directory, the same":    {fixed, true, root("/var/www/uzerp/"), ""},
		"fixed region, another":        {fixed, false, region("IN"), "line 3): --region is refused, because PHONE_REGION is fixed"},
		"fixed region, the same":       {fixed, true, region("GB"), ""},
		"sudo, a region":               {none, true, region("IN"), ""},
		"fixed directory, what's left": {fixed, true, other, "PGHOST is refused through sudo"},
	} {
		refusal(t, name, test.p.CheckChoices(test.sudo, []Choice{test.c}), test.want)
	}
	refusal(t, "sandbox", none.CheckSandbox(true), "")
	refusal(t, "sandbox, refused", strict.CheckSandbox(true), "line 3): sandbox is refused through sudo")
	refusal(t, "sandbox of root", strict.CheckSandbox(false), "")
	getenv := func(name string) string {
		return map[string]string{"PGPASSFILE": "x", "SSL_CERT_DIR": "x", "LANG": "C"}[name]
	}
	if all := Connections(getenv); len(all) != 2 {
		t.Errorf("%v", all)
	}
}

// Only where somebody needs a verified caller it matters which codes count.
func TestWantsCaller(t *testing.T) {
	for _, c := range []struct {
		policy, user string
		want         bool
	}{
		{"", "alice", false},
		{log + root + "REQUIRE_REASON=all", "alice", false},
		{log + root + "REQUIRE_CALLER=enroll", "alice", true},
		{log + root + "PROTECTED_USERS=b*", "alice", false},
		{log + root + "PROTECTED_USERS=b*", "bob", true},
	} {
		if got := mustParse(t, c.policy).WantsCaller(c.user); got != c.want {
			t.Errorf("%q, %s: %v", c.policy, c.user, got)
		}
	}
}

// A code verifies one caller: for several users the hint proposes another way, and the operator's word only where it is enough.
func TestWhatVerifiesSeveralCallers(t *testing.T) {
	p := mustParse(t, log+root+"REQUIRE_CALLER=all\nPROTECTED_USERS=b*\n")
	for _, c := range []struct {
		users []string
		want  errs.Reason
	}{
		{nil, ReasonCallerNeeded},
		{[]string{"alice"}, ReasonCallerNeeded},
		{[]string{"alice", "alice"}, ReasonCallerNeeded},
		{[]string{"alice", "carol"}, ReasonEachNeeded},
		{[]string{"alice", "bob"}, ReasonEachByCode},
	} {
		err := p.CheckUser(Request{Action: "reset", Users: c.users}, "alice", func() Evidence { return Evidence{} })
		if hint := errs.HintOf(err); hint.Reason != c.want || len(hint.Parts) != 1 || hint.Parts[0] != "alice" {
			t.Errorf("%q: %s", c.users, hint)
		}
	}
}

func TestSyslog(t *testing.T) {
	for text, want := range map[string]bool{"": true, "SYSLOG=on\n": true, "SYSLOG=off\n": false} {
		if p := mustParse(t, text); p.Syslog() != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// Users are told only where the policy says so, and not of repairs.
func TestNotification(t *testing.T) {
	p := mustParse(t, root+"NOTIFY=on\n"+sender)
	want := Notification{From: "a@example.com", Helpdesk: "Büro", Contact: "ring 1", Sendmail: "/usr/sbin/sendmail", User: "nobody"}
	for command, told := range map[string]bool{"user reset": true, "enroll": true, "verify": true, "user disable-next-login": true, "assist": true,
		"reconcile": false, "set-injector": false, "detach": false} {
		if n, ok := p.Notification(command); ok != told || ok && n != want {
			t.Errorf("%s: %+v, %v", command, n, ok)
		}
		if _, ok := mustParse(t, root+sender).Notification(command); ok {
			t.Errorf("%s: mails that nobody wants", command)
		}
	}
}
