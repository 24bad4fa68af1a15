package injector

import (
	"fmt"
	"strings"

	"uzerp-mfa/internal/mfa"
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
	Handler   string // the handler to switch to; MFAHandler unless Off
	Validator string // the validator that belongs to it
	Gateway   string // a gateway that the operator vouches for; empty for uzERP's own
}

// Status is the outcome of a check.
type Status string

// A check passes, warns, or forbids the switch.
const (
	Pass Status = "pass"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one thing looked at before a switch.
type Check struct {
	ID      string
	Status  Status
	Message string
	Hint    string // what to do about a failure; may be empty
}

// Failed gives the checks that forbid the switch.
func Failed(checks []Check) []Check {
	var failed []Check
	for _, c := range checks {
		if c.Status == Fail {
			failed = append(failed, c)
		}
	}
	return failed
}

// Plan decides what a switch writes and makes the checks that the database alone can answer. classes are all rows of
// Names; missing are the users without uuid, each of whom gets one from newUUID when 2FA is switched on. The Switch means
// nothing if a check failed.
func Plan(r Request, classes []Class, missing []mfa.User, newUUID func() string) (Switch, []Check) {
	s := Switch{Was: classes}
	handlers := s.active(LoginHandler)
	var checks []Check
	add := func(id string, status Status, format string, args ...any) {
		c := Check{ID: id, Status: status, Message: fmt.Sprintf(format, args...)}
		if status == Fail {
			c.Hint = "correct the rows of injector_classes in uzERP's administration, then run this again"
		}
		checks = append(checks, c)
	}

	switch len(handlers) {
	case 1:
		add("login-handler", Pass, "one system-wide LoginHandler row: %s", handlers[0].ClassName)
	case 0:
		add("login-handler", Fail, "there is no system-wide LoginHandler row (category SY, company -1): uzERP can't show its login page")
	default:
		add("login-handler", Fail, "%d system-wide LoginHandler rows (%s): which one uzERP takes is undefined, and a change could make another one win; delete all but the one in use",
			len(handlers), describe(handlers))
	}

	checks = append(checks, checkGateway(s.active(AuthenticationGateway), r.Gateway))

	if len(handlers) == 1 {
		s.set(handlers[0], LoginHandler, r.Handler)
	}
	if !r.Off {
		s.planValidator(r.Validator, add)
		for _, u := range missing {
			s.Assignments = append(s.Assignments, Assignment{Username: u.Username, Was: u.Row, Becomes: u.WithUUID(newUUID())})
		}
		if len(missing) > 0 {
			add("uuids", Warn, "users without a uuid can neither log in nor enroll: each gets one with the switch (%d)", len(missing))
		} else {
			add("uuids", Pass, "every user has a uuid")
		}
		if r.Handler != MFAHandler || r.Validator != TwilioValidator {
			add("known-classes", Warn, "%s with %s is not what uzERP ships: whether such a login works is for you to try", r.Handler, r.Validator)
		}
	}
	if blocking := s.blocking(); len(blocking) > 0 {
		add("unique-key", Fail, "a row that already has the name and class to be written is in the way (%s): delete it first", describe(blocking))
	} else {
		add("unique-key", Pass, "no other row is in the way")
	}
	return s, checks
}

// planValidator puts the validator in place: without it MFAHandler can't be built, and the login page is an error page for
// everybody (docs/facts/uzerp.md §4).
func (s *Switch) planValidator(class string, add func(id string, status Status, format string, args ...any)) {
	validators := s.active(MFAValidator)
	switch len(validators) {
	case 0:
		s.Changes = append(s.Changes, Change{Name: MFAValidator, After: class})
		add("mfa-validator", Pass, "MFAValidator is missing and is added with the switch")
	case 1:
		s.set(validators[0], MFAValidator, class)
		add("mfa-validator", Pass, "one system-wide MFAValidator row: %s", validators[0].ClassName)
	default:
		add("mfa-validator", Fail, "%d system-wide MFAValidator rows (%s): which one uzERP takes is undefined; delete all but one", len(validators), describe(validators))
	}
}

func (s *Switch) set(c Class, name, after string) {
	if c.ClassName != after {
		s.Changes = append(s.Changes, Change{ID: c.ID, Name: name, Before: c.ClassName, After: after})
	}
}

// active gives the rows that uzERP looks at on its login page, where there is no company yet (docs/facts/uzerp.md §2).
func (s Switch) active(name string) []Class {
	var rows []Class
	for _, c := range s.Was {
		if c.Name == name && c.Category == coreCategory && c.CompanyID == systemWide {
			rows = append(rows, c)
		}
	}
	return rows
}

// blocking gives the rows of any category or company that hold a (name, class_name) which a change would write: the
// table's unique key covers just these two columns.
func (s Switch) blocking() []Class {
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

// Needed tells whether the switch writes anything.
func (s Switch) Needed() bool { return len(s.Changes) > 0 || len(s.Assignments) > 0 }

// Current gives the class that uzERP now uses for an interface name, empty if there is no such row or no telling.
func (s Switch) Current(name string) string {
	if rows := s.active(name); len(rows) == 1 {
		return rows[0].ClassName
	}
	return ""
}

// checkGateway guards against the worst switch there is. LDAPDBAuthenticator only looks whether the user name exists,
// because Apache has checked the password before: behind a form handler any password is accepted, even an empty one. PHP
// class names are compared without regard to case, and so are these.
func checkGateway(rows []Class, vouched string) Check {
	c := Check{ID: "authentication-gateway", Status: Fail}
	if len(rows) != 1 {
		c.Message = fmt.Sprintf("there must be exactly one system-wide AuthenticationGateway row, not %d: which class checks the password is undefined", len(rows))
		c.Hint = "correct the rows of injector_classes in uzERP's administration, then run this again"
		return c
	}
	class := rows[0].ClassName
	switch {
	case isLDAP(class):
		c.Message = class + " does not check passwords (Apache did): behind a login form anybody could log in as anybody, with any password"
		c.Hint = "if uzERP shows a login form now, the site stands open: close it at the web server, and set AuthenticationGateway to " + DatabaseGateway
	case class == DatabaseGateway:
		c.Status, c.Message = Pass, "passwords are checked by "+class
	case class == vouched:
		c.Status, c.Message = Warn, "passwords are checked by "+class+", which you vouched for with --gateway"
	default:
		c.Message = "unknown AuthenticationGateway " + class + ": whether it checks passwords behind a login form is not known here"
		c.Hint = "if you are sure that it does, name it with --gateway"
	}
	return c
}

func isLDAP(class string) bool { return sameClass(class, LDAPGateway) }

// sameClass compares as PHP does, or more widely: without regard to case and namespace.
func sameClass(a, b string) bool {
	if i := strings.LastIndexByte(a, '\\'); i >= 0 {
		a = a[i+1:]
	}
	return strings.EqualFold(strings.TrimSpace(a), b)
}

// Misspelt gives uzERP's own spelling of a class that is written otherwise: whether PHP would find it, or take the
// password-only handler for another one, is not to be tried out on a site.
func Misspelt(class string) (right string, misspelt bool) {
	for _, known := range []string{PlainHandler, MFAHandler, TwilioValidator, DatabaseGateway, LDAPGateway} {
		if sameClass(class, known) && class != known {
			return known, true
		}
	}
	return "", false
}

func describe(rows []Class) string {
	texts := make([]string, len(rows))
	for i, c := range rows {
		texts[i] = fmt.Sprintf("id %d: %s, category %s, company %d", c.ID, c.ClassName, c.Category, c.CompanyID)
	}
	return strings.Join(texts, "; ")
}
