package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
)

// BelieveFor is how long a caller who was verified by an earlier command counts as verified.
const BelieveFor = 10 * time.Minute

// EnrollFor is how long an enrolment may wait for its end without new evidence. Twilio deletes factors that wait longer.
const EnrollFor = 24 * time.Hour

// Evidence says how a caller was verified.
type Evidence struct {
	Code bool // by a code to the phone that uzERP has on file
	Word bool // in a way that only the operator knows of, and has named
	// Enrollment means that the factor is one that enroll made for the user, which was allowed, and which waits for its end.
	Enrollment bool
}

// Request is a command that changes something.
type Request struct {
	Action string
	AsRoot bool // root itself runs the command, not through sudo
	Reason string
	Ticket string
	Users  []string // all whom it is for, as far as they are known
}

// Check returns an error of errs.Refused if the policy forbids the request, without looking at the users.
func (p *Policy) Check(r Request) error {
	for _, needed := range []struct{ setting, what, given string }{
		{RequireReason, "reason", r.Reason},
		{RequireTicket, "ticket", r.Ticket},
	} {
		if strings.TrimSpace(needed.given) == "" && p.lists(needed.setting, r.Action) {
			return p.refused(needed.setting, ReasonFlagMissing.With(needed.what), "%s needs a %s", r.Action, needed.what)
		}
	}
	return nil
}

// CheckUser returns an error of errs.Refused if the policy forbids that the request changes this user. verified returns
// how the caller was verified; it is asked only if that matters.
func (p *Policy) CheckUser(r Request, user string, verified func() Evidence) error {
	if !r.AsRoot && p.matches(RootOnlyUsers, user) {
		return p.refused(RootOnlyUsers, ReasonRule.With(), "only root itself may change %q, and not through sudo", user)
	}
	return p.checkCaller(r, user, verified)
}

// ListsUsers reports whether anything depends on who the users are.
func (p *Policy) ListsUsers() bool {
	return p.value(RootOnlyUsers) != "" || p.value(ProtectedUsers) != "" || p.value(RequireCaller) != "" || p.value(ChangesPerHour) != ""
}

func (p *Policy) checkCaller(r Request, user string, verified func() Evidence) error {
	protected, like := p.matches(ProtectedUsers, user), r.Action
	if r.Action == verify {
		like = enroll
	}
	switch {
	case slices.Contains(harmless, like):
		return nil
	case !slices.Contains(helping, like):
		if protected && !r.AsRoot {
			return p.refused(ProtectedUsers, ReasonRule.With(), "only root itself may change %q by %s, and not through sudo", user, r.Action)
		}
		return nil
	}
	if needed := p.lists(RequireCaller, like); !needed && !protected {
		return nil
	}
	e := verified()
	setting := RequireCaller
	if protected {
		setting = ProtectedUsers
	}
	switch {
	case r.Action == verify && e.Enrollment, e.Code && e.Word, !protected && (e.Code || e.Word):
		return nil
	case r.Action == verify:
		return p.refused(setting, ReasonNoEnrollment.With(user),
			"no enrollment of the last day in the audit log waits for this factor of %q, and the caller is not verified", user)
	case protected:
		return p.refused(setting, ReasonBothNeeded.With(), "for %q the caller must be verified twice", user)
	}
	return p.refused(setting, p.callerNeeded(r).With(user), "%s needs a verified caller, and the caller for %q is not verified", r.Action, user)
}

// callerNeeded returns the reason of the hint for a user whose caller must be verified. A code that a command asks for itself
// verifies one caller only.
func (p *Policy) callerNeeded(r Request) errs.Reason {
	several := slices.ContainsFunc(r.Users, func(other string) bool { return other != r.Users[0] })
	switch {
	case !several:
		return ReasonCallerNeeded
	case slices.ContainsFunc(r.Users, func(u string) bool { return p.matches(ProtectedUsers, u) }):
		return ReasonEachByCode
	}
	return ReasonEachNeeded
}

// WantsCaller reports whether anything that is done for this user needs a verified caller.
func (p *Policy) WantsCaller(user string) bool {
	return p.value(RequireCaller) != "" || p.matches(ProtectedUsers, user)
}

// CheckAllUsers returns an error of errs.Refused if the policy forbids that the request changes every user.
func (p *Policy) CheckAllUsers(r Request) error {
	for _, name := range []string{RootOnlyUsers, ProtectedUsers} {
		if p.value(name) != "" && !r.AsRoot {
			return p.refused(name, ReasonRule.With(), "%s changes every user, and only root itself may change some of them", r.Action)
		}
	}
	return nil
}

// CheckLimit returns an error of errs.Refused if the operator would change too much within an hour. changes returns how
// much that is, with this request; it is asked only if the policy has a limit, and root itself has none.
func (p *Policy) CheckLimit(r Request, changes func() (int, error)) error {
	limit := p.number(ChangesPerHour)
	if limit == 0 || r.AsRoot || !slices.Contains(Actions(), r.Action) { // taking back a trial counts as none
		return nil
	}
	made, err := changes()
	if err != nil {
		return err
	}
	if made > limit {
		return p.refused(ChangesPerHour, ReasonTooManyByHour.With(), "an operator may make %d changes an hour, and this would be number %d", limit, made)
	}
	return nil
}

func (p *Policy) refused(setting string, hint errs.Hint, format string, args ...any) error {
	return errs.NewWith(errs.Refused, fmt.Sprintf("the administrator's policy (%s): ", p.where(setting))+fmt.Sprintf(format, args...), hint)
}
