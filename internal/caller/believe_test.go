package caller_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa/mfatest"
)

var alice = mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222")

func changed(daysAgo float64, by string, what caller.Changed) caller.Change {
	return caller.Change{At: noon.Add(-time.Duration(daysAgo * float64(24*time.Hour))), By: by, What: what}
}

// A number verifies nobody if anything on the way to it was changed lately, or nobody knows when.
func TestFreshNumber(t *testing.T) {
	entry := func(main, mobile bool, c caller.Change) caller.PhoneContact {
		text := ""
		if main {
			text = "+44 7700 900123"
		}
		return caller.PhoneContact{Mobile: mobile, Main: main, Text: text, Changed: c}
	}
	main := func(c caller.Change) []caller.PhoneContact { return []caller.PhoneContact{entry(true, true, c)} }
	for name, c := range map[string]struct {
		contacts []caller.PhoneContact
		text     string // empty if the number is believed
	}{
		"years ago":           {main(changed(700, "hr", caller.ChangedNumber)), ""},
		"32 days ago":         {main(changed(32, "hr", caller.ChangedNumber)), ""},
		"30 days ago":         {main(changed(30, "hr", caller.ChangedNumber)), `was changed on 2026-06-14 by "hr"`}, // uzERP's clock may be a day off
		"a second ago":        {main(changed(0, "mallory", caller.ChangedNumber)), `the number +44 ***123 of "alice" was changed on 2026-07-14 by "mallory"`},
		"by the user":         {main(changed(3, "alice", caller.ChangedNumber)), "on 2026-07-11 by that user"},
		"by nobody":           {main(changed(3, "", caller.ChangedNumber)), "by nobody that uzERP names"},
		"by somebody endless": {main(changed(3, strings.Repeat("m", 70_000), caller.ChangedNumber)), `by "` + strings.Repeat("m", 60) + `…", so`},
		"in the future":       {main(changed(-900, "hr", caller.ChangedNumber)), "was changed on 2028-12-30"},
		"at an unknown time":  {main(caller.Change{By: "hr"}), "was changed at a time that uzERP does not say"},
		"another number":      {main(changed(3, "hr", caller.ChangedEntry)), `which number "alice" has (+44 ***123) was changed on 2026-07-11 by "hr"`},
		"another person":      {main(changed(3, "hr", caller.ChangedPerson)), `the person behind the number +44 ***123 of "alice" was changed`},
		"written twice":       {[]caller.PhoneContact{entry(true, true, old), entry(true, true, changed(3, "hr", caller.ChangedNumber))}, "on 2026-07-11"},
		"twice, one unknown":  {[]caller.PhoneContact{entry(true, true, changed(3, "hr", "")), entry(true, true, caller.Change{})}, "does not say"},
		"another mobile left": {[]caller.PhoneContact{entry(true, true, old), entry(false, true, changed(3, "hr", caller.ChangedEntry))}, "on 2026-07-11"},
		// This entry may have been the main mobile until its type was changed, and then the other mobile is somebody else's.
		"a mobile became a phone":  {[]caller.PhoneContact{entry(true, true, old), entry(true, false, changed(3, "hr", caller.ChangedEntry))}, "on 2026-07-11"},
		"a mobile became an email": {[]caller.PhoneContact{entry(true, true, old), entry(false, false, changed(3, "hr", caller.ChangedEntry))}, "on 2026-07-11"},
		// The mobile is no main one any more, or is called an e-mail address: the phone would get the code.
		"the mobile was taken away":  {[]caller.PhoneContact{entry(true, false, old), entry(false, true, changed(3, "hr", caller.ChangedEntry))}, "on 2026-07-11"},
		"the mobile became an email": {[]caller.PhoneContact{entry(true, false, old), entry(false, false, changed(3, "hr", caller.ChangedEntry))}, "on 2026-07-11"},
		"others, nobody knows when":  {[]caller.PhoneContact{entry(true, false, old), entry(false, true, caller.Change{})}, ""},
	} {
		h := &helpdesk{contacts: map[string][]caller.PhoneContact{"alice": c.contacts}}
		v := h.identifier()
		p, err := v.Plan(t.Context(), alice, "")
		if c.text == "" {
			if err != nil || p.Fresh || p.Recipient.Fresh != nil {
				t.Errorf("%s: %v, %+v", name, err, p)
			}
			continue
		}
		if errs.KindOf(err) != errs.Refused || err == nil || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "900123") {
			t.Errorf("%s: %v", name, err)
		}
		if hint := errs.HintOf(err).String(); strings.Contains(hint, "--reason") || !strings.Contains(hint, "another way") {
			t.Errorf("%s: hint %q", name, hint)
		}
		// With a reason it is believed, and the change goes with the number into the audit log.
		v.Reason = "new phone, her manager confirmed it"
		if p, err = v.Plan(t.Context(), alice, ""); err != nil || !p.Fresh || p.Recipient.Fresh == nil || *p.Recipient.Fresh != p.Change ||
			!strings.Contains(p.ChangeInWords()+", so", c.text) {
			t.Errorf("%s, with a reason: %v, %+v", name, err, p)
		}
		v.Reason = " \t"
		if _, err = v.Plan(t.Context(), alice, ""); errs.KindOf(err) != errs.Refused {
			t.Errorf("%s, with a blank reason: %v", name, err)
		}
	}
}

