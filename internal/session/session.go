package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
)

// Session is one session of uzERP's.
type Session struct {
	Ref  int    // means this session to the port that has listed it, and to nobody else
	User string // "" for a browser that has only opened the login page
	// LoggedIn is false at the login page, and while uzERP asks for the code or enrols.
	LoggedIn bool
	Company  string    // the number of the company, "" if it is not known
	Handler  string    // the login handler that the browser keeps, "" if it is not known
	Started  time.Time // the first page view; zero if it is not known
	// LastRequest is when the browser last asked for a page.
	LastRequest time.Time
}

// Place is where sessions are.
type Place struct {
	Path       string
	Interfaces []string // the server interfaces of PHP that keep their sessions there
	Sources    []string // what says so, as "/etc/php/8.2/fpm/php.ini line 12"
}

// NotRead are files that may be sessions, and are not judged; or a file of settings that was not read.
type NotRead struct {
	Path   string // the directory
	Why    Why
	Owner  string // of Foreign: "user 1000 (alice)"
	Files  int
	Bytes  int64  // of TooLarge: how large the largest is
	Reason string // of Settings: why that file was not read, in this program's words
}

// Why says why files are not judged.
type Why string

// The reasons.
const (
	Igbinary  Why = "igbinary"  // written by igbinary, which is not read here
	Unclear   Why = "unclear"   // PHP may read a session there, and only PHP knows whose
	TooLarge  Why = "too-large" // PHP may read a session there, which is larger than what is read here
	TwoNames  Why = "two-names" // PHP may read a session there; what else the file is used for is not known
	Malformed Why = "malformed" // no session that PHP itself would read
	Foreign   Why = "foreign"   // of a user as whom no web server runs: PHP takes no session from such a file
	Missing   Why = "missing"   // there is no such directory: PHP keeps no session here, or sees another directory of that name
	Odd       Why = "odd"       // a link, a pipe or a directory: PHP takes no session from these
	Untrusted Why = "untrusted" // a directory below the place, which others may change, or a link to one
	Settings  Why = "settings"  // the path is that of a file of settings, which may name more places of sessions
)

// Elsewhere is a server interface of PHP whose sessions can't be seen here.
type Elsewhere struct {
	Interface string
	Handler   string // what keeps them: redis, memcached, user; "" if only PHP knows where they are
	User      string // as whom the interface runs, if this machine knows no such user: whose files are its sessions is not known
}

// Listing is what there is at one moment.
type Listing struct {
	Places    []Place
	Sessions  []Session // only uzERP's
	NotRead   []NotRead
	Elsewhere []Elsewhere
	// InFlight is how many requests are under way that may end in a login.
	InFlight int
}

// LoggedIn returns the sessions of these users who are logged in, of everybody if users is nil: the users in the order of
// their names, and of each the latest first.
func (l Listing) LoggedIn(users []string) []Session {
	var found []Session
	for _, s := range l.Sessions {
		if s.LoggedIn && (users == nil || slices.Contains(users, s.User)) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b Session) int {
		return cmp.Or(cmp.Compare(a.User, b.User), b.LastRequest.Compare(a.LastRequest), cmp.Compare(a.Ref, b.Ref))
	})
	return found
}

// OldHandler returns how many sessions have another login handler than this one. It counts login pages too: a browser that
// has one open logs in with the handler that it keeps.
func (l Listing) OldHandler(present string) int {
	n := 0
	for _, s := range l.Sessions {
		if s.isOld(present) {
			n++
		}
	}
	return n
}

// isOld compares as PHP does: the names of its classes have no letter case.
func (s Session) isOld(present string) bool {
	return s.Handler != "" && !strings.EqualFold(strings.TrimPrefix(s.Handler, `\`), strings.TrimPrefix(present, `\`))
}

// Readable returns an error of errs.Refused if there are files that may well be sessions for PHP and can't be read here: nobody
// knows whose they are.
func (l Listing) Readable() error {
	for _, n := range l.NotRead {
		var what string
		var hint errs.Hint
		switch n.Why {
		case Igbinary:
			what, hint = "sessions in %q are written by igbinary, which is not read here: whose they are is not known", ReasonIgbinary.With(n.Path)
		case Unclear:
			what, hint = "there are sessions in %q that only PHP itself can read: whose they are is not known", ReasonUnclear.With(n.Path)
		case TooLarge:
			what, hint = "there are sessions in %q that are too large to be read here: whose they are is not known", ReasonTooLarge.With(n.Path)
		case TwoNames:
			what, hint = "there are files in %q that have a second name, and are not read: whose sessions they are is not known", ReasonTwoNames.With(n.Path)
		default:
			continue
		}
		return errs.NewWith(errs.Refused, fmt.Sprintf(what, n.Path), hint)
	}
	return nil
}

// Complete returns an error of errs.Config if there may be sessions that are not looked at: no directory of them is there, one of
// them is not believed, some PHP keeps its own elsewhere, or settings that may name more places were not read. That nobody is
// logged in is not known then.
func (l Listing) Complete() error {
	missing := 0
	for _, n := range l.NotRead {
		switch n.Why {
		case Missing:
			missing++
		case Untrusted:
			return errs.NewWith(errs.Config, fmt.Sprintf("a directory in %q is not believed, so whether a session is open in it is not known", n.Path),
				ReasonUntrusted.With(n.Path))
		case Settings:
			return errs.NewWith(errs.Config, fmt.Sprintf("not all of PHP's settings were read, because of %q: %s; whether a session is open elsewhere is not known",
				n.Path, n.Reason), ReasonSettings.With(n.Path))
		}
	}
	for _, e := range l.Elsewhere {
		if e.User != "" {
			return errs.NewWith(errs.Config, fmt.Sprintf("%s runs as %q, and this machine knows no such user: whose files are its sessions is not known",
				e.Interface, e.User), ReasonNoUser.With(e.User))
		}
	}
	switch {
	case len(l.Elsewhere) > 0:
		return errs.NewWith(errs.Config, "not all places where sessions may be are looked at, so whether others are open is not known", ReasonNoPlace.With())
	case missing == len(l.Places):
		return errs.NewWith(errs.Config, "no directory of sessions is there, so whether one is open is not known", ReasonNoPlace.With())
	}
	return nil
}

// Reader lists sessions.
type Reader interface {
	// List returns all sessions of uzERP's. It fails with errs.Config if they can't be listed; the listing then has where they
	// are.
	List(ctx context.Context) (Listing, error)
}

// Writer ends sessions.
type Writer interface {
	Reader
	// End ends sessions that List has returned, all of one user, and returns how many it has ended. For each it waits until
	// no request uses it. One that is gone meanwhile, or is another user's by now, is no error. It fails with
	// errs.Unavailable if a request does not end.
	End(ctx context.Context, user string, sessions []Session) (ended int, err error)
}
