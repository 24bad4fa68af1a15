package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Kind is what a mail is about.
type Kind string

// The kinds. They are named after the commands.
const (
	Removed  Kind = "reset"
	Enrolled Kind = "enroll"
	Replaced Kind = "replace"
	Skipped  Kind = "disable-next-login"
)

// KindOf returns what a change of a row means to the user, or "" if it is nothing that a user must hear of.
func KindOf(was, becomes mfa.Row) Kind {
	switch had, has := was.IsEnrolled(), becomes.IsEnrolled(); {
	case becomes.State() == mfa.StateSkipNextLogin:
		if was.State() != mfa.StateSkipNextLogin {
			return Skipped
		}
	case had && !has:
		return Removed
	case has && becomes.FactorSID() != was.FactorSID():
		if had && was.FactorSID() != "" {
			return Replaced
		}
		return Enrolled
	}
	return ""
}

// Directory reads from uzERP's database.
type Directory interface {
	// MailContacts returns every e-mail address that uzERP has for the user, as people typed them.
	MailContacts(ctx context.Context, username string) ([]string, error)
}

// Mail is one mail, for its record.
type Mail struct {
	Kind     Kind
	Username string
	To       string // empty if uzERP has no address; if no mail can go to it, as it stands in uzERP
}

// Record keeps what becomes of mails.
type Record interface {
	// BeginMail writes that a mail is due. end writes how that ended: with nil it was sent, with an error of errs.Refused none
	// was due in the end.
	BeginMail(ctx context.Context, m Mail) (end func(error), err error)
}

// Sender sends a mail to one address.
type Sender interface {
	Send(ctx context.Context, to string, message []byte) error
}

// Notifier sends the mails of one command.
type Notifier struct {
	Directory Directory
	Record    Record // nil if nothing is recorded
	Sender    Sender
	From      From
	Text      *Text
	Now       func() time.Time
	Tell      func(m Mail, err error) // is called by Deliver with what became of each mail

	mu       sync.Mutex
	persons  map[string]string // user name -> person
	due      []*notice
	results  []result // of what was sent, and is not told yet
	failures int      // how many have failed slowly, with none sent in between
}

// result is what became of a mail.
type result struct {
	mail Mail
	err  error
}

// notice is a change that a user must hear of.
type notice struct {
	username, person string
	kind             Kind
	was, becomes     mfa.Row
	at               time.Time
	unsure           bool // nobody knows yet whether the change was made
	letters          []letter
}

type letter struct {
	address
	end func(error)
}

var (
	errNothingChanged = errs.New(errs.Refused, "nothing was changed, so no mail is due", "")
	errSuperseded     = errs.New(errs.Refused, "it was taken back or changed again in the same run, so this mail is not due", "")
	errNotTried       = errors.New("not tried: the mail program has failed several times, and slowly")
)

// mostFailures is how many mails may fail slowly, with none sent in between, before no more are tried: each may take LongestSend. What
// fails at once counts for nothing: it costs no time, and one bad address must not keep a mail from the others.
const (
	mostFailures = 3
	slow         = 2 * time.Second
)

// Users returns w, but what is changed through it is mailed to the users at the next Deliver.
func (n *Notifier) Users(w mfa.Writer) mfa.Writer { return users{w, n} }

type users struct {
	mfa.Writer
	n *Notifier
}

// FindUsers remembers who the persons are.
func (u users) FindUsers(ctx context.Context, usernames []string) ([]mfa.User, error) {
	found, err := u.Writer.FindUsers(ctx, usernames)
	u.n.mu.Lock()
	defer u.n.mu.Unlock()
	if u.n.persons == nil {
		u.n.persons = map[string]string{}
	}
	for _, user := range found {
		u.n.persons[user.Username] = user.Person
	}
	return found, err
}

// CompareAndSet reads the addresses and records that mails are due, makes the change, and remembers the mails. If what is due
// can't be recorded, it changes nothing. What a run changes several times counts as one change.
func (u users) CompareAndSet(ctx context.Context, username string, was, becomes mfa.Row) error {
	before := u.n.pending(username)
	from := was
	var known []address
	if before != nil { // the addresses from before the first change count
		from = before.was
		for _, l := range before.letters {
			known = append(known, l.address)
		}
	}
	kind := KindOf(from, becomes)
	var now *notice
	if kind != "" && (before == nil || kind != before.kind || before.unsure) {
		var err error
		if now, err = u.n.begin(ctx, known, notice{username: username, kind: kind, was: from, becomes: becomes}); err != nil {
			return err
		}
	}
	err := u.Writer.CompareAndSet(ctx, username, was, becomes)
	switch unclear := errors.Is(err, errs.ErrLostReply) || errors.Is(err, errs.ErrChanged); {
	case err != nil && !unclear:
		now.end(errNothingChanged)
	case err == nil && before != nil && (now != nil || kind == ""):
		u.n.drop(before)
		before.end(errSuperseded)
		u.n.add(now, false)
	default:
		u.n.add(now, err != nil)
	}
	return err
}

