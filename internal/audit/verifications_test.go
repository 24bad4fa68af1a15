package audit

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
)

// phones answers as Twilio would, with what the test says.
type phones struct {
	start  error
	status caller.Status
	check  error
	sid    string // VE1 if it is empty
}

func (p *phones) MayCheck(context.Context) error { return nil }

func (p *phones) StartVerification(context.Context, caller.Recipient, caller.Channel) (caller.Started, error) {
	return caller.Started{SID: p.current(), Status: caller.Pending, Sends: 1}, p.start
}

func (p *phones) current() string {
	if p.sid == "" {
		return "VE1"
	}
	return p.sid
}

func (p *phones) FetchVerification(_ context.Context, _ caller.Recipient, sid string) (caller.Started, error) {
	return caller.Started{SID: sid, Status: caller.Pending, Sends: 1}, nil
}

func (p *phones) CheckVerification(context.Context, caller.Recipient, string, string) (caller.Status, error) {
	return p.status, p.check
}

const wholeNumber = "+447700900123"

func callee(name string, given bool) caller.Recipient {
	return caller.Recipient{Username: name, Given: given, Phone: caller.Phone{E164: secret.New(wholeNumber), Masked: "+44 *******123"}}
}

// records returns what a recorder wrote, in short.
func records(t *testing.T, l *Log) []string {
	t.Helper()
	var got []string
	for r, err := range Read(bytes.NewReader(readFile(t, l.path))) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(r.Target, " ", r.Result, " ", r.Before, " ", r.After, " ", r.Self, " ", r.Message))
	}
	return got
}

func TestVerificationsAreRecorded(t *testing.T) {
	l := newLog(t, 0)
	p := &phones{}
	r := &Recorder{Log: l, Command: "identity send", Self: "bob"}
	v := r.Verifications(p)
	do := func() {
		if _, err := v.StartVerification(t.Context(), callee("alice", false), caller.ChannelSMS); err != p.start {
			t.Errorf("start: %v", err)
		}
		status, err := v.CheckVerification(t.Context(), callee("bob", true), "VE2", "135791")
		if err != p.check || err == nil && status != p.status {
			t.Errorf("check: %q, %v", status, err)
		}
	}
	p.status = caller.Approved
	do()
	p.start, p.status = errs.New(errs.Refused, "five sends", ""), caller.Pending
	do()
	lost := &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	p.start, p.check = lost, lost
	do()
	const sent = "map[channel:sms status:pending to:+44 *******123 to_given:false]"
	const withSID = "map[channel:sms status:pending to:+44 *******123 to_given:false verification_sid:VE1]"
	const waiting = "map[status:pending to:" + wholeNumber + " verification_sid:VE2]"
	const approved = "map[status:approved to:" + wholeNumber + " to_given:true verification_sid:VE2]"
	const pending = "map[status:pending to:" + wholeNumber + " to_given:true verification_sid:VE2]"
	want := []string{
		"alice intent map[] " + sent + " false ", "alice done map[] " + withSID + " false ",
		"bob intent " + waiting + " " + approved + " true ", "bob done " + waiting + " " + approved + " true ",
		"alice intent map[] " + sent + " false ", "alice refused map[] " + sent + " false five sends",
		"bob intent " + waiting + " " + approved + " true ", "bob refused " + waiting + " " + pending + " true the code was not approved",
		"alice intent map[] " + sent + " false ", "alice unknown map[] " + sent + " false " + errs.ErrLostReply.Error(),
		"bob intent " + waiting + " " + approved + " true ", "bob unknown " + waiting + " " + approved + " true " + errs.ErrLostReply.Error(),
	}
	if diff := cmp.Diff(records(t, l), want); diff != "" {
		t.Error(diff)
	}
	text := string(readFile(t, l.path))
	if strings.Contains(text, "135791") {
		t.Error("the log shows a code")
	}
	intact(t, l, len(want))
}

