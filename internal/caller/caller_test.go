package caller_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/secret"
)

// helpdesk is uzERP's persons and Twilio's verifications in memory.
type helpdesk struct {
	details    map[string]mfa.Details
	contacts   map[string][]caller.PhoneContact
	detailsErr error
	phonesErr  error

	started  caller.Started
	startErr error
	mayErr   error
	status   caller.Status
	checkErr error
	history  *caller.History // nil: the log has what was sent through this helpdesk, once at least
	noLog    bool
	foreign  int // how often another program has had the code sent
	fetched  caller.Status
	fetchErr error
	length   int // of Twilio's codes; 0 if the service can't be asked
	holders  []caller.MobileHolder

	holdersErr error
	sends      int

	calls []string
}

func (h *helpdesk) log(caller.Recipient) caller.History {
	switch {
	case h.noLog:
		return caller.History{}
	case h.history != nil:
		return *h.history
	}
	return caller.History{Known: true, SID: "VE1", First: noon, Sent: noon, Sends: max(1, h.sends)}
}

var noon = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

func (h *helpdesk) Details(_ context.Context, names []string) (map[string]mfa.Details, error) {
	return h.details, h.detailsErr
}

func (h *helpdesk) PhoneContacts(_ context.Context, name string) ([]caller.PhoneContact, error) {
	h.calls = append(h.calls, "contacts")
	return h.contacts[name], h.phonesErr
}

func (h *helpdesk) StartVerification(_ context.Context, to caller.Recipient, channel caller.Channel) (caller.Started, error) {
	h.calls = append(h.calls, "start "+to.Username+" "+to.Phone.E164.Reveal()+" "+string(channel))
	started := h.started
	if h.sends++; started.Sends == 0 {
		started.SID, started.Sends = "VE1", h.sends+h.foreign
	}
	return started, h.startErr
}

func (h *helpdesk) MayCheck(context.Context) error { return h.mayErr }

func (h *helpdesk) MobileHolders(_ context.Context, _, digits string) ([]caller.MobileHolder, error) {
	return h.holders, h.holdersErr
}

func (h *helpdesk) FetchVerification(_ context.Context, _ caller.Recipient, sid string) (caller.Started, error) {
	h.calls = append(h.calls, "fetch "+sid)
	return caller.Started{SID: sid, Status: cmp.Or(h.fetched, caller.Pending), Sends: max(1, h.sends) + h.foreign}, h.fetchErr
}

func (h *helpdesk) CheckVerification(_ context.Context, to caller.Recipient, sid, code string) (caller.Status, error) {
	h.calls = append(h.calls, "check "+to.Username+" "+to.Phone.E164.Reveal()+" "+sid+" "+code)
	return h.status, h.checkErr
}

// parse takes numbers that begin with +; +44 20… are landlines. All else is an error.
func (h *helpdesk) parse(text string) (caller.Phone, error) {
	text = strings.ReplaceAll(text, " ", "")
	switch {
	case text == "noregion":
		return caller.Phone{}, errs.New(errs.Config, "no region", "set one")
	case !strings.HasPrefix(text, "+"):
		return caller.Phone{}, errs.New(errs.Refused, "no number", "correct it")
	}
	return caller.Phone{E164: secret.New(text), Masked: text[:3] + " ***" + text[len(text)-3:], Landline: strings.HasPrefix(text, "+4420")}, nil
}

func (h *helpdesk) identifier() *caller.Verifier {
	return &caller.Verifier{Directory: h, Verifications: h, Parse: h.parse, Now: func() time.Time { return noon }, BelieveAfter: 30 * 24 * time.Hour,
		Undone: "nobody was reset", History: h.log, CodeLength: func(context.Context) int { return h.length }}
}