// A reason may be given out of habit, or because the policy wants one: Verify asks about such a number before it sends.
func TestVerifyFreshNumber(t *testing.T) {
	for _, doubt := range []error{nil, errs.New(errs.Declined, "not believed", "")} {
		contact := caller.PhoneContact{Mobile: true, Main: true, Text: "+447700900123", Changed: changed(0, "mallory", caller.ChangedNumber)}
		h := &helpdesk{started: caller.Started{Status: caller.Pending}, contacts: map[string][]caller.PhoneContact{"alice": {contact}}}
		o := &operator{h: h, codes: []string{"right"}, doubt: doubt}
		v := h.identifier()
		v.Reason = "lost phone"
		err := v.Verify(t.Context(), alice, caller.ChannelSMS, o)
		if (err == nil) != (doubt == nil) || o.heard[0] != "believe" || doubt != nil && (errs.KindOf(err) != errs.CodeRejected || len(h.calls) > 1) {
			t.Errorf("%v, heard %q, called %q", err, o.heard, h.calls)
		}
	}
}

// The administrator's policy says how old a number must be.
func TestBelieveAfter(t *testing.T) {
	for days, c := range map[int]struct {
		after time.Duration
		fresh bool
	}{40: {60 * 24 * time.Hour, true}, 62: {60 * 24 * time.Hour, false}, 3: {24 * time.Hour, false}, 3000: {0, true}} {
		entry := caller.PhoneContact{Mobile: true, Main: true, Text: "+447700900123", Changed: changed(float64(days), "hr", "")}
		h := &helpdesk{contacts: map[string][]caller.PhoneContact{"alice": {entry}}}
		v := h.identifier()
		v.BelieveAfter = c.after
		if _, err := v.Plan(t.Context(), alice, ""); (err != nil) != c.fresh {
			t.Errorf("%d days, after %s: %v", days, c.after, err)
		}
	}
}

