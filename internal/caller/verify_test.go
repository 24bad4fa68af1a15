package caller_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// operator types codes, and remembers the calls.
type operator struct {
	h     *helpdesk
	codes []string
	err   error // after the last code
	doubt error // what the operator says of a fresh number
	heard []string
	wrong []string
}

func (o *operator) Believe(context.Context, caller.Check) error {
	o.heard = append(o.heard, "believe")
	return o.doubt
}

func (o *operator) Sending(_ context.Context, c caller.Check, channel caller.Channel) {
	o.heard = append(o.heard, "sending "+c.Recipient.Phone.Masked+" "+string(channel))
	if slices.ContainsFunc(o.h.calls, func(call string) bool { return strings.HasPrefix(call, "start") }) {
		o.heard = append(o.heard, "too late")
	}
}

func (o *operator) AskCode(_ context.Context, wrong error) (string, error) {
	if wrong != nil {
		o.wrong = append(o.wrong, wrong.Error())
	}
	if len(o.codes) == 0 {
		return "", o.err
	}
	code := o.codes[0]
	o.codes = o.codes[1:]
	o.h.status = caller.Pending
	if code == "right" {
		o.h.status = caller.Approved
	}
	return code, nil
}

func (o *operator) Verified(caller.Check) { o.heard = append(o.heard, "verified") }

// verify verifies alice as the caller, and returns what was recorded.
func verify(t *testing.T, h *helpdesk, o *operator, channel caller.Channel, contacts ...caller.PhoneContact) (recorded []string, err error) {
	t.Helper()
	h.contacts = map[string][]caller.PhoneContact{"alice": contacts}
	v := h.identifier()
	v.Resend = errs.Plain("the same again")
	v.Refused = func(username string, err error) error {
		recorded = append(recorded, username+": "+err.Error())
		return err
	}
	o.h = h
	return recorded, v.Verify(t.Context(), mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222"), channel, o)
}

func TestVerify(t *testing.T) {
	h, o := &helpdesk{started: caller.Started{Status: caller.Pending}}, &operator{codes: []string{"wrong", "wrong", "right"}}
	recorded, err := verify(t, h, o, caller.ChannelSMS, mobile)
	if err != nil || len(recorded) > 0 || !slices.Equal(o.heard, []string{"sending +44 ***123 sms", "verified"}) || len(o.wrong) != 2 {
		t.Errorf("%v, recorded %q, heard %q, wrong %q", err, recorded, o.heard, o.wrong)
	}
	if want := []string{"contacts", "start alice +447700900123 sms", "fetch VE1", "check alice +447700900123 VE1 wrong",
		"fetch VE1", "check alice +447700900123 VE1 wrong",
		"fetch VE1", "check alice +447700900123 VE1 right"}; !slices.Equal(h.calls, want) {
		t.Errorf("%q", h.calls)
	}
}

// After any error the caller is not verified. It is recorded if it may be the caller's fault.
func TestVerifyFails(t *testing.T) {
	down := errs.New(errs.Unavailable, "down", "")
	for name, c := range map[string]struct {
		change   func(h *helpdesk)
		operator operator
		channel  caller.Channel
		contacts []caller.PhoneContact
		kind     errs.Kind
		text     string
		hint     string
		recorded bool
		calls    int
	}{
		"three wrong codes": {operator: operator{codes: []string{"a", "b", "c", "right"}}, channel: caller.ChannelSMS, contacts: []caller.PhoneContact{mobile},
			kind: errs.CodeRejected, text: "3 codes were wrong", hint: "begin-again(the same again)", recorded: true, calls: 8},
		"no code": {operator: operator{err: errs.New(errs.Declined, "nothing", "")}, channel: caller.ChannelSMS, contacts: []caller.PhoneContact{mobile},
			kind: errs.CodeRejected, text: "no code was typed", hint: "begin-again(the same again)", recorded: true, calls: 2},
		"no number": {channel: caller.ChannelSMS, kind: errs.CodeRejected, text: "neither a main mobile nor a main phone", recorded: true, calls: 1},
		"a landline": {channel: caller.ChannelSMS, contacts: []caller.PhoneContact{phone}, kind: errs.CodeRejected, text: "is a landline",
			recorded: true, calls: 1},
		"not sent": {change: func(h *helpdesk) { h.startErr = errs.New(errs.Refused, "rejected", "") }, channel: caller.ChannelSMS,
			contacts: []caller.PhoneContact{mobile}, kind: errs.CodeRejected, text: "rejected", recorded: true, calls: 2},
		"used up meanwhile": {change: func(h *helpdesk) { h.checkErr = &errs.Error{Kind: errs.NotFound, Err: caller.ErrNoVerification} },
			operator: operator{codes: []string{"a"}}, channel: caller.ChannelSMS, contacts: []caller.PhoneContact{mobile},
			kind: errs.CodeRejected, text: "that was sent less than a minute ago does not work any more", hint: "spent(the same again)", recorded: true, calls: 4},
		"an outage": {change: func(h *helpdesk) { h.startErr = down }, channel: caller.ChannelSMS, contacts: []caller.PhoneContact{mobile},
			kind: errs.Unavailable, text: "nobody was reset: down", calls: 2},
		"a setting": {channel: caller.ChannelSMS, contacts: []caller.PhoneContact{local}, kind: errs.Config, text: "nobody was reset: no region", calls: 1},
		"a code that could not be checked": {change: func(h *helpdesk) { h.mayErr = errs.New(errs.Config, "no permission", "") }, channel: caller.ChannelSMS,
			contacts: []caller.PhoneContact{mobile}, kind: errs.Config, text: "nobody was reset: no permission", calls: 1},
		"a signal": {operator: operator{err: context.Canceled}, channel: caller.ChannelSMS, contacts: []caller.PhoneContact{mobile},
			kind: errs.KindOf(context.Canceled), text: "context canceled", calls: 2},
	} {
		h := &helpdesk{started: caller.Started{Status: caller.Pending}}
		if c.change != nil {
			c.change(h)
		}
		recorded, err := verify(t, h, &c.operator, c.channel, c.contacts...)
		if err == nil || errs.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) || !strings.Contains(errs.HintOf(err).String(), c.hint) {
			t.Errorf("%s: %v (%d), hint %q", name, err, errs.KindOf(err), errs.HintOf(err))
			continue
		}
		if c.recorded != (len(recorded) == 1 && recorded[0] == "alice: "+err.Error()) || !c.recorded && len(recorded) > 0 {
			t.Errorf("%s: recorded %q", name, recorded)
		}
		if slices.Contains(c.operator.heard, "verified") || len(h.calls) != c.calls {
			t.Errorf("%s: %q, %q", name, c.operator.heard, h.calls)
		}
	}
}

