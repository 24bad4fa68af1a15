package injector

import (
	"fmt"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pattern"
)

// The interface names and classes that uzERP has, and that decide about logging in (docs/facts/uzerp.md §2).
const (
	LoginHandler          = "LoginHandler"
	MFAValidator          = "MFAValidator"
	AuthenticationGateway = "AuthenticationGateway"

	PlainHandler    = "HTMLFormLoginHandler"
	MFAHandler      = "HTMLFormLoginHandlerMFA"
	TwilioValidator = "TWValidator"
	DatabaseGateway = "DatabaseAuthenticator"
	LDAPGateway     = "LDAPDBAuthenticator"

	coreCategory = "SY"
	systemWide   = -1
)

// Names are the rows that a switch reads, and that must not change between plan and apply.
func Names() []string { return []string{LoginHandler, MFAValidator, AuthenticationGateway} }

// Request is what the operator wants.
type Request struct {
	Off       bool   // back to the plain handler
	Handler   string // the handler to switch to; not used if Off
	Validator string // the validator that belongs to it
	Gateway   string // a gateway that the operator vouches for; empty for uzERP's own

	SkipSettings string // why uzERP's settings are not looked at; "" if they are
	SkipTwilio   string // why Twilio is not asked; "" if it is
}

// The IDs of the checks of a switch.
const (
	CheckLoginHandler  = "login-handler"
	CheckGateway       = "authentication-gateway"
	CheckValidator     = "mfa-validator"
	CheckUniqueKey     = "unique-key"
	CheckUUIDs         = "uuids"
	CheckKnownClasses  = "known-classes"
	CheckEnvFile       = "env-file"
	CheckSameService   = "same-service"
	CheckTwilioService = "twilio-service"
	CheckBrokenUsers   = "broken-users"
)

// correctRows is the hint where uzERP's own table is the problem.
const correctRows = "correct the rows of injector_classes in uzERP's administration, then run this again"

// addFinding adds the result of one check.
type addFinding func(id string, severity finding.Severity, format string, args ...any)

// Plan returns what a switch writes, and the findings of the checks that need only the database. classes are all rows
// of Names. missing are the users without a uuid: each of them gets one from newUUID when two-factor login is
// switched on. The plan must not be used if a check found an error.
func Plan(r Request, classes []Class, missing []mfa.User, newUUID func() string) (SwitchPlan, []finding.Finding) {
	s := SwitchPlan{Was: classes, Regardless: r.Off}
	handlers := s.active(LoginHandler)
	var found []finding.Finding
	add := func(id string, severity finding.Severity, format string, args ...any) {
		f := finding.Finding{ID: id, Severity: severity, Message: fmt.Sprintf(format, args...)}
		if severity == finding.Error {
			f.Fix = errs.Plain(correctRows)
		}
		found = append(found, f)
	}

	switch len(handlers) {
	case 1:
		add(CheckLoginHandler, finding.Pass, "one system-wide LoginHandler row: %s", Shown(handlers[0].ClassName))
	case 0:
		add(CheckLoginHandler, finding.Error, "there is no system-wide LoginHandler row (category SY, company -1): uzERP can't show its login page")
	default:
		add(CheckLoginHandler, finding.Error, "%d system-wide LoginHandler rows (%s): which one uzERP takes is undefined, "+
			"and a change could make another one win; delete all but the one in use", len(handlers), describe(handlers))
	}

	found = append(found, checkGateway(s.active(AuthenticationGateway), r.Gateway))

	if len(handlers) == 1 {
		s.set(handlers[0], LoginHandler, r.Handler)
	}
	if !r.Off {
		s.planValidator(r.Validator, add)
		for _, u := range missing {
			s.Assignments = append(s.Assignments, Assignment{Username: u.Username, Was: u.Row, Becomes: u.WithUUID(newUUID())})
		}
		if len(missing) > 0 {
			add(CheckUUIDs, finding.Warning, "users without a uuid can neither log in nor enroll: each gets one with the switch (%d)", len(missing))
		} else {
			add(CheckUUIDs, finding.Pass, "every user has a uuid")
		}
		if r.Handler != MFAHandler || r.Validator != TwilioValidator {
			add(CheckKnownClasses, finding.Warning, "%s with %s is not what uzERP ships: try yourself whether such a login works",
				r.Handler, r.Validator)
		}
	}
	if blocking := s.blocking(); len(blocking) > 0 {
		add(CheckUniqueKey, finding.Error, "a row that already has the name and class to be written is in the way (%s): delete it first",
			describe(blocking))
	} else {
		add(CheckUniqueKey, finding.Pass, "no other row is in the way")
	}
	return s, found
}