// A number that is another user's mobile as well doesn't say who calls. No reason changes that.
func TestOtherHolders(t *testing.T) {
	for name, c := range map[string]struct {
		contacts []caller.PhoneContact
		given    string
		holders  []caller.MobileHolder
		text     string // empty if the number is hers alone
	}{
		"nobody":         {contacts: []caller.PhoneContact{mobile}},
		"another number": {contacts: []caller.PhoneContact{mobile}, holders: []caller.MobileHolder{{"bob", "+44 7700 800123"}}},
		"the same, written anew": {contacts: []caller.PhoneContact{mobile}, holders: []caller.MobileHolder{{"bob", "+447700900 123"}},
			text: `is also the main mobile of "bob"`},
		"her own, once more": {contacts: []caller.PhoneContact{mobile}, holders: []caller.MobileHolder{{"alice", "+447700900123"}}},
		"can't be read, has it": {contacts: []caller.PhoneContact{mobile}, holders: []caller.MobileHolder{{"bob", "Bob: 0 7700/900-123 (home)"}},
			text: `of "bob"`},
		"can't be read, has it not": {contacts: []caller.PhoneContact{mobile}, holders: []caller.MobileHolder{{"bob", "Bob 0123"}}},
		"a phone that is a mobile":  {contacts: []caller.PhoneContact{phone}, holders: []caller.MobileHolder{{"bob", "+442079460018"}}, text: `of "bob"`},
		"given":                     {given: "+447700900123", holders: []caller.MobileHolder{{"mallory", "+447700900123"}}, text: `of "mallory"`},
		"five": {contacts: []caller.PhoneContact{mobile}, text: `"a", "b", "c", 2 more`, holders: []caller.MobileHolder{
			{"e", same.Text}, {"d", same.Text}, {"c", same.Text}, {"b", same.Text}, {"a", same.Text}, {"a", mobile.Text}}},
	} {
		h := &helpdesk{contacts: map[string][]caller.PhoneContact{"alice": c.contacts}, holders: c.holders}
		v := h.identifier()
		v.Reason = "I know"
		_, err := v.Plan(t.Context(), alice, c.given)
		if c.text == "" && err != nil || c.text != "" && (errs.KindOf(err) != errs.Refused || !strings.Contains(err.Error(), c.text) || errs.HintOf(err).Empty()) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "900123") {
			t.Errorf("%s: the number is in the error: %v", name, err)
		}
	}
}

// Twilio sends the same code for every program that uses the service. If another one has sent it too, its owner may have
// read it out for another purpose: before our own send, or between that and the check.
func TestForeignCode(t *testing.T) {
	h := &helpdesk{started: caller.Started{Status: caller.Pending}, foreign: 1}
	p := plan(t, h, mobile)
	if _, err := p.Send(t.Context(), caller.ChannelSMS); errs.KindOf(err) != errs.Refused || !errors.Is(err, caller.ErrForeignCode) {
		t.Errorf("sent before: %v", err)
	}
	h = &helpdesk{started: caller.Started{Status: caller.Pending}, status: caller.Approved}
	p = plan(t, h, mobile)
	if _, err := p.Send(t.Context(), caller.ChannelSMS); err != nil {
		t.Fatal(err)
	}
	h.foreign = 1
	if answer, err := p.Confirm(t.Context(), "123456"); errs.KindOf(err) != errs.Refused || !errors.Is(err, caller.ErrForeignCode) || answer.Asked {
		t.Errorf("sent since: %+v, %v", answer, err)
	}
	if slices.ContainsFunc(h.calls, func(call string) bool { return strings.HasPrefix(call, "check") }) {
		t.Errorf("the code was tried: %q", h.calls)
	}
	// A second send of our own is one that the log knows.
	h.foreign = 0
	if answer, err := p.Send(t.Context(), caller.ChannelSMS); err != nil || answer.SID != "VE1" {
		t.Errorf("sent twice: %+v, %v", answer, err)
	}
	if answer, err := p.Confirm(t.Context(), "123456"); err != nil || answer.Status != caller.Approved {
		t.Errorf("sent twice: %+v, %v", answer, err)
	}
	// Of a verification that the log doesn't know, or whose sends Twilio doesn't count, nothing is known.
	for _, started := range []caller.Started{{SID: "VE2", Status: caller.Pending, Sends: 1}, {SID: "VE1", Status: caller.Pending, Sends: -1}} {
		h = &helpdesk{started: started}
		p = plan(t, h, mobile)
		if _, err := p.Send(t.Context(), caller.ChannelSMS); !errors.Is(err, caller.ErrForeignCode) {
			t.Errorf("%+v: %v", started, err)
		}
	}
}

// What Twilio still shows of a verification that has ended verifies nobody, above all not one that was approved already.
func TestEndedBeforeTheCheck(t *testing.T) {
	for _, status := range []caller.Status{caller.Approved, caller.Canceled, caller.MaxAttempts, caller.Deleted, caller.Failed, caller.Expired, "x"} {
		h := &helpdesk{fetched: status, status: caller.Approved}
		p := plan(t, h, mobile)
		answer, err := p.Confirm(t.Context(), "123456")
		if errs.KindOf(err) != errs.CodeRejected || answer.Status == caller.Approved || answer.Asked || !slices.Equal(h.calls, []string{"fetch VE1"}) {
			t.Errorf("%s: %+v, %v, %q", status, answer, err, h.calls)
		}
	}
}