// Nobody gets a code that could not be checked, and the operator is neither asked nor told that one is sent.
func TestNoCodeForNothing(t *testing.T) {
	no := errs.New(errs.Config, "no permission", "give it")
	h, o := &helpdesk{mayErr: no}, &operator{}
	fresh := mobile
	fresh.Changed = caller.Change{At: noon, What: caller.ChangedNumber}
	h.contacts = map[string][]caller.PhoneContact{"alice": {fresh}}
	v := h.identifier()
	v.Reason = "her manager says so"
	o.h = h
	user := mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222")
	if err := v.Verify(t.Context(), user, caller.ChannelSMS, o); !errors.Is(err, no) || len(o.heard) > 0 {
		t.Errorf("%v, heard %q", err, o.heard)
	}
	// Nor one whose wish can't be fulfilled: that is not the caller's fault. A refusal is recorded.
	for _, kind := range []errs.Kind{errs.Config, errs.Refused, errs.Unavailable} {
		wish, refused := errs.New(kind, "it can't be done", ""), 0
		v.May = func() error { return wish }
		v.Refused = func(_ string, err error) error { refused++; return err }
		if err := v.Verify(t.Context(), user, caller.ChannelSMS, o); err != wish || len(o.heard) > 0 || (refused == 1) != (kind == errs.Refused) {
			t.Errorf("%v, heard %q, recorded %d", err, o.heard, refused)
		}
	}
	h.calls = nil
	c, err := v.Plan(t.Context(), user, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), caller.ChannelSMS); !errors.Is(err, no) || !slices.Equal(h.calls, []string{"contacts"}) {
		t.Errorf("%v, %q", err, h.calls)
	}
}

// PlanVerify says what Verify would do, without sending, and refuses what Verify would refuse.
func TestPlanVerify(t *testing.T) {
	h := &helpdesk{contacts: map[string][]caller.PhoneContact{"alice": {phone}}}
	user := mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222")
	c, err := h.identifier().PlanVerify(t.Context(), user, caller.ChannelCall)
	if err != nil || c.Source != caller.MainPhone {
		t.Error(c, err)
	}
	_, err = h.identifier().PlanVerify(t.Context(), user, caller.ChannelSMS)
	if errs.KindOf(err) != errs.CodeRejected || !strings.Contains(err.Error(), "the caller is not verified") {
		t.Error(err)
	}
	h.detailsErr = &errs.Error{Kind: errs.NotFound, Err: mfa.ErrNoService}
	if _, err = h.identifier().PlanVerify(t.Context(), user, caller.ChannelCall); !errors.Is(err, mfa.ErrNoService) || errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if slices.ContainsFunc(h.calls, func(call string) bool { return !strings.HasPrefix(call, "contacts") }) {
		t.Errorf("%q", h.calls)
	}
}
