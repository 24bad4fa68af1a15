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
		mfa.OutcomePasswordOnly: {""},
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

// everyProspect calls check with every user, once for each that uzERP treats in another way.
func everyProspect(check func(mfa.Prospect)) {
	tfN := []*bool{nil, new(false), new(true)}
	for _, site := range []mfa.SiteLogin{mfa.SiteOn, mfa.SiteOff, mfa.SiteUnknown} {
		for _, access := range tfN {
			for _, company := range tfN {
				for _, enrolled := range tfN {
					for _, enabled := range tfN {
						for _, uuid := range []*string{nil, new(uuidA)} {
							for _, sid := range []*string{nil, new(sidA)} {
								for _, sight := range []mfa.FactorSight{mfa.FactorSeenVerified, mfa.FactorMissing, mfa.FactorNoAnswer} {
									check(mfa.Prospect{Site: site, CompanyAccess: company, Factor: sight, User: mfa.User{Username: "alice", AccessEnabled: access,
										Row: mfa.Row{UUID: uuid, SID: sid, Enrolled: enrolled, Enabled: enabled}}})
								}
							}
						}
					}
				}
			}
		}
	}
}

// docs/facts/uzerp.md §9: without a company, and while uzERP is closed, nobody gets further than the login, whatever the
// row. What the login itself asks for is as it was: so Twilio bills the code.
func TestNoCompanyAndMaintenance(t *testing.T) {
	everyProspect(func(p mfa.Prospect) {
		plain := p.NextLogin()
		for _, closed := range []*bool{nil, new(false), new(true)} {
			for _, noCompany := range []bool{false, true} {
				p := p.With(nil)
				p.Closed, p.NoCompany = closed, noCompany
				got := p.NextLogin()
				shut := closed != nil && *closed
				open := got
				switch {
				case plain.Outcome == mfa.OutcomeDenied || !shut && !noCompany: // who gets no login learns nothing of these
					if got.Outcome != plain.Outcome || got.Reason != plain.Reason || got.Closed {
						t.Fatalf("%s: %+v, want %+v", show(p.User.Row), got, plain)
					}
					continue
				case shut:
					if got.Outcome != mfa.OutcomeLockedOut || !got.Closed || !got.Help.Empty() || got.Then == nil || !sentence.MatchString(got.Reason) {
						t.Fatalf("closed: %s: %+v", show(p.User.Row), got)
					}
					open = *got.Then
				case got.Closed:
					t.Fatalf("not closed: %s: %+v", show(p.User.Row), got)
				}
				asked := p.Site != mfa.SiteOff && p.User.State() == mfa.StateEnrolled
				if shut && strings.Contains(got.Reason, "Twilio bills") != asked {
					t.Fatalf("billed: %s: %+v", show(p.User.Row), got)
				}
				if !noCompany {
					if open.Outcome != plain.Outcome || open.Reason != plain.Reason {
						t.Fatalf("once open: %s: %+v, want %+v", show(p.User.Row), open, plain)
					}
					continue
				}
				if open.Outcome != mfa.OutcomeLockedOut || !strings.Contains(open.Reason, "every page is an error page") || !sentence.MatchString(open.Reason) {
					t.Fatalf("no company: %s: %+v", show(p.User.Row), open)
				}
				if locked := plain.Outcome == mfa.OutcomeLockedOut; locked != strings.HasPrefix(open.Reason, plain.Reason) || locked == open.Help.Empty() {
					t.Fatalf("no company: %s: %+v, and without that %+v", show(p.User.Row), open, plain)
				}
			}
		}
	})
}

// What a command says of the login that follows agrees with user show, for every user.
func TestSaidAgreesWithNextLogin(t *testing.T) {
	words := map[mfa.Outcome]string{
		mfa.OutcomeAsksForCode: "the next login asks for the code", mfa.OutcomeAsksToEnroll: "the next login asks to enroll",
		mfa.OutcomeSkipsCode: "the next login asks for the password only, once", mfa.OutcomeLockedOut: "the next login fails: ",
	}
	everyProspect(func(p mfa.Prospect) {
		for _, closed := range []*bool{nil, new(true)} {
			for _, noCompany := range []bool{false, true} {
				p.Closed, p.NoCompany = closed, noCompany
				got, n := p.Said(), p.NextLogin()
				if p.Site == mfa.SiteOff && n.Outcome == mfa.OutcomePasswordOnly {
					n = *n.Then // what is so for everybody is said once
				}
				switch {
				case n.Outcome == mfa.OutcomeDenied:
					if !strings.HasPrefix(got, "no login, for ") || strings.Contains(got, "access is disabled") == p.User.Access() {
						t.Fatalf("%s: %q, and user show %+v", show(p.User.Row), got, n)
					}
				case n.Closed:
					also := map[bool]string{true: " and two-factor login is switched on"}[p.Site == mfa.SiteOff]
					if !strings.HasPrefix(got, "no login while uzERP is closed for maintenance; once it is open"+also+", the login ") {
						t.Fatalf("%s: %q", show(p.User.Row), got)
					}
				case !strings.HasPrefix(strings.TrimPrefix(got, "once two-factor login is switched on, "), words[n.Outcome]),
					strings.HasPrefix(got, "once two-factor login is switched on, ") != (p.Site == mfa.SiteOff):
					t.Fatalf("%s: %q, and user show %+v", show(p.User.Row), got, n)
				case n.Outcome == mfa.OutcomeSkipsCode && strings.Contains(got, "locked out") != (n.Then.Outcome == mfa.OutcomeLockedOut):
					t.Fatalf("after the skip: %s: %q", show(p.User.Row), got)
				}
			}
		}
	})
	// These are the words that scripts of the helpdesk know.
	p := mfa.Prospect{Site: mfa.SiteOn, CompanyAccess: new(true), User: mfa.User{Username: "alice", AccessEnabled: new(false), Row: mfa.Row{UUID: new(uuidA)}}}
	if got, want := p.Said(), "no login, for access is disabled; once it is enabled, the login asks to enroll"; got != want {
		t.Errorf("%q, want %q", got, want)
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