// A code is good for ten minutes, and once, as the log says: whatever Twilio thinks of it.
func TestTooOldForTheLog(t *testing.T) {
	for name, history := range map[string]caller.History{
		"too old": {Known: true, SID: "VE1", Sends: 1, First: noon.Add(-10 * time.Minute), Sent: noon.Add(-10 * time.Minute)},
		"used":    {Known: true, SID: "VE1", Sends: 1, First: noon, Sent: noon, Approved: noon},
	} {
		h := &helpdesk{status: caller.Approved, history: &history}
		p := plan(t, h, mobile)
		if answer, err := p.Confirm(t.Context(), "123456"); errs.KindOf(err) != errs.CodeRejected || answer != (caller.Answer{}) || len(h.calls) > 0 {
			t.Errorf("%s: %+v, %v, %q", name, answer, err, h.calls)
		}
	}
}

// Verify finds a foreign code too: it ends as every caller who is not verified.
func TestVerifyForeignCode(t *testing.T) {
	for _, noLog := range []bool{false, true} {
		h, o := &helpdesk{started: caller.Started{Status: caller.Pending}, foreign: 1, noLog: noLog}, &operator{codes: []string{"right"}}
		recorded, err := verify(t, h, o, caller.ChannelSMS, mobile)
		if errs.KindOf(err) != errs.CodeRejected || !errors.Is(err, caller.ErrForeignCode) || len(recorded) != 1 || len(o.codes) != 1 {
			t.Errorf("no log %v: %v, recorded %q", noLog, err, recorded)
		}
	}
	// Without a log, one run knows what it has sent itself: once.
	h, o := &helpdesk{started: caller.Started{Status: caller.Pending}, noLog: true}, &operator{codes: []string{"right"}}
	if _, err := verify(t, h, o, caller.ChannelSMS, mobile); err != nil {
		t.Error(err)
	}
}

// Without a log nobody knows which code this program sent: none is sent, and none accepted.
func TestNoRecord(t *testing.T) {
	h := &helpdesk{noLog: true, started: caller.Started{Status: caller.Pending}, status: caller.Approved}
	p := plan(t, h, mobile)
	_, sendErr := p.Send(t.Context(), caller.ChannelSMS)
	answer, checkErr := p.Confirm(t.Context(), "123456")
	for _, err := range []error{sendErr, checkErr} {
		if errs.KindOf(err) != errs.Config || errs.HintOf(err).Reason != caller.ReasonNoRecord {
			t.Errorf("%v, hint %s", err, errs.HintOf(err))
		}
	}
	if answer.Status != "" || len(h.calls) > 0 {
		t.Errorf("%+v, %q", answer, h.calls)
	}
}

// A code of another length than Twilio's costs no try, and is asked for again.
func TestCodeLength(t *testing.T) {
	h := &helpdesk{length: 8, status: caller.Approved}
	p := plan(t, h, mobile)
	answer, err := p.Confirm(t.Context(), "123456")
	if errs.KindOf(err) != errs.CodeRejected || !errors.Is(err, caller.ErrWrongCode) || answer.Status != caller.Pending || answer.TriesLeft != 5 || answer.Asked ||
		!strings.Contains(err.Error(), "6 digits, and Twilio's codes have 8; no try was used") || len(h.calls) > 0 {
		t.Errorf("%+v, %v, %q", answer, err, h.calls)
	}
	if answer, err := p.Confirm(t.Context(), "12345678"); err != nil || answer.Status != caller.Approved {
		t.Errorf("%+v, %v", answer, err)
	}
	h, o := &helpdesk{length: 5, started: caller.Started{Status: caller.Pending}}, &operator{codes: []string{"1234", "wrong", "123456", "0", "wrong", "right"}}
	if _, err := verify(t, h, o, caller.ChannelSMS, mobile); err != nil || len(o.wrong) != 5 {
		t.Errorf("%v, %q", err, o.wrong)
	}
	if wrong := slices.DeleteFunc(h.calls, func(call string) bool { return !strings.HasPrefix(call, "check") }); len(wrong) != 3 {
		t.Errorf("%q", wrong)
	}
}

