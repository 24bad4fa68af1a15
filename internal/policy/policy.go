package policy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"uzerp-mfa/internal/alike"
	"uzerp-mfa/internal/invisible"
	"uzerp-mfa/internal/pattern"
)

// Path is where the policy is. Nothing moves it.
const Path = "/etc/uzerp-mfa/policy.env"

// The names of the settings.
const (
	AuditLog        = "AUDIT_LOG"
	UzerpRoot       = "UZERP_ROOT"
	WebServerUsers  = "WEB_SERVER_USERS"
	RequireCaller   = "REQUIRE_CALLER"
	RequireReason   = "REQUIRE_REASON"
	RequireTicket   = "REQUIRE_TICKET"
	RootOnlyUsers   = "ROOT_ONLY_USERS"
	ProtectedUsers  = "PROTECTED_USERS"
	ChangesPerHour  = "CHANGES_PER_HOUR"
	PhoneChangeDays = "PHONE_CHANGE_DAYS"
	PhoneRegion     = "PHONE_REGION"
	Syslog          = "SYSLOG"
	SudoAuditLog    = "SUDO_AUDIT_LOG"
	SudoSettings    = "SUDO_SETTINGS"
	SudoSandbox     = "SUDO_SANDBOX"
	Notify          = "NOTIFY"
	NotifyFrom      = "NOTIFY_FROM"
	NotifyHelpdesk  = "NOTIFY_HELPDESK"
	NotifyContact   = "NOTIFY_CONTACT"
	NotifyText      = "NOTIFY_TEXT"
	NotifySendmail  = "NOTIFY_SENDMAIL"
	NotifyUser      = "NOTIFY_USER"
)

const (
	allow  = "allow"
	refuse = "refuse"
	on     = "on"
	off    = "off"
)

// A setting is one that the file may have.
type setting struct {
	name     string
	standard string                  // what holds without a line
	check    func(string) error      // of the value
	needs    []string                // settings that must be there too
	excludes func(value string) bool // whether the value contradicts AuditLog
}

// settings are all settings, in the order in which they are shown.
var settings = []setting{
	{name: AuditLog, check: checkPath},
	{name: UzerpRoot, check: checkPath},
	{name: WebServerUsers, check: checkNames},
	{name: RequireCaller, check: checkActions(helping), needs: []string{AuditLog, UzerpRoot}},
	{name: RequireReason, check: checkActions(Actions())},
	{name: RequireTicket, check: checkActions(Actions())},
	{name: RootOnlyUsers, check: checkNames, needs: []string{UzerpRoot}},
	{name: ProtectedUsers, check: checkNames, needs: []string{AuditLog, UzerpRoot}},
	{name: ChangesPerHour, check: checkNumber(1, 100_000), needs: []string{AuditLog}},
	{name: PhoneChangeDays, standard: "30", check: checkNumber(1, 3650)},
	{name: PhoneRegion, check: checkRegion},
	{name: Syslog, standard: on, check: checkWord(on, off)},
	{name: SudoAuditLog, standard: refuse, check: checkWord(allow, refuse), excludes: func(value string) bool { return value == allow }},
	{name: SudoSettings, standard: refuse, check: checkWord(allow, refuse)},
	{name: SudoSandbox, standard: allow, check: checkWord(allow, refuse)},
	{name: Notify, standard: off, check: checkWord(on, off), needs: []string{UzerpRoot, NotifyFrom, NotifyHelpdesk, NotifyContact}},
	{name: NotifyFrom, check: checkAddress},
	{name: NotifyHelpdesk, check: checkText},
	{name: NotifyContact, check: checkText},
	{name: NotifyText, check: checkPath},
	{name: NotifySendmail, standard: "/usr/sbin/sendmail", check: checkPath},
	{name: NotifyUser, standard: "nobody", check: checkNames},
}

// helping are the actions that help one caller, and that let somebody in or hand out a second factor.
var helping = []string{"disable-next-login", enroll, "reset"}

// harmless are the actions that let nobody in without the phone, and those that verify a caller.
var harmless = []string{"enable", "identity-check", "identity-send", "session-end"}

// verify ends what enroll began, and so needs what that needs.
const (
	enroll = "enroll"
	verify = "verify"
)

// Actions returns everything that changes something or sends a code. An action is a command's name, without "user" and
// with hyphens.
func Actions() []string {
	return slices.Concat(helping, harmless, []string{"detach", "reconcile", "service-create", "session-config-set", "set-injector", verify})
}

// Action returns the action of a command, such as "reset" of "user reset".
func Action(command string) string {
	return strings.ReplaceAll(strings.TrimPrefix(command, "user "), " ", "-")
}

// Policy is what the administrator allows. The zero Policy has the defaults.
type Policy struct {
	path   string
	exists bool
	lines  map[string]line
}

type line struct {
	number int
	value  string
}

// Shown is a setting as it is shown.
type Shown struct {
	Name  string
	Value string // empty if nothing is set and there is no default
	Line  int    // 0 for a default
}

// Path returns the path of the file, and whether there is one.
func (p *Policy) Path() (path string, exists bool) { return p.path, p.exists }

// Settings returns every setting.
func (p *Policy) Settings() []Shown {
	all := make([]Shown, len(settings))
	for i, s := range settings {
		all[i] = Shown{Name: s.name, Value: p.value(s.name), Line: p.lines[s.name].number}
	}
	return all
}

// Line returns the line of the file that a setting is from, or 0.
func (p *Policy) Line(name string) int { return p.lines[name].number }

