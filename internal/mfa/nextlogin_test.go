package mfa_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// login is what the user gets, in the words of docs/facts/uzerp.md §3.
type login struct {
	gets string // "incorrect", "enrolment page", "error page", "code page", "skip", "password"
	then string // after a skip
}

// measured is the table of docs/facts/uzerp.md §3, line by line. It uses nothing of the code that it tests: sid is
// one of the names below, enrolled and enabled are the table's t, f and N. right says whether Twilio would accept a
// code of the app.
func measured(handler, access, company, enrolled, enabled, uuid, sid, right string) login {
	if access != "t" || company == "f" { // the table's first line, and its line about user_company_access
		return login{gets: "incorrect"}
	}
	if handler == "HTMLFormLoginHandler" { // "password only; no 2FA column is read or changed"
		return login{gets: "password"}
	}
	codePage := func() string {
		switch {
		case uuid == "N", sid == "N", sid == "''":
			return "code page, then error page: locked out"
		case sid == "malformed", right == "no":
			return "code page, every code not valid: locked out"
		}
		return "code page"
	}
	switch enrolled + enabled {
	case "tf":
		return login{"skip", codePage()}
	case "tt", "tN":
		return login{gets: codePage()}
	}
	if uuid == "N" {
		return login{gets: "error page: locked out"}
	}
	return login{gets: "enrolment page"}
}

func TestNextLogin(t *testing.T) {
	tfN := map[string]*bool{"t": new(true), "f": new(false), "N": nil}
	uuids := map[string]*string{"set": new(uuidA), "N": nil}
	sids := map[string]*string{"good": new(sidA), "N": nil, "''": new(""), "malformed": new("YF12")}
	// Whether Twilio accepts a right code. If that is not known, the program assumes that it does, and says so.
	sights := map[mfa.FactorSight]string{mfa.FactorSeenVerified: "yes", mfa.FactorSeenUnverified: "no", mfa.FactorMissing: "no",
		mfa.FactorNoAnswer: "?", mfa.FactorUnknown: "?", mfa.FactorNotAsked: "?"}
	handlers := map[mfa.SiteLogin]string{mfa.SiteOn: "HTMLFormLoginHandlerMFA", mfa.SiteOff: "HTMLFormLoginHandler", mfa.SiteUnknown: "HTMLFormLoginHandlerMFA"}
	outcome := map[string]mfa.Outcome{"incorrect": mfa.OutcomeDenied, "enrolment page": mfa.OutcomeAsksToEnroll, "error page: locked out": mfa.OutcomeLockedOut,
		"code page": mfa.OutcomeAsksForCode, "code page, then error page: locked out": mfa.OutcomeLockedOut,
		"code page, every code not valid: locked out": mfa.OutcomeLockedOut, "skip": mfa.OutcomeSkipsCode, "password": mfa.OutcomePasswordOnly}
	n, seen := 0, map[mfa.Outcome]int{}
	for site, handler := range handlers {
		for access, accessEnabled := range tfN {
			for company, companyAccess := range tfN {
				for enrolled, isEnrolled := range tfN {
					for enabled, isEnabled := range tfN {
						for uuid, uuidValue := range uuids {
							for sid, sidValue := range sids {
								for sight, right := range sights {
									p := mfa.Prospect{Site: site, CompanyAccess: companyAccess, Factor: sight, User: mfa.User{Username: "o'neil", AccessEnabled: accessEnabled,
										Row: mfa.Row{UUID: uuidValue, SID: sidValue, Enrolled: isEnrolled, Enabled: isEnabled}}}
									got := p.NextLogin()
									want := measured(handler, access, company, enrolled, enabled, uuid, sid, right)
									if got.Outcome != outcome[want.gets] {
										t.Fatalf("%s %s company %s %s %s: %s, want %q", site, access, company, show(p.User.Row), sight, got.Outcome, want.gets)
									}
									if want.gets == "skip" {
										checkThen(t, p, got, outcome[want.then])
									}
									if want.gets == "password" {
										on := measured("HTMLFormLoginHandlerMFA", access, company, enrolled, enabled, uuid, sid, right)
										checkThen(t, p, got, outcome[on.gets])
									}
									checkWords(t, p, got)
									n++
									seen[got.Outcome]++
								}
							}
						}
					}
				}
			}
		}
	}
	if n != 3*3*3*3*3*2*4*6 || len(seen) != 6 {
		t.Errorf("%d combinations, %v", n, seen)
	}
}

func checkThen(t *testing.T, p mfa.Prospect, got mfa.NextLogin, want mfa.Outcome) {
	t.Helper()
	if got.Then == nil || got.Then.Outcome != want {
		t.Fatalf("%s %s %s: then %+v, want %s", p.Site, show(p.User.Row), p.Factor, got.Then, want)
	}
	// The reason alone must say it, for some read no further.
	if got.Outcome == mfa.OutcomeSkipsCode && strings.Contains(got.Reason, "after that the user is locked out") != (want == mfa.OutcomeLockedOut) {
		t.Fatalf("%s: %q", show(p.User.Row), got.Reason)
	}
}