// planValidator plans the row of the validator. Without it uzERP can't build MFAHandler, and everybody sees an error
// page instead of the login page (docs/facts/uzerp.md §4).
func (s *SwitchPlan) planValidator(class string, add addFinding) {
	validators := s.active(MFAValidator)
	switch len(validators) {
	case 0:
		s.Changes = append(s.Changes, ClassChange{Name: MFAValidator, After: class})
		add(CheckValidator, finding.Pass, "MFAValidator is missing and is added with the switch")
	case 1:
		s.set(validators[0], MFAValidator, class)
		add(CheckValidator, finding.Pass, "one system-wide MFAValidator row: %s", Shown(validators[0].ClassName))
	default:
		add(CheckValidator, finding.Error, "%d system-wide MFAValidator rows (%s): which one uzERP takes is undefined; delete all but one",
			len(validators), describe(validators))
	}
}

func (s *SwitchPlan) set(c Class, name, after string) {
	if c.ClassName != after {
		s.Changes = append(s.Changes, ClassChange{ID: c.ID, Name: name, Before: c.ClassName, After: after})
	}
}

// active returns the rows that uzERP looks at on its login page, where there is no company yet (docs/facts/uzerp.md
// §2).
func (s SwitchPlan) active(name string) []Class {
	var rows []Class
	for _, c := range s.Was {
		if c.Name == name && c.Category == coreCategory && c.CompanyID == systemWide {
			rows = append(rows, c)
		}
	}
	return rows
}

// blocking returns the rows that already have the name and the class which a change would write. Their category and
// company don't matter: the table's unique key has only these two columns.
func (s SwitchPlan) blocking() []Class {
	var rows []Class
	for _, ch := range s.Changes {
		for _, c := range s.Was {
			if c.ID != ch.ID && c.Name == ch.Name && c.ClassName == ch.After {
				rows = append(rows, c)
			}
		}
	}
	return rows
}

// Needed reports whether the switch writes anything.
func (s SwitchPlan) Needed() bool { return len(s.Changes) > 0 || len(s.Assignments) > 0 }

// Targets returns what the switch changes: users, and the names of interfaces.
func (s SwitchPlan) Targets() (users, names []string) {
	for _, a := range s.Assignments {
		users = append(users, a.Username)
	}
	for _, c := range s.Changes {
		names = append(names, c.Name)
	}
	return users, names
}

// Current returns the class that uzERP uses now for the name of an interface. It is empty if there is no row, or more
// than one.
func (s SwitchPlan) Current(name string) string {
	if rows := s.active(name); len(rows) == 1 {
		return rows[0].ClassName
	}
	return ""
}

// checkGateway refuses the worst switch of all. LDAPDBAuthenticator only checks that the user name exists, because
// Apache has checked the password before: behind a login form it accepts any password, even an empty one. PHP ignores
// case in class names, and so does this function.
func checkGateway(rows []Class, vouched string) finding.Finding {
	f := finding.Finding{ID: CheckGateway, Severity: finding.Error}
	if len(rows) != 1 {
		f.Message = fmt.Sprintf("there must be exactly one system-wide AuthenticationGateway row, not %d: which class checks the password is undefined",
			len(rows))
		f.Fix = errs.Plain(correctRows)
		return f
	}
	class := rows[0].ClassName
	switch {
	case isLDAP(class):
		f.Message = class + " does not check passwords (Apache did): behind a login form anybody could log in as anybody, with any password"
		f.Fix = errs.Plain("if uzERP shows a login form now, the site stands open: close it at the web server, and set AuthenticationGateway to " +
			DatabaseGateway)
	case class == DatabaseGateway:
		f.Severity, f.Message = finding.Pass, "passwords are checked by "+class
	case class == vouched:
		f.Severity, f.Message = finding.Warning, "passwords are checked by "+class+", which you vouched for"
	default:
		f.Message = "unknown AuthenticationGateway " + class + ": this program does not know whether it checks passwords behind a login form"
		f.Fix = ReasonUnknownGateway.With()
	}
	return f
}

func isLDAP(class string) bool { return sameClass(class, LDAPGateway) }

// sameClass reports whether two class names are the same apart from case and namespace. PHP ignores no more than that.
func sameClass(a, b string) bool {
	if i := strings.LastIndexByte(a, '\\'); i >= 0 {
		a = a[i+1:]
	}
	return strings.EqualFold(strings.TrimSpace(a), b)
}

// Misspelt returns uzERP's own spelling of a class, if class is one of uzERP's but is spelt in another way. Whether
// PHP finds such a class should not be tried out on a site.
func Misspelt(class string) (right string, misspelt bool) {
	for _, known := range []string{PlainHandler, MFAHandler, TwilioValidator, DatabaseGateway, LDAPGateway} {
		if sameClass(class, known) && class != known {
			return known, true
		}
	}
	return "", false
}

// Shown returns a class name as it stands in a sentence: in quotes, if it is more than one word.
func Shown(class string) string {
	if oneWord().MatchString(class) {
		return class
	}
	return strconv.Quote(class)
}

var oneWord = pattern.Lazy(`^[A-Za-z0-9_\\]{1,100}$`)

func describe(rows []Class) string {
	texts := make([]string, len(rows))
	for i, c := range rows {
		texts[i] = fmt.Sprintf("id %d: %s, category %s, company %d", c.ID, Shown(c.ClassName), Shown(c.Category), c.CompanyID)
	}
	return strings.Join(texts, "; ")
}