// A number that is believed only because the operator gave a reason is recorded with its change.
func TestFreshNumberIsRecorded(t *testing.T) {
	l := newLog(t, 0)
	v := (&Recorder{Log: l, Command: "identity send", VerifiedBy: "call-back"}).Verifications(&phones{})
	for _, fresh := range []*caller.Change{nil, {At: at(0), By: "mallory"}, {}} {
		to := callee("alice", false)
		to.Fresh = fresh
		if _, err := v.StartVerification(t.Context(), to, caller.ChannelSMS); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for r, err := range Read(bytes.NewReader(readFile(t, l.path))) {
		if err != nil {
			t.Fatal(err)
		}
		if r.VerifiedBy != "call-back" {
			t.Errorf("verified by %q", r.VerifiedBy)
		}
		at, told := r.After["number_changed"]
		got = append(got, fmt.Sprint(told, " ", at, " ", r.After["number_changed_by"]))
	}
	const none, known, unknown = "false <nil> <nil>", "true 2026-07-14T12:00:00 mallory", "true <nil> <nil>"
	if diff := cmp.Diff(got, []string{none, none, known, known, unknown, unknown}); diff != "" {
		t.Error(diff)
	}
	intact(t, l, 6)
}

// If the intent can't be written, no code is sent and none is used up.
func TestVerificationsNeedTheLog(t *testing.T) {
	l := newLog(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &never{t: t}
	v := (&Recorder{Log: l, Command: "identity send"}).Verifications(p)
	if _, err := v.StartVerification(ctx, callee("alice", false), caller.ChannelSMS); err == nil {
		t.Error("sent")
	}
	if status, err := v.CheckVerification(ctx, callee("alice", false), "VE1", "135791"); err == nil || status != "" {
		t.Error("checked")
	}
}

type never struct{ t *testing.T }

func (n *never) MayCheck(context.Context) error { return nil }

func (n *never) StartVerification(context.Context, caller.Recipient, caller.Channel) (caller.Started, error) {
	n.t.Error("sent without a record")
	return caller.Started{}, nil
}

func (n *never) FetchVerification(context.Context, caller.Recipient, string) (caller.Started, error) {
	return caller.Started{}, nil
}

func (n *never) CheckVerification(context.Context, caller.Recipient, string, string) (caller.Status, error) {
	n.t.Error("checked without a record")
	return caller.Approved, nil
}

func TestIdentityHistory(t *testing.T) {
	const masked = "+44 *******123"
	for name, c := range map[string]struct {
		// s send, a approve, w wrong, l lost, o send to the other number, b somebody else's, f a send that failed, L one whose
		// answer was lost; a digit is the number of the verification from here on
		do   string
		want caller.History
	}{
		"an empty log":                    {"", caller.History{}},
		"somebody else's":                 {"bb", caller.History{}},
		"sent":                            {"bs", caller.History{SID: "VE1", First: at(2), Sent: at(2), Sends: 1}},
		"sent and failed":                 {"f", caller.History{}},
		"sent, then one failed":           {"sf", caller.History{SID: "VE1", First: at(1), Sent: at(1), Sends: 1}},
		"sent and lost":                   {"sL", caller.History{First: at(2), Sent: at(2)}},
		"lost, then sent":                 {"Ls", caller.History{SID: "VE1", First: at(2), Sent: at(2), Sends: 1}},
		"sent three times":                {"swsfs", caller.History{SID: "VE1", First: at(1), Sent: at(5), Sends: 3, Wrong: 1}},
		"used up":                         {"swa", caller.History{SID: "VE1", First: at(1), Sent: at(1), Sends: 1, Wrong: 1, Approved: at(3)}},
		"sent anew after used up":         {"sa2s", caller.History{SID: "VE2", First: at(3), Sent: at(3), Sends: 1}},
		"wrong ones of the one before":    {"sww2sw", caller.History{SID: "VE2", First: at(4), Sent: at(4), Sends: 1, Wrong: 1}},
		"late answer to the one before":   {"s2s1a", caller.History{SID: "VE2", First: at(2), Sent: at(2), Sends: 1}},
		"five wrong":                      {"swwwww", caller.History{SID: "VE1", First: at(1), Sent: at(1), Sends: 1, Wrong: 5}},
		"a lost answer":                   {"sl", caller.History{SID: "VE1", First: at(1), Sent: at(1), Sends: 1, Unclear: true}},
		"another number since":            {"s2o", caller.History{SID: "VE1", First: at(1), Sent: at(1), Sends: 1, Other: at(2)}},
		"another number only":             {"o", caller.History{Other: at(1)}},
		"this number after the other":     {"o2s", caller.History{SID: "VE2", First: at(2), Sent: at(2), Sends: 1}},
		"given, and on file":              {"os", caller.History{SID: "VE1", First: at(2), Sent: at(2), Sends: 2}},
		"somebody else's are no own":      {"bsb", caller.History{SID: "VE1", First: at(2), Sent: at(2), Sends: 1}},
		"checked though nothing was sent": {"wa", caller.History{}},
	} {
		minute := 0
		log := newLog(t, 0)
		l, err := Open(log.path, Options{Now: func() time.Time { return at(minute) }})
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, l.path, []byte("{\"schema_version\":1,\"id\":\"torn\n"))
		p := &phones{}
		v := (&Recorder{Log: l, Command: "identity check", Place: func() Place { return live }}).Verifications(p)
		for _, what := range c.do {
			if what >= '1' && what <= '9' {
				p.sid = "VE" + string(what)
				continue
			}
			minute++
			who := callee("alice", what == 'o')
			p.start, p.check, p.status = nil, nil, caller.Pending
			switch what {
			case 'b':
				who = callee("bob", false)
			case 'f':
				p.start = errs.New(errs.Refused, "five sends", "")
			case 'L':
				p.start = errs.ErrLostReply
			case 'a':
				p.status = caller.Approved
			case 'l':
				p.check = errs.ErrLostReply
			}
			if strings.ContainsRune("sobfL", what) {
				_, _ = v.StartVerification(t.Context(), who, caller.ChannelCall)
			} else {
				_, _ = v.CheckVerification(t.Context(), who, p.current(), "135791")
			}
		}
		c.want.Known = true
		got, err := IdentityHistory(Read(bytes.NewReader(readFile(t, l.path))), live, "alice", masked)
		if diff := cmp.Diff(got, c.want); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if h, err := IdentityHistory(Read(failing{}), live, "alice", masked); err == nil || h.Known {
		t.Errorf("%+v, %v", h, err)
	}
}

var live = Place{&Database{"192.0.2.1", 5432, "uzerp"}, &Service{SID: "VA1"}}

// What happened in a sandbox, or with another service, is no evidence for the live system; nor is a line that names neither.
func TestEvidenceOfAnotherPlace(t *testing.T) {
	const masked = "+44 *******123"
	for name, place := range map[string]Place{
		"another server":   {&Database{"127.0.0.1", 5432, "uzerp"}, live.Service},
		"another port":     {&Database{"192.0.2.1", 5433, "uzerp"}, live.Service},
		"another database": {&Database{"192.0.2.1", 5432, "copy"}, live.Service},
		"another service":  {live.Database, &Service{SID: "VA2"}},
		"an emulator":      {live.Database, &Service{SID: "VA1", Address: "http://127.0.0.1:4000"}},
		"no service":       {live.Database, nil},
		"an older version": {},
	} {
		l := newLog(t, 0)
		v := (&Recorder{Log: l, Command: "identity check", Place: func() Place { return place }}).Verifications(&phones{status: caller.Approved})
		_, _ = v.StartVerification(t.Context(), callee("alice", false), caller.ChannelSMS)
		_, _ = v.CheckVerification(t.Context(), callee("alice", false), "VE1", "135791")
		r := &Recorder{Log: l, Place: func() Place { return live }}
		if got := r.History(t.Context(), callee("alice", false)); got != (caller.History{Known: true}) {
			t.Errorf("%s: %+v", name, got)
		}
		r.Place = func() Place { return place }
		if got := r.History(t.Context(), callee("alice", false)); (place.Database != nil && place.Service != nil) == got.Sent.IsZero() {
			t.Errorf("%s: in its own place: %+v", name, got)
		}
		intact(t, l, 4)
	}
	if got, err := IdentityHistory(Read(strings.NewReader("")), Place{}, "alice", masked); err != nil || got != (caller.History{Known: true}) {
		t.Errorf("%+v, %v", got, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("a disk that died") }

func at(minute int) time.Time { return time.Date(2026, 7, 14, 12, minute, 0, 0, time.UTC) }

// A change of the operator's own user is marked. The operator is known by the name they gave, or else by the name in
// the operating system. A database or a class of the same name is no user.
func TestSelf(t *testing.T) {
	for _, c := range []struct {
		actor  Actor
		self   string
		target string
		want   bool
	}{
		{Actor{User: "alice"}, "", "alice", true},
		{Actor{User: "root", SudoUser: "alice"}, "", "alice", true},
		{Actor{User: "root", SudoUser: "jo"}, "", "alice", false},
		{Actor{User: "alice"}, "al", "alice", false},
		{Actor{User: "root"}, "alice", "alice", true},
		{Actor{}, "", "", false},
	} {
		l := newLog(t, 0)
		r := &Recorder{Log: l, Actor: c.actor, Self: c.self, Command: "user reset"}
		r.Refused(c.target, errs.New(errs.Refused, "a database of that name", ""))
		r.isUser(c.target)
		if err := r.Record(t.Context(), c.target, nil, nil, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		r.Refused(c.target, errs.New(errs.Refused, "no", ""))
		var got []bool
		for rec, err := range Read(bytes.NewReader(readFile(t, l.path))) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rec.Self)
		}
		if diff := cmp.Diff(got, []bool{false, c.want, c.want, c.want}); diff != "" {
			t.Errorf("%+v: %s", c, diff)
		}
		if text := string(readFile(t, l.path)); strings.Contains(text, `"self":false`) || strings.Contains(text, `"self":true,"before"`) != c.want {
			t.Error(text)
		}
		intact(t, l, 4)
	}
}
