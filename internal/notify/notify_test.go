package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

const (
	oldSID = "YF00000000000000000000000000000001"
	newSID = "YF00000000000000000000000000000002"
)

func ptr[T any](v T) *T { return &v }

func enrolled(sid string, enabled bool) mfa.Row {
	return mfa.Row{UUID: ptr("u"), SID: &sid, Enrolled: ptr(true), Enabled: &enabled}
}

var notEnrolled = mfa.Row{UUID: ptr("u"), Enrolled: ptr(false), Enabled: ptr(false)}

func TestKindOf(t *testing.T) {
	for name, test := range map[string]struct {
		was, becomes mfa.Row
		want         Kind
	}{
		"reset":                  {enrolled(oldSID, true), notEnrolled, Removed},
		"reset during a skip":    {enrolled(oldSID, false), notEnrolled, Removed},
		"enroll":                 {notEnrolled, enrolled(newSID, true), Enrolled},
		"enroll from NULLs":      {mfa.Row{}, enrolled(newSID, true), Enrolled},
		"a broken row is mended": {mfa.Row{UUID: ptr("u"), Enrolled: ptr(true)}, enrolled(newSID, true), Enrolled},
		"replace":                {enrolled(oldSID, true), enrolled(newSID, true), Replaced},
		"replace during a skip":  {enrolled(oldSID, false), enrolled(newSID, true), Replaced},
		"skip":                   {enrolled(oldSID, true), enrolled(oldSID, false), Skipped},
		"skip again":             {enrolled(oldSID, false), enrolled(oldSID, false), ""},
		"enable":                 {enrolled(oldSID, false), enrolled(oldSID, true), ""},
		"a uuid":                 {mfa.Row{}, notEnrolled, ""},
		"nothing":                {notEnrolled, notEnrolled, ""},
	} {
		if got := KindOf(test.was, test.becomes); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// world is everything around a Notifier. What happens is written into log in its order.
type world struct {
	log      []string
	fields   []string // what uzERP has
	row      mfa.Row
	unread   error
	change   func() error // what CompareAndSet does
	intent   error        // why nothing can be recorded
	sendFail func(to string) error
}

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *world) MailContacts(context.Context, string) ([]string, error) { return w.fields, w.unread }

func (w *world) BeginMail(_ context.Context, m Mail) (func(error), error) {
	if w.intent != nil {
		return nil, w.intent
	}
	w.say("due %s %s", m.Kind, m.To)
	return func(err error) {
		switch {
		case err == nil:
			w.say("done %s %s", m.Kind, m.To)
		case errs.KindOf(err) == errs.Refused:
			w.say("not due %s", m.Kind)
		case errors.Is(err, errs.ErrLostReply):
			w.say("unknown %s", m.Kind)
		default:
			w.say("failed %s %s: %s", m.Kind, m.To, err)
		}
	}, nil
}

func (w *world) Send(_ context.Context, to string, message []byte) error {
	if !strings.Contains(string(message), "\nTo: "+to+"\n") {
		return errors.New("another recipient")
	}
	w.say("mail %s", to)
	if w.sendFail != nil {
		return w.sendFail(to)
	}
	return nil
}

func (w *world) FindUsers(context.Context, []string) ([]mfa.User, error) {
	return []mfa.User{{Username: "alice", Person: "Alice Archer", Row: w.row}}, w.unread
}
func (*world) FactorOwners(context.Context, []string) (map[string][]string, error) { return nil, nil }
func (*world) UUIDOwners(context.Context, []string) (map[string][]string, error)   { return nil, nil }

func (w *world) CompareAndSet(_ context.Context, _ string, _, becomes mfa.Row) error {
	w.say("change")
	if w.change != nil {
		if err := w.change(); err != nil {
			return err
		}
	}
	w.row = becomes
	return nil
}

func (w *world) MayWrite(context.Context, string, mfa.Row) error { return nil }
func (w *world) Writable(context.Context) error                  { return nil }

func (w *world) notifier() *Notifier {
	return &Notifier{Directory: w, Record: w, Sender: w, Text: Standard(), Now: time.Now,
		From: From{Address: "desk@example.com", Helpdesk: "Helpdesk", Contact: "ring 1"}}
}

func TestNotifier(t *testing.T) {
	lost := &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	both := []string{"a@example.com", "b@example.com"}
	set := func(was, becomes mfa.Row) func(mfa.Writer) error {
		return func(w mfa.Writer) error { return w.CompareAndSet(context.Background(), "alice", was, becomes) }
	}
	reset := set(enrolled(oldSID, true), notEnrolled)
	replace := set(enrolled(oldSID, true), enrolled(newSID, true))
	for name, test := range map[string]struct {
		w     world
		steps []func(mfa.Writer) error
		want  string
	}{
		"it is due before the change, and sent after it": {world{fields: both}, []func(mfa.Writer) error{reset},
			"due reset a@example.com, due reset b@example.com, change, mail a@example.com, done reset a@example.com, mail b@example.com, done reset b@example.com"},
		"nothing to hear of": {world{fields: both}, []func(mfa.Writer) error{set(enrolled(oldSID, false), enrolled(oldSID, true))}, "change"},
		"the change fails": {world{fields: both[:1], change: func() error { return errors.New("no") }}, []func(mfa.Writer) error{reset},
			"due reset a@example.com, change, not due reset"},
		"it can't be recorded": {world{fields: both, intent: errors.New("full")}, []func(mfa.Writer) error{reset}, ""},
		"the answer is lost, and it was made": {world{fields: both[:1], row: notEnrolled, change: func() error { return lost }},
			[]func(mfa.Writer) error{reset}, "due reset a@example.com, change, mail a@example.com, done reset a@example.com"},
		"the answer is lost, and it was not made": {world{fields: both[:1], row: enrolled(oldSID, true), change: func() error { return lost }},
			[]func(mfa.Writer) error{reset}, "due reset a@example.com, change, not due reset"},
		"no address": {world{}, []func(mfa.Writer) error{reset}, "due reset , change, failed reset : uzERP has no e-mail address of the user"},
		"the addresses can't be read": {world{unread: errors.New("no right")}, []func(mfa.Writer) error{reset},
			"due reset , change, failed reset : the addresses could not be read: no right"},
		"one of two is bad": {world{fields: []string{"-oQ/tmp@example.com", "b@example.com"}}, []func(mfa.Writer) error{reset},
			"due reset -oQ/tmp@example.com, due reset b@example.com, change, " +
				"failed reset -oQ/tmp@example.com: an address that begins with - could be taken for an option, mail b@example.com, done reset b@example.com"},
		"taken back": {world{fields: both[:1]}, []func(mfa.Writer) error{replace, set(enrolled(newSID, true), enrolled(oldSID, true))},
			"due replace a@example.com, change, change, not due replace"},
		"taken back to less than before": {world{fields: both[:1]}, []func(mfa.Writer) error{replace, set(enrolled(newSID, true), notEnrolled)},
			"due replace a@example.com, change, due reset a@example.com, change, not due replace, mail a@example.com, done reset a@example.com"},
		"the mail program fails": {world{fields: both[:1], sendFail: func(string) error { return errors.New("exit 75") }}, []func(mfa.Writer) error{reset},
			"due reset a@example.com, change, mail a@example.com, failed reset a@example.com: exit 75"},
	} {
		w := test.w
		n := w.notifier()
		for _, step := range test.steps {
			_ = step(n.Users(&w))
			w.fields = []string{"thief@example.com"} // the addresses from before the change count
		}
		n.Deliver(t.Context(), &w)
		n.Deliver(t.Context(), &w) // nothing twice
		if got := strings.Join(w.log, ", "); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// What became of the mails is told when all are sent: an operator who does not read it holds up none. Send tells nothing, and sends
// only what is due to the users that it is called for.
func TestToldWhenAllAreSent(t *testing.T) {
	w := world{fields: []string{"a@example.com", "b@example.com"}}
	n := w.notifier()
	n.Tell = func(m Mail, _ error) { w.say("told %s", m.To) }
	for _, name := range []string{"alice", "bob"} {
		if err := n.Users(&w).CompareAndSet(t.Context(), name, enrolled(oldSID, true), notEnrolled); err != nil {
			t.Fatal(err)
		}
	}
	w.log = nil
	n.Send(t.Context(), &w, "bob", "carol")
	const sent = "mail a@example.com, done reset a@example.com, mail b@example.com, done reset b@example.com"
	if got := strings.Join(w.log, ", "); got != sent {
		t.Errorf("sent to one user: %s", got)
	}
	n.Deliver(t.Context(), &w)
	const told = "told a@example.com, told b@example.com"
	if got := strings.Join(w.log, ", "); got != strings.Join([]string{sent, sent, told, told}, ", ") {
		t.Errorf("%s", got)
	}
}

// A mail program that hangs does not hold up many users.
func TestSeveralFailures(t *testing.T) {
	now := time.Now()
	w := world{fields: []string{"a@example.com"}, sendFail: func(string) error { now = now.Add(LongestSend); return errors.New("no") }}
	n := w.notifier()
	n.Now = func() time.Time { return now }
	var told []error
	n.Tell = func(_ Mail, err error) { told = append(told, err) }
	for i := range 10 {
		if err := n.Users(&w).CompareAndSet(t.Context(), fmt.Sprint("user", i), enrolled(oldSID, true), notEnrolled); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the command was interrupted after its changes
	n.Deliver(ctx, &w)
	tried := slices.DeleteFunc(slices.Clone(w.log), func(s string) bool { return !strings.HasPrefix(s, "mail ") })
	if len(tried) != mostFailures || len(told) != 10 || !errors.Is(told[9], errNotTried) {
		t.Errorf("%d tried, %v", len(tried), told)
	}
}

// Addresses that are refused at once keep no mail from the others: somebody may have put them there for that.
func TestBadAddressesHoldUpNobody(t *testing.T) {
	w := world{
		fields: []string{"a@nowhere.example, b@nowhere.example, c@nowhere.example, d@nowhere.example", "alice@example.com"},
		sendFail: func(to string) error {
			if strings.HasSuffix(to, "@nowhere.example") {
				return errors.New("no")
			}
			return nil
		},
	}
	n := w.notifier()
	if err := n.Users(&w).CompareAndSet(t.Context(), "alice", enrolled(oldSID, true), notEnrolled); err != nil {
		t.Fatal(err)
	}
	n.Deliver(t.Context(), &w)
	if !slices.Contains(w.log, "done reset alice@example.com") {
		t.Errorf("%q", w.log)
	}
}

func TestRecipients(t *testing.T) {
	w := world{fields: []string{"a@example.com", "nothing"}}
	to, problems := w.notifier().Recipients(t.Context(), "alice")
	if !slices.Equal(to, []string{"a@example.com"}) || len(problems) != 1 || len(w.log) > 0 {
		t.Errorf("%q, %v, %q", to, problems, w.log)
	}
}

// A command that was interrupted after its change still sends the mail.
func TestInterrupted(t *testing.T) {
	w := world{fields: []string{"a@example.com"}}
	n := w.notifier()
	n.Sender = senderFunc(func(ctx context.Context) error { return ctx.Err() })
	n.Tell = func(_ Mail, err error) {
		if err != nil {
			t.Error(err)
		}
	}
	if err := n.Users(&w).CompareAndSet(t.Context(), "alice", enrolled(oldSID, true), notEnrolled); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.Deliver(ctx, &w)
}

type senderFunc func(context.Context) error

func (f senderFunc) Send(ctx context.Context, _ string, _ []byte) error { return f(ctx) }
