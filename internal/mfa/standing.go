package mfa

import (
	"context"
	"fmt"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
)

// Standing is what is known of the person behind a user who is to be enrolled, whatever the second factor is: whether they have
// left, and what else keeps them out of uzERP. An enrollment changes nothing of that.
type Standing struct {
	User    User
	Details *Details // nil if they are not known
	now     time.Time
	unread  bool // the details could not be read
}

// Standings looks up how users stand, in their order. unread is why the persons' details could not be read, if a role lacks a
// right: what is known of the users counts then. If the database does not answer, it returns an error.
func Standings(ctx context.Context, directory Directory, users []User, now time.Time) (all []Standing, unread, err error) {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Username
	}
	details, unread := directory.Details(ctx, names)
	if unread != nil && (ctx.Err() != nil || errs.KindOf(unread) == errs.Unavailable) {
		return nil, nil, unread
	}
	for _, u := range users {
		s := Standing{User: u, now: now, unread: unread != nil}
		if d, ok := details[u.Username]; ok && unread == nil {
			s.Details = &d
		}
		all = append(all, s)
	}
	return all, unread, nil
}

// Left reports whether the person has left.
func (s Standing) Left() bool { return s.Details != nil && s.Details.Left(s.now) }

func (s Standing) lastDay() string { return s.Details.EndDate.Format(time.DateOnly) }

func (s Standing) leftNote() string { return "the person left on " + s.lastDay() }

func (s Standing) leftWarning() string {
	return fmt.Sprintf("the person behind %q left on %s: the caller is somebody else, or should not get in", s.User.Username, s.lastDay())
}

// Message returns in one line what keeps the user out, and that the person has left, or that nobody could look. It is empty if the
// user is let in.
func (s Standing) Message() string {
	all := s.keptOut()
	if s.Left() {
		all = append(all, s.leftNote())
	}
	if s.unread {
		all = append(all, "whether the person has left could not be looked up")
	}
	return strings.Join(all, "; ")
}

func (s Standing) keptOut() []string { return Prospect{User: s.User}.With(s.Details).KeptOut() }

// Warnings returns what the operator should know before anything is made.
func (s Standing) Warnings() []string {
	var all []string
	if s.Left() {
		all = append(all, s.leftWarning())
	}
	if out := s.keptOut(); len(out) > 0 {
		all = append(all, fmt.Sprintf("%q: %s", s.User.Username, strings.Join(out, "; ")))
	}
	return all
}

// Question returns what must be asked before the user is enrolled. asks is false if nothing must: the person has not left.
func (s Standing) Question() (text string, asks bool) {
	return fmt.Sprintf("Enroll %q all the same?", s.User.Username), s.Left()
}

// refusal returns why somebody gets no page in a roll-out, where nobody is asked about each user.
func (s Standing) refusal() error {
	return errs.NewWith(errs.Refused, fmt.Sprintf("the person behind %q left on %s, so no page is made", s.User.Username, s.lastDay()), ReasonHasLeft.With())
}