var (
	old     = caller.Change{At: noon.AddDate(-2, 0, 0), By: "hr", What: caller.ChangedNumber}
	mobile  = caller.PhoneContact{Mobile: true, Main: true, Changed: old, Text: "+44 7700 900123"}
	mobile2 = caller.PhoneContact{Mobile: true, Main: true, Changed: old, Text: "+44 7700 900456"}
	same    = caller.PhoneContact{Mobile: true, Main: true, Changed: old, Text: "+447700900123"}
	phone   = caller.PhoneContact{Main: true, Changed: old, Text: "+44 20 7946 0018"}
	phone2  = caller.PhoneContact{Main: true, Changed: old, Text: "+44 20 7946 0019"}
	rubbish = caller.PhoneContact{Mobile: true, Main: true, Changed: old, Text: "ask Bob"}
	blank   = caller.PhoneContact{Mobile: true, Main: true, Changed: old, Text: ""}
	local   = caller.PhoneContact{Mobile: true, Main: true, Changed: old, Text: "noregion"}
	other   = caller.PhoneContact{Changed: old} // an e-mail address, or a number that is not a main one
)

func TestIdentificationNumber(t *testing.T) {
	alice := mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222")
	for name, c := range map[string]struct {
		contacts []caller.PhoneContact
		given    string
		number   string
		source   caller.Source
		kind     errs.Kind
	}{
		"mobile before phone":               {[]caller.PhoneContact{phone, mobile}, "", "+447700900123", caller.MainMobile, 0},
		"phone where there is no mobile":    {[]caller.PhoneContact{phone}, "", "+442079460018", caller.MainPhone, 0},
		"none":                              {nil, "", "", "", errs.Refused},
		"none that is a main one":           {[]caller.PhoneContact{other, {Mobile: true, Changed: old}}, "", "", "", errs.Refused},
		"a main one beside others":          {[]caller.PhoneContact{other, mobile}, "", "+447700900123", caller.MainMobile, 0},
		"two mobiles":                       {[]caller.PhoneContact{mobile, mobile2}, "", "", "", errs.Refused},
		"two mobiles and a phone":           {[]caller.PhoneContact{mobile, mobile2, phone}, "", "", "", errs.Refused},
		"two phones":                        {[]caller.PhoneContact{phone, phone2}, "", "", "", errs.Refused},
		"one mobile written twice":          {[]caller.PhoneContact{mobile, same}, "", "+447700900123", caller.MainMobile, 0},
		"no fall back from a bad mobile":    {[]caller.PhoneContact{rubbish, phone}, "", "", "", errs.Refused},
		"nor from an empty one":             {[]caller.PhoneContact{blank, phone}, "", "", "", errs.Refused},
		"nor from a bad one beside another": {[]caller.PhoneContact{mobile, rubbish}, "", "", "", errs.Refused},
		"no region":                         {[]caller.PhoneContact{local}, "", "", "", errs.Config},
		"given":                             {[]caller.PhoneContact{mobile}, "+49 30 123456", "+4930123456", caller.Given, 0},
		"given, where there is none":        {nil, "+4930123456", "+4930123456", caller.Given, 0},
		"given, and no number":              {[]caller.PhoneContact{mobile}, "123", "", "", errs.Usage},
		"given, and no region":              {[]caller.PhoneContact{mobile}, "noregion", "", "", errs.Config},
	} {
		t.Run(name, func(t *testing.T) {
			h := &helpdesk{contacts: map[string][]caller.PhoneContact{"alice": c.contacts}}
			p, err := h.identifier().Plan(t.Context(), alice, c.given)
			if c.kind != 0 {
				if err == nil || errs.KindOf(err) != c.kind || errs.HintOf(err).Empty() {
					t.Errorf("%v (%d), hint %q; want kind %d", err, errs.KindOf(err), errs.HintOf(err), c.kind)
				}
				return
			}
			if err != nil || p.Recipient.Phone.E164.Reveal() != c.number || p.Source != c.source ||
				p.Recipient.Username != "alice" || p.Recipient.Given != (c.given != "") {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

func TestIdentificationOfWhoHasLeft(t *testing.T) {
	for day, left := range map[string]bool{"2026-07-13": true, "2026-07-14": false, "2026-07-15": false} {
		end, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		h := &helpdesk{contacts: map[string][]caller.PhoneContact{"alice": {mobile}}, details: map[string]mfa.Details{"alice": {EndDate: &end}}}
		for _, given := range []string{"", "+49301234"} {
			_, err = h.identifier().Plan(t.Context(), mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222"), given)
			if left != (err != nil) || left && (errs.KindOf(err) != errs.Refused || !strings.Contains(err.Error(), "left on "+day)) {
				t.Errorf("%s: %v", day, err)
			}
		}
	}
	// West of Greenwich it is still yesterday. The day that counts is the one where the tool runs.
	end := time.Date(2026, 7, 13, 0, 0, 0, 0, time.UTC)
	if (mfa.Details{EndDate: &end}).Left(time.Date(2026, 7, 13, 23, 0, 0, 0, time.FixedZone("", -5*3600))) {
		t.Error("left on the last day")
	}
	for _, never := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
		if (mfa.Details{EndDate: &never}).Left(noon) {
			t.Errorf("left in %d", never.Year())
		}
	}
	if (mfa.Details{}).Left(noon) {
		t.Error("left without a date")
	}
}

// If the directory can't be read, nobody is verified: it is not known whether they have left, and which number is
// theirs.
func TestIdentificationWithoutDirectory(t *testing.T) {
	denied := errs.New(errs.Config, "no rights", "h")
	for _, h := range []*helpdesk{{detailsErr: denied}, {phonesErr: denied}, {holdersErr: denied}} {
		h.contacts = map[string][]caller.PhoneContact{"alice": {mobile}}
		if _, err := h.identifier().Plan(t.Context(), mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222"), ""); !errors.Is(err, denied) {
			t.Error(err)
		}
	}
}

func plan(t *testing.T, h *helpdesk, contacts ...caller.PhoneContact) caller.Check {
	t.Helper()
	h.contacts = map[string][]caller.PhoneContact{"alice": contacts}
	p, err := h.identifier().Plan(t.Context(), mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222"), "")
	if err != nil {
		t.Fatal(err)
	}
	h.calls = nil
	return p
}

func TestIdentificationSend(t *testing.T) {
	h := &helpdesk{started: caller.Started{SID: "VE1", Status: caller.Pending, Sends: 1}}
	p := plan(t, h, mobile)
	got, err := p.Send(t.Context(), caller.ChannelSMS)
	want := caller.Answer{SID: "VE1", Status: caller.Pending, TriesLeft: 5, ValidUntil: noon.Add(10 * time.Minute)}
	if err != nil || got != want || p.Waits(got) != "for ten minutes and five tries" || len(h.calls) != 1 || h.calls[0] != "start alice +447700900123 sms" {
		t.Errorf("%v %v %v", got, err, h.calls)
	}
	// A landline gets calls. An SMS to it is refused before anything is sent.
	p = plan(t, h, phone)
	if _, err := p.Send(t.Context(), caller.ChannelSMS); errs.KindOf(err) != errs.Refused || errs.HintOf(err).Reason != caller.ReasonLandline || len(h.calls) > 0 {
		t.Errorf("%v %v", err, h.calls)
	}
	if _, err := p.Send(t.Context(), caller.ChannelCall); err != nil {
		t.Error(err)
	}
	// If Twilio says anything but pending, no code was sent.
	h.started.Status = caller.Canceled
	if _, err := p.Send(t.Context(), caller.ChannelCall); errs.KindOf(err) != errs.Refused {
		t.Error(err)
	}
	h.startErr = &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	if _, err := p.Send(t.Context(), caller.ChannelCall); errs.KindOf(err) != errs.Unavailable || !strings.Contains(err.Error(), "not known") {
		t.Error(err)
	}
	h.startErr = errs.New(errs.Refused, "five sends", "wait")
	if _, err := p.Send(t.Context(), caller.ChannelCall); err != h.startErr {
		t.Error(err)
	}
}

func TestIdentificationCheck(t *testing.T) {
	texts := map[string]bool{}
	for _, status := range []caller.Status{"", "whatever", caller.Pending, caller.Approved, caller.Canceled,
		caller.MaxAttempts, caller.Deleted, caller.Failed, caller.Expired} {
		h := &helpdesk{status: status}
		p := plan(t, h, mobile)
		got, err := p.Confirm(t.Context(), "123456")
		if got.Status != status || !got.Asked || !slices.Equal(h.calls, []string{"fetch VE1", "check alice +447700900123 VE1 123456"}) {
			t.Errorf("%q: %+v %v", status, got, h.calls)
		}
		if status == caller.Approved {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if errs.KindOf(err) != errs.CodeRejected || errs.HintOf(err).Empty() || texts[err.Error()] {
			t.Errorf("%q: %v", status, err)
			continue
		}
		texts[err.Error()] = true
		if errors.Is(err, caller.ErrWrongCode) != (status == caller.Pending) {
			t.Errorf("%q: another try? %v", status, err)
		}
	}
}

func TestIdentificationCheckErrors(t *testing.T) {
	h := &helpdesk{checkErr: &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}}
	p := plan(t, h, mobile)
	answer, err := p.Confirm(t.Context(), "123456")
	if answer.Status != "" || errs.KindOf(err) != errs.Unavailable || errs.HintOf(err).String() != "maybe-spent(code-wanted(sms, alice))" {
		t.Errorf("%v %s", err, errs.HintOf(err))
	}
	h.checkErr = errs.New(errs.Refused, "five checks", "wait")
	if _, err := p.Confirm(t.Context(), "123456"); err != h.checkErr {
		t.Error(err)
	}
	h.checkErr, h.fetchErr = nil, errs.New(errs.Unavailable, "down", "")
	if answer, err := p.Confirm(t.Context(), "123456"); err != h.fetchErr || answer != (caller.Answer{}) {
		t.Errorf("%+v, %v", answer, err)
	}
	h.fetchErr, h.status = nil, caller.Approved
	if _, err := p.Confirm(t.Context(), "123456"); err != nil {
		t.Error(err)
	}
}

// For all of these Twilio says "not found".
func TestIdentificationCheckWithoutVerification(t *testing.T) {
	at := func(ago time.Duration) time.Time { return noon.Add(-ago) }
	for name, c := range map[string]struct {
		history caller.History
		kind    errs.Kind
		text    string
		hint    string // "spent" if it is empty
	}{
		"never sent":        {caller.History{Known: true}, errs.NotFound, "no code was sent", "not-sent"},
		"to another number": {caller.History{Known: true, Other: at(2 * time.Minute)}, errs.NotFound, "was sent 2 minutes ago to another number", "other-number"},
		"used up": {caller.History{Known: true, Sent: at(time.Hour), Approved: at(90 * time.Second)}, errs.CodeRejected,
			"used up: it was accepted a minute ago", ""},
		"answer lost": {caller.History{Known: true, SID: "VE1", Sent: at(time.Minute), Unclear: true}, errs.CodeRejected, "may be used up", ""},
		"five wrong, before": {caller.History{Known: true, SID: "VE1", First: at(time.Hour), Sent: at(time.Minute), Wrong: 5},
			errs.CodeRejected, "5 wrong tries", ""},
		"send lost":          {caller.History{Known: true, Sent: at(time.Minute)}, errs.CodeRejected, "answer to the last send was lost", "send-lost"},
		"send lost long ago": {caller.History{Known: true, Sent: at(time.Hour)}, errs.CodeRejected, "too old", ""},
		"too old": {caller.History{Known: true, SID: "VE1", Sent: at(10 * time.Minute), Wrong: 4}, errs.CodeRejected,
			"too old: it was sent 10 minutes ago", ""},
		"much too old":       {caller.History{Known: true, Sent: at(3 * time.Hour)}, errs.CodeRejected, "it was sent at 2026-07-14T09:00:00Z", ""},
		"young, and gone":    {caller.History{Known: true, SID: "VE1", Sent: at(9 * time.Minute)}, errs.CodeRejected, "does not work any more", ""},
		"sent in our future": {caller.History{Known: true, SID: "VE1", Sent: at(-time.Minute)}, errs.CodeRejected, "sent less than a minute ago", ""},
		"other after used up": {caller.History{Known: true, Sent: at(time.Hour), Approved: at(time.Minute), Other: at(time.Minute)},
			errs.CodeRejected, "used up", ""},
	} {
		c.history.Sends = 1
		h := &helpdesk{checkErr: &errs.Error{Kind: errs.NotFound, Err: caller.ErrNoVerification}, history: &c.history}
		p := plan(t, h, phone)
		_, err := p.Confirm(t.Context(), "123456")
		h.fetchErr = h.checkErr // Twilio may say it a call earlier
		if _, again := p.Confirm(t.Context(), "123456"); err == nil || again == nil || again.Error() != err.Error() {
			t.Errorf("%s: %v, then %v", name, err, again)
		}
		if errs.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if errs.HintOf(err).String() != cmp.Or(c.hint, "spent")+"(code-wanted(call, alice))" {
			t.Errorf("%s: hint %q", name, errs.HintOf(err))
		}
	}
}

// No error of the use case shows a whole number or a code.
func TestIdentificationShowsNoNumber(t *testing.T) {
	h := &helpdesk{checkErr: &errs.Error{Kind: errs.NotFound, Err: caller.ErrNoVerification}}
	p, err := h.identifier().Plan(t.Context(), mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222"), "+442079460018")
	if err != nil {
		t.Fatal(err)
	}
	_, sendErr := p.Send(t.Context(), caller.ChannelSMS)
	h.history = &caller.History{Known: true}
	_, checkErr := p.Confirm(t.Context(), "918273")
	for _, err := range []error{sendErr, checkErr} {
		text := err.Error() + errs.HintOf(err).String()
		if strings.Contains(text, "79460018") || strings.Contains(text, "918273") {
			t.Error(text)
		}
	}
	if want := "not-sent(code-given(call, alice))"; errs.HintOf(checkErr).String() != want {
		t.Errorf("hint %q", errs.HintOf(checkErr))
	}
}

// If the caller is not verified, the error is of errs.CodeRejected; errors of outages and settings keep their kind.
// Each says that nobody was reset.
func TestNotIdentified(t *testing.T) {
	for _, c := range []struct {
		err  error
		want errs.Kind
	}{
		{errs.New(errs.Refused, "no number", "h"), errs.CodeRejected},
		{errs.New(errs.CodeRejected, "too old", "h"), errs.CodeRejected},
		{errs.New(errs.Declined, "nothing was typed", "h"), errs.CodeRejected},
		{&errs.Error{Kind: errs.NotFound, Err: caller.ErrNoVerification, Hint: errs.Plain("h")}, errs.CodeRejected},
		{&errs.Error{Kind: errs.NotFound, Err: mfa.ErrNoService}, errs.NotFound},
		{errs.New(errs.Unavailable, "down", ""), errs.Unavailable},
		{errs.New(errs.Config, "no region", ""), errs.Config},
		{errs.New(errs.Usage, "no such region", ""), errs.Usage},
		{&errs.Error{Kind: errs.Refused, Err: context.Canceled}, errs.Refused},
		{context.DeadlineExceeded, errs.Failure}, // of --timeout: cmd/exit.go makes the exit code
		{errs.New(errs.Failure, "Twilio rejected the request", ""), errs.CodeRejected},
		{errors.New("x"), errs.CodeRejected},
	} {
		got := caller.NotVerified(c.err, "nobody was reset")
		if errs.KindOf(got) != c.want || !errors.Is(got, c.err) || !errs.HintOf(c.err).Empty() && errs.HintOf(got).Text != "h" {
			t.Errorf("%v: %v, hint %q", c.err, got, errs.HintOf(got))
		}
		if got != c.err && (!strings.Contains(got.Error(), "nobody was reset") || errs.HintOf(got).Empty()) {
			t.Errorf("%v is told as %v, hint %q", c.err, got, errs.HintOf(got))
		}
	}
	if caller.NotVerified(nil, "") != nil {
		t.Error("an error out of nothing")
	}
}

func TestResendCommand(t *testing.T) {
	h := &helpdesk{status: caller.Expired, contacts: map[string][]caller.PhoneContact{"alice": {mobile}}}
	i := h.identifier()
	i.Resend = errs.Plain("do it again")
	p, err := i.Plan(t.Context(), mfatest.Fresh("alice", "22222222-2222-4222-8222-222222222222"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Confirm(t.Context(), "123456"); errs.HintOf(err).String() != "spent(do it again)" {
		t.Errorf("hint %q", errs.HintOf(err))
	}
}
