package session

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

// fake has a listing for each call of List; the last one stays.
type fake struct {
	listings []Listing
	ended    []int // the Refs
	err      error
}

func (f *fake) List(context.Context) (Listing, error) {
	l := f.listings[0]
	if len(f.listings) > 1 {
		f.listings = f.listings[1:]
	}
	return l, nil
}

func (f *fake) End(_ context.Context, _ string, sessions []Session) (int, error) {
	for _, s := range sessions {
		f.ended = append(f.ended, s.Ref)
	}
	return len(sessions), f.err
}

func of(refs ...int) Listing {
	l := Listing{}
	for _, ref := range refs {
		l.Sessions = append(l.Sessions, Session{Ref: ref, User: "alice", LoggedIn: true, Handler: "Old"}, Session{Ref: -ref, User: "bob"})
	}
	return l
}

// It is listed until twice in a row none is left: a login that was under way has made another one.
func TestEnd(t *testing.T) {
	f := &fake{listings: []Listing{of(1, 2), {}, of(3), {InFlight: 1}, of(4), {}}}
	ended, err := End(t.Context(), f, Selection{Users: []string{"alice"}}, time.Now)
	if err != nil || len(ended) != 1 || ended[0] != (Ended{User: "alice", Ended: 4}) || len(f.ended) != 4 {
		t.Errorf("%+v, %v, %v", ended, err, f.ended)
	}
	// A request that may be a login, and does not end: whether one is left is not known.
	now := time.Now()
	_, err = End(t.Context(), &fake{listings: []Listing{{InFlight: 1}}}, Selection{All: true}, func() time.Time { now = now.Add(6 * time.Second); return now })
	if errs.KindOf(err) != errs.Unavailable || errs.HintOf(err).Reason != ReasonRequestOpen {
		t.Error(err)
	}
	// A user whose session can't be ended is not tried again, and does not stop the others.
	f = &fake{listings: []Listing{of(1)}, err: errors.New("no")}
	ended, err = End(t.Context(), f, Selection{All: true}, time.Now)
	if err != nil || len(ended) != 2 || ended[0].Err == nil || ended[1].Err == nil || len(f.ended) != 2 {
		t.Errorf("%+v, %v", ended, err)
	}
	// What is found at the end, and can't be read, may be a session that was meant.
	large := Listing{NotRead: []NotRead{{Path: "/s", Why: TooLarge}}}
	f = &fake{listings: []Listing{of(1), {}, large}}
	ended, err = End(t.Context(), f, Selection{Users: []string{"alice"}}, time.Now)
	if errs.KindOf(err) != errs.Refused || len(ended) != 1 || ended[0].Ended != 1 {
		t.Errorf("%+v, %v", ended, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := End(ctx, &fake{listings: []Listing{{}}}, Selection{All: true}, time.Now); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What is not looked at may have sessions.
func TestComplete(t *testing.T) {
	here, gone := Place{Path: "/here"}, NotRead{Path: "/gone", Why: Missing}
	for name, tt := range map[string]struct {
		l    Listing
		want bool
	}{
		"one is read":     {Listing{Places: []Place{here}}, true},
		"one of two":      {Listing{Places: []Place{here, {Path: "/gone"}}, NotRead: []NotRead{gone}}, true},
		"no directory":    {Listing{Places: []Place{{Path: "/gone"}}, NotRead: []NotRead{gone}}, false},
		"one in redis":    {Listing{Places: []Place{here}, Elsewhere: []Elsewhere{{Handler: "redis"}}}, false},
		"one not certain": {Listing{Places: []Place{here}, Elsewhere: []Elsewhere{{}}}, false},
		"unknown user":    {Listing{Places: []Place{here}, Elsewhere: []Elsewhere{{User: "ghost"}}}, false},
		"not believed":    {Listing{Places: []Place{here}, NotRead: []NotRead{{Path: "/here", Why: Untrusted}}}, false},
		"not read":        {Listing{Places: []Place{here}, NotRead: []NotRead{{Path: "/etc/x.conf", Why: Settings}}}, false},
		"links":           {Listing{Places: []Place{here}, NotRead: []NotRead{{Path: "/here", Why: Odd}}}, true},
	} {
		if err := tt.l.Complete(); (err == nil) != tt.want || err != nil && errs.KindOf(err) != errs.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What PHP may read as a session, and we don't, may be anybody's. What PHP doesn't read either is nobody's.
func TestReadable(t *testing.T) {
	for why, want := range map[Why]errs.Reason{
		Igbinary: ReasonIgbinary, Unclear: ReasonUnclear, TooLarge: ReasonTooLarge, TwoNames: ReasonTwoNames,
		Malformed: "", Foreign: "", Missing: "", Odd: "", Untrusted: "",
	} {
		err := Listing{NotRead: []NotRead{{Path: "/s", Why: why}}}.Readable()
		if (err != nil) != (want != "") || err != nil && (errs.KindOf(err) != errs.Refused || errs.HintOf(err).Reason != want) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestPlanEnd(t *testing.T) {
	l := Listing{Sessions: []Session{
		{Ref: 1, User: "bob", LoggedIn: true, Handler: "Old", Started: time.Unix(9, 0)}, {Ref: 2, User: "alice", Handler: `\new`}, {Ref: 3, Handler: "Old"},
		{Ref: 4, User: "bob", LoggedIn: true, Started: time.Unix(7, 0), LastRequest: time.Unix(8, 0)},
	}}
	for name, tt := range map[string]struct {
		sel  Selection
		want string
	}{
		"all":       {Selection{All: true}, " 3 alice 2 bob 1 4"},
		"old":       {Selection{All: true, Present: "New"}, " 3 bob 1"},
		"one":       {Selection{Users: []string{"bob", "carol"}}, "bob 1 4"},
		"nobody":    {Selection{}, ""},
		"no pages":  {Selection{Users: []string{""}}, ""},
		"another":   {Selection{Users: []string{"Bob"}}, ""},
		"both then": {Selection{Users: []string{"alice", "bob"}, Present: "new"}, "bob 1"},
	} {
		got := ""
		for _, g := range PlanEnd(l, tt.sel) {
			if got != "" {
				got += " "
			}
			got += g.User
			for _, s := range g.Sessions {
				got += " " + string(rune('0'+s.Ref))
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	g := PlanEnd(l, Selection{Users: []string{"bob"}})[0]
	if g.LoggedIn() != 2 || g.Since() != time.Unix(7, 0) || g.LastRequest() != time.Unix(8, 0) || len(l.LoggedIn(nil)) != 2 || l.OldHandler("New") != 2 {
		t.Errorf("%+v", g)
	}
}

// One user's sessions end with a y; of more users the number must be typed.
func TestQuestion(t *testing.T) {
	one := Group{User: "alice", Sessions: make([]Session, 1)}
	two := Group{User: "bob", Sessions: make([]Session, 2)}
	for _, tt := range []struct {
		groups      []Group
		text, typed string
	}{
		{[]Group{one}, "End 1 session? Input that is not saved is lost.", ""},
		{[]Group{two}, "End 2 sessions? Input that is not saved is lost.", ""},
		{[]Group{one, two}, "Type 3 to end these sessions; input that is not saved is lost:", "3"},
	} {
		if text, typed := Question(tt.groups); text != tt.text || typed != tt.typed {
			t.Errorf("%q, %q", text, typed)
		}
	}
}

// Nobody is missing: who was named, who had a session, and who got one meanwhile.
func TestOutcomes(t *testing.T) {
	no := errors.New("no")
	got := Outcomes(Selection{Users: []string{"carol", "bob"}}, []Group{{User: "bob", Sessions: make([]Session, 2)}, {Sessions: make([]Session, 1)}},
		[]Ended{{User: "bob", Ended: 1, Err: no}, {User: "dave", Ended: 3}})
	want := []Outcome{{Open: 1}, {Ended{"bob", 1, no}, 2}, {Ended: Ended{User: "carol"}}, {Ended: Ended{User: "dave", Ended: 3}}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