func (n *Notifier) pending(username string) *notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := len(n.due) - 1; i >= 0; i-- {
		if n.due[i].username == username {
			return n.due[i]
		}
	}
	return nil
}

func (n *Notifier) add(due *notice, unsure bool) {
	if due == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	due.unsure, due.at = unsure, n.Now()
	n.due = append(n.due, due)
}

func (n *Notifier) drop(gone *notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, due := range n.due {
		if due == gone {
			n.due = append(n.due[:i:i], n.due[i+1:]...)
			return
		}
	}
}

func (no *notice) end(err error) {
	if no == nil {
		return
	}
	for _, l := range no.letters {
		l.end(err)
	}
}

// begin records that a mail to each of a user's addresses is due. It reads them if they are not known.
func (n *Notifier) begin(ctx context.Context, known []address, about notice) (*notice, error) {
	n.mu.Lock()
	about.person = n.persons[about.username]
	n.mu.Unlock()
	if known == nil {
		known = n.read(ctx, about.username)
	}
	for _, a := range known {
		l := letter{a, func(error) {}}
		if n.Record != nil {
			end, err := n.Record.BeginMail(ctx, Mail{about.kind, about.username, a.to})
			if err != nil {
				about.end(errNothingChanged)
				return nil, err
			}
			l.end = end
		}
		about.letters = append(about.letters, l)
	}
	return &about, nil
}

func (n *Notifier) read(ctx context.Context, username string) []address {
	fields, err := n.Directory.MailContacts(ctx, username)
	if err != nil {
		return []address{{err: fmt.Errorf("the addresses could not be read: %w", err)}}
	}
	return addresses(fields)
}

// Recipients returns where mails about the user would go. problems has what no mail can go to, and why. Nothing is sent.
func (n *Notifier) Recipients(ctx context.Context, username string) (to []string, problems []error) {
	for _, a := range n.read(ctx, username) {
		switch {
		case a.err == nil:
			to = append(to, a.to)
		case a.to == "":
			problems = append(problems, a.err)
		default:
			problems = append(problems, fmt.Errorf("%q: %w", a.to, a.err))
		}
	}
	return to, problems
}

// Deliver is Send, and then tells what became of each mail, also of those that were sent before.
func (n *Notifier) Deliver(ctx context.Context, read mfa.Reader) {
	n.Send(ctx, read)
	n.mu.Lock()
	results := n.results
	n.results = nil
	n.mu.Unlock()
	for _, r := range results {
		if n.Tell != nil {
			n.Tell(r.mail, r.err)
		}
	}
}

// Send sends the mails that are due to these users, or to all if none is named, and prints nothing: the reader of the output
// can't hold up a mail. read finds out whether a change was made whose answer was lost. A command that was interrupted after a
// change sends its mails too.
func (n *Notifier) Send(ctx context.Context, read mfa.Reader, usernames ...string) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // each mail has a limit of its own
	}
	for _, about := range n.take(usernames) {
		if err := about.settle(ctx, read); err != nil {
			about.end(err)
			if errs.KindOf(err) != errs.Refused {
				for _, l := range about.letters {
					n.tell(about, l, err)
				}
			}
			continue
		}
		for _, l := range about.letters {
			err := l.err
			switch {
			case err != nil:
			case n.gaveUp():
				err = errNotTried
			default:
				begin := n.Now()
				err = n.Sender.Send(ctx, l.to, n.Text.message(n.From, l.to, *about))
				n.count(err, n.Now().Sub(begin))
			}
			l.end(err)
			n.tell(about, l, err)
		}
	}
}

// take returns the notices that are due to these users, or to all if none is named. They are due no more.
func (n *Notifier) take(usernames []string) (taken []*notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var left []*notice
	for _, due := range n.due {
		if len(usernames) == 0 || slices.Contains(usernames, due.username) {
			taken = append(taken, due)
		} else {
			left = append(left, due)
		}
	}
	n.due = left
	return taken
}

func (n *Notifier) gaveUp() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failures >= mostFailures
}

func (n *Notifier) count(err error, took time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil:
		n.failures = 0
	case took > slow:
		n.failures++
	}
}

// tell remembers what became of a mail, for Deliver.
func (n *Notifier) tell(about *notice, l letter, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.results = append(n.results, result{Mail{about.kind, about.username, l.to}, err})
}

// settle returns nil if the change was made. Otherwise it returns an error of errs.Refused, or one that says that nobody knows.
func (no *notice) settle(ctx context.Context, read mfa.Reader) error {
	if !no.unsure {
		return nil
	}
	found, err := read.FindUsers(ctx, []string{no.username})
	switch {
	case err != nil:
		return fmt.Errorf("whether uzERP was changed is not known: %w: %w", err, errs.ErrLostReply)
	case len(found) == 1 && found[0].Equal(no.becomes):
		return nil
	}
	return errNothingChanged
}