// Every answer says how many tries are left, and until when.
func TestTriesLeft(t *testing.T) {
	sent := noon.Add(-3 * time.Minute)
	h := &helpdesk{status: caller.Pending, history: &caller.History{Known: true, SID: "VE1", Sends: 1, First: sent, Sent: sent}}
	p := plan(t, h, mobile)
	for _, want := range []struct {
		left int
		hint string
	}{
		{4, "let the caller read it out again: 4 tries are left, until 12:07:00 UTC"}, {3, "3 tries are left"}, {2, "2 tries are left"},
		{1, "1 try is left, until 12:07:00 UTC"}, {0, "this code takes no more tries; a new one can be sent once it has expired, at 12:07:00 UTC"},
	} {
		answer, err := p.Confirm(t.Context(), "123456")
		hint := errs.HintOf(err).String()
		if answer.TriesLeft != want.left || !answer.ValidUntil.Equal(noon.Add(7*time.Minute)) || !strings.Contains(hint, want.hint) {
			t.Errorf("%+v, %q", answer, hint)
		}
		h.history.Wrong++
	}
	h.calls = nil
	if answer, err := p.Confirm(t.Context(), "123456"); errs.KindOf(err) != errs.Refused || answer.TriesLeft != 0 || len(h.calls) > 0 {
		t.Errorf("a sixth: %+v, %v, %q", answer, err, h.calls)
	}
	h.history.Wrong, h.started = 2, caller.Started{Status: caller.Pending}
	if answer, err := p.Send(t.Context(), caller.ChannelSMS); err != nil || answer.TriesLeft != 3 || p.Waits(answer) != "until 12:07:00 UTC; 3 tries are left" {
		t.Errorf("sent again: %+v, %v", answer, err)
	}
	// Wrong codes of an earlier run count.
	h = &helpdesk{started: caller.Started{Status: caller.Pending}, history: &caller.History{Known: true, SID: "VE1", Sends: 1, First: noon, Sent: noon, Wrong: 4}}
	o := &operator{codes: []string{"wrong", "right"}}
	if _, err := verify(t, h, o, caller.ChannelSMS, mobile); !strings.Contains(err.Error(), "five wrong codes") || len(o.codes) != 1 {
		t.Errorf("%v, %q", err, o.wrong)
	}
	// In one run fewer codes are asked for than Twilio takes.
	h, o = &helpdesk{started: caller.Started{Status: caller.Pending}}, &operator{codes: []string{"wrong", "wrong", "wrong", "right"}}
	if _, err := verify(t, h, o, caller.ChannelSMS, mobile); errs.KindOf(err) != errs.CodeRejected || len(o.codes) != 1 || len(o.wrong) != 2 {
		t.Errorf("%v, %q", err, o.wrong)
	}
}

func TestParseVerifiedBy(t *testing.T) {
	for text, want := range map[string]string{
		"call-back": "call-back", "in-person": "in-person", "manager:Erin Evans": "manager:Erin Evans", "manager:  J. Ö'Neill-Smith 2 ": "manager:J. Ö'Neill-Smith 2",
		"": "", "manager": "", "manager:": "", "manager: ": "", "manager:-": "", "manager:\u2800": "", "Call-back": "", "call-back ": "", "phone": "", "callback": "",
		"manager:a\nb": "", "manager:a\tb": "", "manager:a\x1b[1mb": "", "manager:a\u202eb": "", "manager:a\u00a0b": "",
		"manager:a\ufe0fb": "", "manager:\u3164a": "", "manager:a\xffb": "",
		"manager:" + strings.Repeat("a", 101): "",
	} {
		got, err := caller.ParseVerifiedBy(text)
		if got != want || (err == nil) != (want != "") || err != nil && errs.KindOf(err) != errs.Usage {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