var sentence = regexp.MustCompile(`^[a-zT][^.]*[^. ]$`) // Twilio is a name

// checkWords checks what every answer must say, whatever the outcome.
func checkWords(t *testing.T, p mfa.Prospect, got mfa.NextLogin) {
	t.Helper()
	const name = "o'neil"
	complain := func(what string) {
		t.Helper()
		t.Fatalf("%s: company known %v, %s %s: %s %q %q", what, p.CompanyAccess != nil, show(p.User.Row), p.Factor, got.Outcome, got.Reason, got.Help)
	}
	help := map[mfa.Outcome][]string{
		mfa.OutcomeAsksForCode:  {""},
		mfa.OutcomeAsksToEnroll: {"not-enrolled(" + name + ")"},
		mfa.OutcomeSkipsCode:    {"", "locked-out(" + name + ")"},
		mfa.OutcomeLockedOut:    {"locked-out(" + name + ")"},
		mfa.OutcomePasswordOnly: {"two-factor-off()"},
		mfa.OutcomeDenied:       {""},
	}[got.Outcome]
	if p.Factor == mfa.FactorNoAnswer {
		switch got.Outcome {
		case mfa.OutcomeAsksForCode: // the way out in an outage (docs/facts/uzerp.md §3)
			help = []string{"twilio-silent(" + name + ")"}
		case mfa.OutcomeAsksToEnroll: // nobody can enrol while Twilio does not answer
			help = []string{""}
		}
	}
	found := false
	for _, h := range help {
		found = found || got.Help.String() == h
	}
	switch {
	case !found:
		complain("help")
	case !sentence.MatchString(got.Reason):
		complain("no sentence of ours")
	case got.Outcome == mfa.OutcomeDenied:
		return
	case (p.CompanyAccess == nil) != strings.Contains(got.Reason, "whether the user may enter a company is not known"):
		complain("company")
	case (p.Site == mfa.SiteUnknown) != strings.HasPrefix(got.Reason, "if two-factor login is switched on, which is not known: "):
		complain("site")
	case (p.Site == mfa.SiteOff) != strings.HasPrefix(got.Reason, mfa.SiteIsOff):
		complain("site off")
	case got.Outcome == mfa.OutcomeSkipsCode && !got.Help.Empty() != (got.Then.Outcome == mfa.OutcomeLockedOut):
		complain("help for after the skip")
	case got.Outcome == mfa.OutcomeAsksForCode && (p.Factor == mfa.FactorSeenVerified) != strings.Contains(got.Reason, "and Twilio has the factor"):
		complain("claims what nobody looked at, or does not say what was seen")
	}
	if got.Then != nil && got.Outcome == mfa.OutcomePasswordOnly {
		on := p
		on.Site, on.CompanyAccess = mfa.SiteOn, new(true)
		if want := on.NextLogin(); got.Then.Reason != want.Reason || got.Then.Help.String() != want.Help.String() {
			complain("then: " + got.Then.Reason)
		}
	}
}

// The help names the command that mends: after a reset the user is asked to enrol.
func TestHelpOfTheLockedOutMends(t *testing.T) {
	for _, row := range []mfa.Row{{}, {Enrolled: new(true)}, {Enrolled: new(true), UUID: new(uuidA)}, {Enrolled: new(true), UUID: new(uuidA), SID: new(sidA)}} {
		u := mfa.User{Username: "alice", AccessEnabled: new(true), Row: row}
		p := mfa.Prospect{User: u, Site: mfa.SiteOn, CompanyAccess: new(true), Factor: mfa.FactorMissing}
		if got := p.NextLogin(); got.Outcome != mfa.OutcomeLockedOut || got.Help.String() != "locked-out(alice)" {
			t.Fatalf("%s: %+v", show(row), got)
		}
		w := mfatest.NewWorld(u)
		plan, err := mfa.PlanReset(t.Context(), w, w, u, false, func() string { return uuidA })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Apply(t.Context(), w, w); err != nil {
			t.Fatal(err)
		}
		p.User = w.Users["alice"]
		if got := p.NextLogin(); got.Outcome != mfa.OutcomeAsksToEnroll {
			t.Errorf("%s: after the reset %+v", show(row), got)
		}
	}
}

func TestLeft(t *testing.T) {
	day := func(s string) *time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return &d
	}
	// It is late in the evening, far west of Greenwich. The day that counts is the one where the tool runs.
	now := time.Date(2026, 3, 2, 23, 30, 0, 0, time.FixedZone("", -8*3600))
	for end, want := range map[*time.Time]bool{nil: false, day("2026-03-01"): true, day("2026-03-02"): false, day("2026-03-03"): false, day("2099-01-01"): false} {
		if got := (mfa.Details{EndDate: end}).Left(now); got != want {
			t.Errorf("end date %v: left %v", end, got)
		}
	}
}