func (p *Policy) value(name string) string {
	if l, ok := p.lines[name]; ok {
		return l.value
	}
	for _, s := range settings {
		if s.name == name {
			return s.standard
		}
	}
	return ""
}

// AuditLog returns where the audit log must be, or "" if the policy doesn't say.
func (p *Policy) AuditLog() string { return p.value(AuditLog) }

// UzerpRoot returns uzERP's directory, or "" if the policy doesn't say.
func (p *Policy) UzerpRoot() string { return p.value(UzerpRoot) }

// Syslog reports whether the machine's syslog gets a line about each record too.
func (p *Policy) Syslog() bool { return p.value(Syslog) != off }

// WebServerUsers returns the users as whom a web server runs here, beside those that are usual.
func (p *Policy) WebServerUsers() []string { return entries(p.value(WebServerUsers)) }

// PhoneChange returns how long a changed phone number is not believed.
func (p *Policy) PhoneChange() time.Duration {
	return time.Duration(p.number(PhoneChangeDays)) * 24 * time.Hour
}

// Notification says by whom and how users are told by mail what was done to their second factor.
type Notification struct {
	From     string // the sender's address
	Helpdesk string // the name of the helpdesk
	Contact  string // how to reach it
	Text     string // the path of the text, or "" for the program's own
	Sendmail string // the path of the mail program
	User     string // as whom root runs it
}

// Notification returns how users are told of what this command does to their second factor. ok is false if they are not told:
// the policy has not turned it on, or the command is a repair.
func (p *Policy) Notification(command string) (n Notification, ok bool) {
	if p.value(Notify) != on || slices.Contains(repairs, Action(command)) {
		return Notification{}, false
	}
	return Notification{From: p.value(NotifyFrom), Helpdesk: p.value(NotifyHelpdesk), Contact: p.value(NotifyContact),
		Text: p.value(NotifyText), Sendmail: p.value(NotifySendmail), User: p.value(NotifyUser)}, true
}

// repairs are actions that only take away what does not work.
var repairs = []string{"detach", "reconcile", "set-injector"}

// PhoneRegion returns the country of phone numbers that are written without one, or "" if the policy doesn't say.
func (p *Policy) PhoneRegion() string { return p.value(PhoneRegion) }

func (p *Policy) number(name string) int {
	n, _ := strconv.Atoi(p.value(name)) // it was checked
	return n
}

// where names the line of a setting: "/etc/uzerp-mfa/policy.env line 3".
func (p *Policy) where(name string) string {
	return fmt.Sprintf("%s line %d", p.path, p.lines[name].number)
}

// lists reports whether the setting names the action.
func (p *Policy) lists(name, action string) bool {
	list := entries(p.value(name))
	return slices.Contains(list, action) || slices.Contains(list, every) && slices.Contains(Actions(), action)
}

// matches reports whether a list of users has the user in it. The file is UTF-8, and a name may have bytes that are not: it
// is in the list too if it is with these read as Latin-1, or written as they are shown.
func (p *Policy) matches(name, user string) bool {
	forms := []string{user}
	if !utf8.ValidString(user) {
		forms = append(forms, alike.Decoded(user), invisible.Bytes(user))
	}
	return slices.ContainsFunc(entries(p.value(name)), func(pattern string) bool {
		return slices.ContainsFunc(forms, func(form string) bool { return matches(pattern, form) })
	})
}

// matches reports whether a name is what the pattern says: * stands for any text, ? for one character, and every other
// character for itself.
func matches(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, mark := -1, 0 // the last * and where in the name the text begins that it stands for
	i, j := 0, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}

// every stands for all actions.
const every = "all"

func entries(value string) []string {
	if value == "" {
		return nil
	}
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func checkPath(value string) error {
	if !filepath.IsAbs(value) || filepath.Clean(value) != value {
		return fmt.Errorf("%q is no whole path, which begins with / and has no . or .. in it", value)
	}
	return nil
}

func checkRegion(value string) error {
	if len(value) != 2 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fmt.Errorf("%q is not two capital letters, such as GB", value)
	}
	return nil
}

func checkWord(one, other string) func(string) error {
	return func(value string) error {
		if value != one && value != other {
			return fmt.Errorf("%q is neither %s nor %s", value, one, other)
		}
		return nil
	}
}

func checkNumber(least, most int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most || strconv.Itoa(n) != value {
			return fmt.Errorf("%q is no number from %d to %d", value, least, most)
		}
		return nil
	}
}

func checkActions(known []string) func(string) error {
	return func(value string) error {
		for _, entry := range entries(value) {
			if entry != every && !slices.Contains(known, entry) {
				return fmt.Errorf("%q is not one of %s, %s", entry, every, strings.Join(slices.Sorted(slices.Values(known)), ", "))
			}
		}
		return nil
	}
}

// checkAddress takes a plain address, which needs no quotes in a header and can't be taken for an option.
func checkAddress(value string) error {
	if len(value) > 254 || !plainAddress().MatchString(value) {
		return fmt.Errorf("%q is no plain e-mail address, such as helpdesk@example.com", value)
	}
	return nil
}

var plainAddress = pattern.Lazy(`^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]*$`)

func checkText(value string) error {
	const most = 200
	if len(value) > most {
		return fmt.Errorf("it has %d bytes; it may have %d", len(value), most)
	}
	return nil
}

func checkNames(value string) error {
	if slices.Contains(entries(value), "") {
		return fmt.Errorf("%q has an empty name in it", value)
	}
	return nil
}
