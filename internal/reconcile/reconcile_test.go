package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/reconcile"
)

// reconciler returns a Reconciler of the users as they are now.
func reconciler(s *mfatest.Site, only ...reconcile.Kind) *reconcile.Reconciler {
	return &reconcile.Reconciler{Store: s, Factors: s, Only: only, Concurrency: 1,
		Users: func(yield func(mfa.User, error) bool) {
			users := s.Users()
			for _, name := range slices.Sorted(maps.Keys(users)) {
				if !yield(users[name], nil) {
					return
				}
			}
		}}
}

// repairer returns a Repairer for what r found.
func repairer(r *reconcile.Reconciler) *reconcile.Repairer {
	made := 0
	factors, _ := r.Factors.(mfa.Factors) // nil if Twilio is not needed
	return &reconcile.Repairer{Store: r.Store.(mfa.Writer), Factors: factors,
		NewUUID: func() string { made++; return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", made) }}
}

var (
	errGone     = mfatest.ErrGone
	errDown     = errs.New(errs.Unavailable, "down", "")
	errRejected = errs.New(errs.Config, "credentials rejected", "")
)

func id(n int) string       { return fmt.Sprintf("10000000-0000-4000-8000-%012d", n) }
func factorID(n int) string { return fmt.Sprintf("YF%032x", n) }

func checked(t *testing.T, r *reconcile.Reconciler) *reconcile.Result {
	t.Helper()
	streamed := 0
	result, err := r.Check(t.Context(), func(reconcile.Difference) error { streamed++; return nil })
	wantNil(t, err)
	if streamed != len(result.Differences) {
		t.Errorf("%d differences streamed of %d", streamed, len(result.Differences))
	}
	return result
}

// lines shows differences as "kind user sid", with a mark: ! fixed, - not fixable, ? not repaired.
func lines(r *reconcile.Result) []string {
	var all []string
	for _, f := range r.Differences {
		line := strings.TrimSpace(fmt.Sprintf("%s %s%s", f.Kind, f.Username, strings.TrimPrefix(f.FactorSID, "YF00000000000000000000000000000")))
		switch {
		case f.Fixed:
			line += " !"
		case f.Kind != reconcile.Unknown && !f.Fixable:
			line += " -"
		case f.Kind != reconcile.Unknown && f.Err != nil:
			line += " ?"
		}
		all = append(all, line)
	}
	return all
}

func wantLines(t *testing.T, r *reconcile.Result, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, lines(r)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

func limit(n int) *int { return &n }

// repaired checks and repairs.
func repaired(t *testing.T, r *reconcile.Reconciler, max *int) (*reconcile.Result, reconcile.Repairs) {
	t.Helper()
	result := checked(t, r)
	plan := result.PlanRepairs(max)
	plan.Apply(t.Context(), repairer(r), nil)
	return result, plan
}

// everyKind returns a site with every kind of difference, repairable or not.
func everyKind() *mfatest.Site {
	skip := func(u mfa.User) mfa.User { u.Enabled = new(false); return u }
	nameless := func(u mfa.User) mfa.User { u.UUID = nil; return u }
	s := mfatest.NewSite(
		mfatest.Enrolled("a-fine", id(1), factorID(1)),
		mfatest.Fresh("a-new", id(2)),
		mfatest.Enrolled("b-missing", id(3), factorID(3)),
		skip(mfatest.Enrolled("b-missing-skip", id(4), factorID(4))),
		mfatest.Enrolled("c-unverified", id(5), factorID(5)),
		mfatest.Enrolled("d-nosid", id(6), ""),
		mfatest.Enrolled("d-oddsid", id(7), "YF12"),
		skip(mfatest.Enrolled("d-nosid-skip", id(8), "")),
		nameless(mfatest.Fresh("e-nouuid", "")),
		nameless(mfatest.Enrolled("e-nouuid-enrolled", "", factorID(9))),
		nameless(skip(mfatest.Enrolled("e-nouuid-skip", "", factorID(10)))),
		mfatest.Enrolled("f-dup-1", id(11), factorID(11)),
		mfatest.Enrolled("f-dup-2", id(11), factorID(12)),
		mfatest.Fresh("f-dup-3", id(11)),
		mfatest.Fresh("g-dup-1", id(13)),
		mfatest.Fresh("g-dup-2", id(13)),
		mfatest.Enrolled("h-stale", id(14), factorID(14)),
		mfatest.Fresh("i-orphan", id(15)),
		mfatest.Fresh("i-orphan-young", id(16)),
		mfatest.Fresh("j-pending", id(17)),
		mfatest.Enrolled("k-missing-stale", id(18), factorID(18)),
		mfatest.Fresh("l-dup-orphan", id(20)),
		mfatest.Fresh("l-dup-other", id(20)),
		mfatest.Enrolled("m-null", id(23), factorID(35)),
	)
	for n, identity := range map[int]string{1: id(1), 11: id(11), 12: id(11), 14: id(14), 24: id(14), 25: id(15), 28: id(18), 30: id(20),
		31: id(21), 32: id(21), 35: id(23)} {
		s.Old(identity, factorID(n))
	}
	m := s.World.Users["m-null"]
	m.Enabled = nil
	s.World.Users["m-null"] = m
	s.World.Add(id(5), factorID(5), mfa.FactorUnverified)
	s.World.Add(id(1), factorID(21), mfa.FactorUnverified)
	s.World.Add(id(17), factorID(27), mfa.FactorUnverified)
	s.World.Add(id(16), factorID(26), mfa.FactorVerified)
	s.World.Add(id(22), factorID(33), mfa.FactorUnverified) // an entity without a verified factor
	s.Old("another-application-1", factorID(34))
	return s
}

var everyDifference = []string{
	"factor-missing b-missing003",
	"factor-missing b-missing-skip004 -",
	"factor-unverified c-unverified005",
	"sid-missing d-nosid",
	"sid-missing d-nosid-skip -",
	"sid-missing d-oddsid",
	"uuid-missing e-nouuid",
	"uuid-missing e-nouuid-enrolled",
	"uuid-missing e-nouuid-skip -",
	"uuid-duplicate f-dup-1 -",
	"uuid-duplicate f-dup-2 -",
	"uuid-duplicate f-dup-3",
	"uuid-duplicate g-dup-1 -",
	"uuid-duplicate g-dup-2",
}

func TestReconcileFindsEveryKindAndRepairsWhatIsSafe(t *testing.T) {
	for _, concurrency := range []int{1, 4} {
		s := everyKind()
		r := reconciler(s)
		r.Concurrency = concurrency
		want := append(slices.Clone(everyDifference),
			"stale-factor h-stale018",
			"orphan-factor i-orphan019",
			"orphan-factor i-orphan-young01a -",
			"factor-missing k-missing-stale012",
			"stale-factor k-missing-stale01c -",
			"uuid-duplicate l-dup-orphan -",
			"orphan-factor l-dup-orphan01e -",
			"uuid-duplicate l-dup-other",
			"orphan-factor l-dup-other01e -",
			"orphan-entity -", "orphan-entity -",
		)
		result := checked(t, r)
		wantLines(t, result, want...)
		if result.Unknown != 0 || result.Checked != 24 || result.Enrolled != 14 || result.DefaultMax() != 2 {
			t.Errorf("%d unknown, %d checked, %d enrolled, max %d", result.Unknown, result.Checked, result.Enrolled, result.DefaultMax())
		}
		for _, f := range result.Differences {
			if f.Message == "" || f.Remedy.Empty() {
				t.Errorf("%+v", f)
			}
		}

		before := maps.Clone(s.World.Users)
		plan := result.PlanRepairs(nil)
		wantKind(t, plan.Refusal, errs.Refused)
		plan.Apply(t.Context(), repairer(r), nil)
		if diff := cmp.Diff(before, s.World.Users); diff != "" || slices.Contains(s.World.Calls, "DeleteFactor") {
			t.Fatal("more repairs than allowed, and some were made:", diff)
		}

		plan = result.PlanRepairs(limit(len(plan.Differences)))
		if plan.Refusal != nil {
			t.Fatal(plan.Refusal)
		}
		told := 0
		plan.Apply(t.Context(), repairer(r), func(reconcile.Difference) { told++ })
		for _, f := range plan.Differences {
			if !f.Fixed || f.Err != nil {
				t.Errorf("%s %s: %v", f.Kind, f.Username, f.Err)
			}
		}
		if told != len(plan.Differences) {
			t.Errorf("%d told", told)
		}
		for _, name := range []string{"b-missing", "c-unverified", "d-nosid", "d-oddsid", "e-nouuid-enrolled", "k-missing-stale"} {
			u := s.World.Users[name]
			if u.State() != mfa.StateNotEnrolled || u.SID != nil || *u.Enabled {
				t.Errorf("%s: %s", name, u.State())
			}
		}
		for _, name := range []string{"e-nouuid", "f-dup-3", "g-dup-2", "l-dup-other"} {
			u := s.World.Users[name]
			if u.State() != mfa.StateNotEnrolled || !strings.HasPrefix(*u.UUID, "aaaaaaaa") {
				t.Errorf("%s: %s", name, u.State())
			}
		}
		for name, was := range before {
			if !slices.ContainsFunc(plan.Differences, func(f *reconcile.Difference) bool { return f.Username == name }) && !was.Equal(s.World.Users[name].Row) {
				t.Errorf("%s was changed", name)
			}
		}
		for identity, want := range map[string]string{id(1): "1 21", id(11): "11 12", id(14): "14", id(15): "", id(16): "26", id(17): "27",
			id(18): "28", id(20): "30", id(21): "31 32", "another-application-1": "34"} {
			var got []string
			for n := range 40 {
				if slices.Contains(s.World.SIDs(identity), factorID(n)) {
					got = append(got, fmt.Sprint(n))
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s has %s, want %s", identity, got, want)
			}
		}
		// Afterwards only those are left that must stay, and those that only a reset shows.
		wantLines(t, checked(t, reconciler(s)),
			"factor-missing b-missing-skip004 -", "sid-missing d-nosid-skip -", "uuid-missing e-nouuid-skip -",
			"uuid-duplicate f-dup-1 -", "uuid-duplicate f-dup-2 -", "orphan-factor i-orphan-young01a -",
			"orphan-factor k-missing-stale01c", "orphan-factor l-dup-orphan01e", "orphan-entity -", "orphan-entity -")
	}
}

func TestReconcileFindsNothingWhereAllIsWell(t *testing.T) {
	s := mfatest.NewSite(mfatest.Enrolled("a", id(1), factorID(1)), mfatest.Fresh("b", id(2)), mfatest.Fresh("c", id(3)))
	s.Old(id(1), factorID(1))
	s.World.Add(id(3), factorID(3), mfa.FactorUnverified)
	wantLines(t, checked(t, reconciler(s)))
	if got := strings.Join(s.World.Calls, " "); got != "ListEntities ListFactors ListFactors" {
		t.Error("a user without an entity must not be asked about, and nothing else done:", got)
	}
}

// Kinds that are left out are neither shown nor repaired, and Twilio is not asked for them.
func TestReconcileOnly(t *testing.T) {
	s := everyKind()
	s.Before = func(_ int, op, _ string) error {
		if strings.HasPrefix(op, "List") || strings.HasPrefix(op, "Fetch") || op == "DeleteFactor" {
			t.Errorf("%s is asked for", op)
		}
		return nil
	}
	r := reconciler(s, reconcile.SIDMissing, reconcile.UUIDMissing, reconcile.UUIDDuplicate)
	r.Factors = nil
	result, plan := repaired(t, r, limit(100))
	if plan.Refusal != nil || len(plan.Differences) != 7 || len(result.Differences) != 13 {
		t.Errorf("%v, %d of %d", plan.Refusal, len(plan.Differences), len(result.Differences))
	}

	s = everyKind()
	wantLines(t, checked(t, reconciler(s, reconcile.StaleFactor)), "stale-factor h-stale018", "stale-factor k-missing-stale01c -")

	s = everyKind()
	result, _ = repaired(t, reconciler(s, reconcile.OrphanEntity), limit(100))
	wantLines(t, result, "orphan-entity !", "orphan-entity -")
	if len(s.World.Factors[id(21)]) != 0 || len(s.World.SIDs("another-application-1")) != 1 || len(s.World.SIDs(id(22))) != 1 {
		t.Error(s.World.Factors)
	}
	wantLines(t, checked(t, reconciler(s, reconcile.OrphanEntity)), "orphan-entity -")
}

func TestReconcileLeavesYoungEntitiesAlone(t *testing.T) {
	s := mfatest.NewSite()
	s.Old(id(1), factorID(1))
	s.World.Add(id(1), factorID(2), mfa.FactorVerified) // somebody uses this service
	s.Old(id(2), factorID(3)).Created = time.Time{}
	s.Old(id(3), factorID(4))
	s.Entities = func(all []mfa.Entity) []mfa.Entity {
		for i := range all {
			if all[i].Identity == id(3) {
				all[i].Created = time.Time{}
			}
		}
		return all
	}
	result, plan := repaired(t, reconciler(s, reconcile.OrphanEntity), limit(100))
	if len(plan.Differences) != 0 || len(result.Differences) != 3 {
		t.Errorf("%+v", result.Differences)
	}
}

// If Twilio fails for one user, that user is unknown, and the others are repaired.
func TestReconcileUnknownUser(t *testing.T) {
	s := mfatest.NewSite(mfatest.Enrolled("a", id(1), factorID(1)), mfatest.Enrolled("b", id(2), factorID(2)),
		mfatest.Fresh("c", id(2)), mfatest.Fresh("d", id(2)))
	s.Before = func(_ int, op, about string) error {
		if op == "ListFactors" && about == id(2) {
			return errDown
		}
		return nil
	}
	s.Old(id(2), factorID(3))
	result, plan := repaired(t, reconciler(s), limit(9))
	wantLines(t, result, "factor-missing a001 !", "uuid-duplicate b -", "unknown b", "uuid-duplicate c -", "unknown c", "uuid-duplicate d -", "unknown d")
	if result.Unknown != 3 || result.Checked != 1 || len(plan.Differences) != 1 || result.Left() != 3 {
		t.Errorf("%+v", result)
	}
}

// A permission that the key lacks is missing for every user, and running it again does not help: it ends the check.
func TestMissingPermissionEndsTheCheck(t *testing.T) {
	missing := &errs.Error{Kind: errs.Config, Err: mfa.ErrNotPermitted}
	for _, call := range []string{"ListEntities", "ListFactors", "FetchFactor"} {
		s := mfatest.NewSite(mfatest.Enrolled("a", id(1), factorID(1)), mfatest.Enrolled("b", id(2), factorID(2)))
		s.Before = func(_ int, op, _ string) error {
			if op == call {
				return missing
			}
			return nil
		}
		result, err := reconciler(s).Check(t.Context(), func(reconcile.Difference) error { return nil })
		if !errors.Is(err, mfa.ErrNotPermitted) || errs.KindOf(err) != errs.Config || result != nil {
			t.Errorf("%s: %+v, %v", call, result, err)
		}
	}
	s := mfatest.NewSite()
	s.Old(id(9), factorID(9)) // an entity that belongs to no user
	s.Before = func(_ int, op, _ string) error {
		if op == "ListFactors" {
			return missing
		}
		return nil
	}
	if _, err := reconciler(s).Check(t.Context(), func(reconcile.Difference) error { return nil }); !errors.Is(err, mfa.ErrNotPermitted) {
		t.Error(err)
	}
}

// After five failures in a row Twilio is not asked any more, and nothing is repaired.
func TestReconcileBreaker(t *testing.T) {
	for name, err := range map[string]error{"down": errDown, "rejected": errRejected} {
		t.Run(name, func(t *testing.T) {
			s := everyKind()
			asked := 0
			s.Before = func(_ int, op, _ string) error {
				if op == "ListFactors" {
					asked++
					if asked > 3 {
						return err
					}
				}
				return nil
			}
			before := maps.Clone(s.World.Users)
			result, plan := repaired(t, reconciler(s), limit(99))
			if asked != 8 || result.Unknown < 8 || result.Outage == nil {
				t.Errorf("%d asked, %d unknown, outage %v", asked, result.Unknown, result.Outage)
			}
			wantKind(t, plan.Refusal, errs.Unavailable)
			tried := 0
			for _, f := range result.Differences {
				if f.Kind == reconcile.Unknown && !f.NotTried {
					tried++
				}
			}
			if tried != 5 {
				t.Errorf("%d tried", tried)
			}
			if diff := cmp.Diff(before, s.World.Users); diff != "" || slices.Contains(s.World.Calls, "DeleteFactor") {
				t.Error("something was repaired:", diff)
			}
		})
	}
}

// Without the list nobody who is not enrolled is asked about: that would be a call for nearly every user of a site.
func TestReconcileWithoutEntityList(t *testing.T) {
	s := everyKind()
	var asked []string
	s.Before = func(_ int, op, about string) error {
		if op == "ListEntities" {
			return errDown
		}
		asked = append(asked, about)
		return nil
	}
	result, _ := repaired(t, reconciler(s), limit(99))
	got := lines(result)
	if got[len(got)-1] != "unknown" || result.Unknown != 1 || slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "orphan-entity") }) {
		t.Error(got)
	}
	if slices.Contains(asked, *s.World.Users["i-orphan"].UUID) {
		t.Error("Twilio was asked about a user who is not enrolled")
	}
	if slices.Contains(got, "orphan-factor i-orphan019 !") || result.Checked >= len(s.World.Users) {
		t.Errorf("%d checked, %v", result.Checked, got)
	}
	result, plan := repaired(t, reconciler(s, reconcile.OrphanEntity), limit(99))
	wantLines(t, result, "unknown")
	if len(plan.Differences) != 0 {
		t.Error(plan)
	}
}

// If an entity is not in the list, it does not count as gone.
func TestReconcileIncompleteEntityList(t *testing.T) {
	s := everyKind()
	s.Entities = func([]mfa.Entity) []mfa.Entity { return nil }
	result, _ := repaired(t, reconciler(s), limit(99))
	got := lines(result)
	if got[len(got)-1] != "unknown" || result.Unknown != 1 || slices.Contains(got, "factor-missing a-fine001 !") {
		t.Error(got)
	}
	healthy, _ := repaired(t, reconciler(everyKind()), limit(99))
	for _, l := range got {
		if strings.HasSuffix(l, "!") && !slices.Contains(lines(healthy), l) {
			t.Error(l)
		}
	}
}

// "Not found" counts only if the service itself is found, and the list lacks the factor too.
func TestReconcileNotFoundMustBeConfirmed(t *testing.T) {
	s := mfatest.NewSite(mfatest.Enrolled("a", id(1), factorID(1)), mfatest.Enrolled("b", id(2), factorID(2)))
	s.Old(id(1), factorID(1))
	s.Old(id(2), factorID(2))
	s.Before = func(n int, op, _ string) error { // everything but the first two requests is 404
		if n > 2 && (op == "ListFactors" || op == "FetchFactor" || op == "CheckService") {
			return errGone
		}
		return nil
	}
	result, plan := repaired(t, reconciler(s), limit(9))
	wantLines(t, result, "unknown a", "unknown b", "unknown")
	if result.Outage == nil || plan.Refusal != nil || len(plan.Differences) != 0 {
		t.Errorf("%v %v", result.Outage, plan.Refusal)
	}

	s.Before = func(_ int, op, _ string) error { // every list is empty
		if op == "ListFactors" {
			return errGone
		}
		return nil
	}
	wantLines(t, checked(t, reconciler(s)))

	s.Before = func(int, string, string) error { return errGone }
	_, err := reconciler(s).Check(t.Context(), func(reconcile.Difference) error { return nil })
	wantKind(t, err, errs.NotFound)
}

// Four missing factors don't mean another service, even if nobody has one. Five do.
func TestWrongServiceNeedsFiveMissing(t *testing.T) {
	for missing, want := range map[int]bool{4: false, 5: true} {
		var users []mfa.User
		for n := range missing {
			users = append(users, mfatest.Enrolled(fmt.Sprint("u", n), id(n), factorID(n)))
		}
		if got := checked(t, reconciler(mfatest.NewSite(users...))).WrongService(); got != want {
			t.Errorf("%d of %d are missing: another service %v, want %v", missing, missing, got, want)
		}
	}
}

func TestReconcileGuards(t *testing.T) {
	var users []mfa.User
	for n := range 9 {
		users = append(users, mfatest.Enrolled(fmt.Sprint("u", n), id(n), factorID(n)))
	}
	s := mfatest.NewSite(users...)
	for n := 5; n < 9; n++ {
		s.Old(id(n), factorID(n))
	}
	result, plan := repaired(t, reconciler(s), nil) // five of nine are missing
	wantKind(t, plan.Refusal, errs.Refused)
	if !result.WrongService() || !strings.Contains(plan.Refusal.Error(), "5 of 9") || plan.Refusal.Hint.Reason != reconcile.ReasonWrongService {
		t.Error(plan.Refusal)
	}
	_, plan = repaired(t, reconciler(s), limit(4))
	wantKind(t, plan.Refusal, errs.Refused)
	if !strings.Contains(plan.Refusal.Error(), "5 repairs are needed, and at most 4") || slices.Contains(s.World.Calls, "CompareAndSet") {
		t.Error(plan.Refusal)
	}
	_, plan = repaired(t, reconciler(s), limit(0))
	wantKind(t, plan.Refusal, errs.Refused)
	s.Old(id(4), factorID(4))
	if result, plan = repaired(t, reconciler(s), nil); result.WrongService() {
		t.Error("four missing factors are called too many")
	}
	wantKind(t, plan.Refusal, errs.Refused) // of nine, only one is allowed
	result, plan = repaired(t, reconciler(s), limit(4))
	if plan.Refusal != nil || result.Left() != 0 {
		t.Error(plan.Refusal)
	}
	for enrolled, want := range map[int]int{0: 1, 1: 1, 10: 1, 11: 2, 100: 10, 195: 20, 10_000: 20} {
		if got := (&reconcile.Result{Enrolled: enrolled}).DefaultMax(); got != want {
			t.Errorf("%d enrolled: %d", enrolled, got)
		}
	}
}

// No repair is made if somebody else has changed something since the check.
func TestReconcileRaces(t *testing.T) {
	for name, test := range map[string]struct {
		user mfa.User
		make func(*mfatest.Site)
		race func(*mfatest.Site)
		want string
	}{
		"missing: enrolled again": {mfatest.Enrolled("u", id(1), factorID(1)), nil,
			func(s *mfatest.Site) { s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2)) }, "factor-missing u001 ?"},
		"missing: there after all": {mfatest.Enrolled("u", id(1), factorID(1)), nil,
			func(s *mfatest.Site) { s.Old(id(1), factorID(1)) }, "factor-missing u001 ?"},
		"unverified: verified": {mfatest.Enrolled("u", id(1), factorID(1)), func(s *mfatest.Site) { s.World.Add(id(1), factorID(1), mfa.FactorUnverified) },
			func(s *mfatest.Site) { s.World.Factors[id(1)][0].Status = mfa.FactorVerified }, "factor-unverified u001 ?"},
		"unverified: gone": {mfatest.Enrolled("u", id(1), factorID(1)), func(s *mfatest.Site) { s.World.Add(id(1), factorID(1), mfa.FactorUnverified) },
			func(s *mfatest.Site) { s.World.Factors[id(1)] = nil }, "factor-unverified u001 ?"},
		"no sid: enrolled": {mfatest.Enrolled("u", id(1), ""), nil,
			func(s *mfatest.Site) { s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2)) }, "sid-missing u ?"},
		"no uuid: got one": {mfa.User{Username: "u"}, nil,
			func(s *mfatest.Site) { s.World.Users["u"] = mfatest.Fresh("u", id(1)) }, "uuid-missing u ?"},
		"user gone": {mfa.User{Username: "u"}, nil,
			func(s *mfatest.Site) { delete(s.World.Users, "u") }, "uuid-missing u ?"},
		"orphan: enrolled with it": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2)) }, "orphan-factor u002 ?"},
		"orphan: another row names it": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Users["v"] = mfatest.Enrolled("v", id(3), factorID(2)) }, "orphan-factor u002 ?"},
		"orphan: another user has the uuid": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Users["v"] = mfatest.Fresh("v", id(1)) }, "orphan-factor u002 ?"},
		"orphan: gone": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Factors[id(1)] = nil }, "orphan-factor u002 ?"},
		"orphan: made anew": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Factors[id(1)][0].Created = s.World.Clock }, "orphan-factor u002 ?"},
		"orphan: the user is reset with another uuid": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Users["u"] = mfatest.Fresh("u", id(4)) }, "orphan-factor u002 ?"},
		"stale: swapped": {mfatest.Enrolled("u", id(1), factorID(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(1)); s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2)) }, "stale-factor u002 ?"},
		"stale: the one in use is gone": {mfatest.Enrolled("u", id(1), factorID(1)), func(s *mfatest.Site) { s.Old(id(1), factorID(1)); s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Factors[id(1)] = s.World.Factors[id(1)][1:] }, "stale-factor u002 ?"},
		"stale: the one in use is unverified": {mfatest.Enrolled("u", id(1), factorID(1)),
			func(s *mfatest.Site) { s.Old(id(1), factorID(1)); s.Old(id(1), factorID(2)) },
			func(s *mfatest.Site) { s.World.Factors[id(1)][0].Status = mfa.FactorUnverified }, "stale-factor u002 ?"},
		"entity: a user has it": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(2), factorID(2)) },
			func(s *mfatest.Site) { s.World.Users["v"] = mfatest.Fresh("v", id(2)) }, "orphan-entity 002 ?"},
		"entity: a row names its factor": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(2), factorID(2)) },
			func(s *mfatest.Site) { s.World.Users["v"] = mfatest.Enrolled("v", id(3), factorID(2)) }, "orphan-entity 002 ?"},
		"entity: in use": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(2), factorID(2)) },
			func(s *mfatest.Site) { s.World.Add(id(2), factorID(3), mfa.FactorUnverified) }, "orphan-entity 002 ?"},
		"entity: emptied": {mfatest.Fresh("u", id(1)), func(s *mfatest.Site) { s.Old(id(2), factorID(2)) },
			func(s *mfatest.Site) { s.World.Factors[id(2)] = nil }, "orphan-entity 002 ?"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mfatest.NewSite(test.user)
			if test.make != nil {
				test.make(s)
			}
			r := reconciler(s, reconcile.Kinds()...)
			result := checked(t, r)
			plan := result.PlanRepairs(limit(9))
			if plan.Refusal != nil || len(plan.Differences) != 1 {
				t.Fatal(lines(result))
			}
			test.race(s)
			users, factors := maps.Clone(s.World.Users), maps.Clone(s.World.Factors)
			for k, v := range factors {
				factors[k] = slices.Clone(v)
			}
			plan.Apply(t.Context(), repairer(r), nil)
			wantLines(t, result, test.want)
			wantKind(t, plan.Differences[0].Err, errs.Refused)
			if diff := cmp.Diff(users, s.World.Users) + cmp.Diff(factors, s.World.Factors); diff != "" {
				t.Error("something was repaired:", diff)
			}
		})
	}
	t.Run("duplicate: resolved", func(t *testing.T) {
		s := mfatest.NewSite(mfatest.Fresh("u", id(1)), mfatest.Fresh("v", id(1)))
		r := reconciler(s)
		result := checked(t, r)
		s.World.Users["u"] = mfatest.Fresh("u", id(2))
		plan := result.PlanRepairs(nil)
		plan.Apply(t.Context(), repairer(r), nil)
		wantLines(t, result, "uuid-duplicate u -", "uuid-duplicate v ?")
	})
	t.Run("entered in the moment of the deletion", func(t *testing.T) {
		s := mfatest.NewSite(mfatest.Fresh("u", id(1)))
		s.Old(id(1), factorID(2))
		s.Before = func(_ int, op, _ string) error {
			if op == "DeleteFactor" {
				s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2))
			}
			return nil
		}
		_, _ = repaired(t, reconciler(s), nil)
		if got := s.World.Users["u"].State(); got != mfa.StateNotEnrolled || s.World.Users["u"].SID != nil {
			t.Error("a dead factor is left in the row:", got)
		}
	})
}

// A row that changes while Twilio is asked is compared again. If it changes every time, the user is unknown.
func TestReconcileRowsThatMove(t *testing.T) {
	s := mfatest.NewSite(mfatest.Fresh("u", id(1)))
	s.Old(id(1), factorID(2))
	s.Before = func(_ int, op, _ string) error {
		if op == "ListFactors" {
			s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2))
		}
		return nil
	}
	wantLines(t, checked(t, reconciler(s)))

	s = mfatest.NewSite(mfatest.Enrolled("u", id(1), factorID(1)))
	n := 10
	s.Before = func(_ int, op, _ string) error {
		if op == "ListFactors" {
			n++
			s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(n))
		}
		return nil
	}
	wantLines(t, checked(t, reconciler(s)), "unknown u")

	s = mfatest.NewSite(mfatest.Enrolled("u", id(1), factorID(1)))
	s.Before = func(_ int, op, _ string) error {
		if op == "ListFactors" {
			delete(s.World.Users, "u")
		}
		return nil
	}
	wantLines(t, checked(t, reconciler(s)))
}

// changes returns what a run has changed: the names of users, and the SIDs of deleted factors.
func changes(s *mfatest.Site, was map[string]mfa.User, factors []string) []string {
	var all []string
	for name, u := range was {
		if !u.Equal(s.World.Users[name].Row) {
			all = append(all, name)
		}
	}
	left := everyFactor(s)
	for _, sid := range factors {
		if !slices.Contains(left, sid) {
			all = append(all, sid)
		}
	}
	slices.Sort(all)
	return all
}

func everyFactor(s *mfatest.Site) []string {
	var all []string
	for _, factors := range s.World.Factors {
		for _, f := range factors {
			all = append(all, f.SID)
		}
	}
	return all
}

// If any call fails, in any way, nothing is repaired that would not have been repaired without the failure, and
// nothing is called fixed that is not.
func TestReconcileOutageAtEveryCall(t *testing.T) {
	run := func(claims bool, before func(n int, op, about string) error) (calls int, did []string, fixed int, err error) {
		s := everyKind()
		was, factors := maps.Clone(s.World.Users), everyFactor(s)
		s.Before = before
		r := reconciler(s, reconcile.Kinds()...)
		result, err := r.Check(t.Context(), func(reconcile.Difference) error { return nil })
		if err == nil {
			plan := result.PlanRepairs(limit(99))
			plan.Apply(t.Context(), repairer(r), nil)
			for _, f := range result.Differences {
				if f.Fixed {
					fixed++
					if claims && (f.Username == "" && len(s.World.SIDs(f.UUID)) > 0 ||
						f.Username != "" && strings.HasSuffix(string(f.Kind), "-factor") && slices.Contains(s.World.SIDs(f.UUID), f.FactorSID) ||
						f.Username != "" && !strings.HasSuffix(string(f.Kind), "-factor") && was[f.Username].Equal(s.World.Users[f.Username].Row)) {
						t.Errorf("%s %s is called fixed", f.Kind, f.Username)
					}
				}
			}
		}
		return s.N, changes(s, was, factors), fixed, err
	}
	calls, healthy, fixed, err := run(true, nil)
	wantNil(t, err)
	if len(healthy) != fixed+1 || fixed != 13 || calls < 100 { // one of the repairs deletes two factors
		t.Fatalf("%d calls, %d fixed, %q", calls, fixed, healthy)
	}
	for _, failure := range []error{errDown, errRejected, errGone, errs.New(errs.Failure, "odd", "")} {
		for n := 1; n <= calls; n++ {
			for _, last := range []int{n, n + 2, n + 9, 1 << 30} {
				// If Twilio says "not found" three times and then works again, that can't be told from the truth.
				claims := errs.KindOf(failure) != errs.NotFound || last == n || last > calls
				_, did, _, _ := run(claims, func(i int, op, _ string) error {
					local := strings.HasSuffix(op, "Users") || strings.HasSuffix(op, "Owners") || op == "CompareAndSet"
					if i < n || i > last || local && errs.KindOf(failure) == errs.NotFound {
						return nil
					}
					return failure
				})
				for _, d := range did {
					if !slices.Contains(healthy, d) {
						t.Fatalf("%v at call %d to %d: %s was changed", failure, n, last, d)
					}
				}
			}
		}
	}
}

func TestReconcileEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, op := range []string{"FindUsers", "FactorOwners", "UUIDOwners"} {
		s := everyKind()
		s.Before = func(_ int, called, _ string) error {
			if called == op {
				return errDown
			}
			return nil
		}
		_, err := reconciler(s).Check(t.Context(), func(reconcile.Difference) error { return nil })
		wantKind(t, err, errs.Unavailable)
	}
	s := everyKind()
	r := reconciler(s)
	r.Concurrency = 4
	full := errors.New("disk full")
	if _, err := r.Check(t.Context(), func(reconcile.Difference) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.N = 0
	s.Before = func(n int, _, _ string) error {
		if n == 9 {
			cancel()
		}
		return ctx.Err()
	}
	if _, err := r.Check(ctx, func(reconcile.Difference) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s = everyKind()
	r = reconciler(s)
	result := checked(t, r)
	ctx, cancel = context.WithCancel(t.Context())
	made := 0
	result.PlanRepairs(limit(99)).Apply(ctx, repairer(r), func(f reconcile.Difference) {
		if made++; made == 3 {
			cancel()
		}
		if f.Fixed != (made <= 3) {
			t.Errorf("repair %d: %+v", made, f.Err)
		}
	})
	// The users can't be listed.
	r.Users = func(yield func(mfa.User, error) bool) { yield(mfa.User{}, errDown) }
	_, err := r.Check(t.Context(), func(reconcile.Difference) error { return nil })
	wantKind(t, err, errs.Unavailable)
}

// Never more users than allowed are compared at a time, and the differences still come in order.
func TestReconcileConcurrency(t *testing.T) {
	var users []mfa.User
	for n := range 200 {
		users = append(users, mfatest.Enrolled(fmt.Sprintf("u%03d", n), id(n), factorID(n)))
	}
	s := mfatest.NewSite(users...)
	slow := &slowFactors{Site: s}
	r := reconciler(s)
	r.Factors, r.Concurrency = slow, 8
	var order []string
	progress := 0
	r.Progress = func(checked, users int) {
		if progress++; checked != progress || users != 200 {
			t.Errorf("%d of %d", checked, users)
		}
	}
	result, err := r.Check(t.Context(), func(f reconcile.Difference) error { order = append(order, f.Username); return nil })
	wantNil(t, err)
	if !slices.IsSorted(order) || len(order) != 200 || slow.most > 8 || slow.most < 2 || !result.WrongService() || progress != 200 {
		t.Errorf("%d found, at most %d at a time", len(order), slow.most)
	}
}

type slowFactors struct {
	*mfatest.Site
	mu        sync.Mutex
	now, most int
}

func (s *slowFactors) ListFactors(ctx context.Context, identity string) ([]mfa.Factor, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(time.Duration(len(identity)%3+1) * time.Millisecond)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return s.Site.ListFactors(ctx, identity)
}

// An error is not an answer, neither during the check nor just before a repair.
func TestReconcileErrorsAreNoAnswers(t *testing.T) {
	for name, failing := range map[string]map[string]error{
		"fetch fails":                 {"ListFactors": errGone, "FetchFactor": errDown},
		"fetch is rejected":           {"ListFactors": errGone, "FetchFactor": errRejected},
		"the service is gone too":     {"ListFactors": errGone, "FetchFactor": errGone, "CheckService": errGone},
		"the service does not answer": {"ListFactors": errGone, "FetchFactor": errGone, "CheckService": errDown},
	} {
		t.Run(name, func(t *testing.T) {
			s := mfatest.NewSite(mfatest.Enrolled("u", id(1), factorID(1)))
			s.Old(id(1), factorID(1))
			s.Before = func(n int, op, _ string) error {
				if n == 1 { // the service is found at the start
					return nil
				}
				return failing[op]
			}
			result, plan := repaired(t, reconciler(s), limit(9))
			if got := lines(result); got[0] != "unknown u" || len(plan.Differences) != 0 {
				t.Error(got)
			}

			// The same just before a repair. One of the two factors has come back meanwhile.
			s = mfatest.NewSite(mfatest.Enrolled("u", id(1), factorID(1)), mfatest.Enrolled("v", id(2), factorID(2)))
			r := reconciler(s)
			result = checked(t, r)
			plan = result.PlanRepairs(limit(9))
			s.Old(id(1), factorID(1))
			s.Before = func(_ int, op, _ string) error { return failing[op] }
			plan.Apply(t.Context(), repairer(r), nil)
			wantLines(t, result, "factor-missing u001 ?", "factor-missing v002 ?")
			if slices.Contains(s.World.Calls, "CompareAndSet") {
				t.Error("repaired:", s.World.Users)
			}
			if !strings.Contains(result.Differences[1].Err.Error(), "not tried") {
				t.Error("Twilio was asked again:", result.Differences[1].Err)
			}
		})
	}
}

// A row that can't be written does not stop the other repairs. Five in a row do.
func TestReconcileRowsThatCannotBeWritten(t *testing.T) {
	var users []mfa.User
	for n := range 8 {
		users = append(users, mfatest.Enrolled(fmt.Sprint("u", n), id(n), ""))
	}
	s := mfatest.NewSite(users...)
	s.Before = func(_ int, op, about string) error {
		if op == "CompareAndSet" && about > "u1" {
			return errDown
		}
		return nil
	}
	result, _ := repaired(t, reconciler(s), limit(8))
	wantLines(t, result, "sid-missing u0 !", "sid-missing u1 !", "sid-missing u2 ?", "sid-missing u3 ?", "sid-missing u4 ?", "sid-missing u5 ?",
		"sid-missing u6 ?", "sid-missing u7 ?")
	if !strings.Contains(result.Differences[7].Err.Error(), "not tried") || strings.Contains(result.Differences[6].Err.Error(), "not tried") {
		t.Error(result.Differences[7].Err)
	}
}

func TestReconcileWrongService(t *testing.T) {
	for _, test := range []struct {
		missing, there int
		want           bool
	}{{4, 0, false}, {5, 0, true}, {5, 4, true}, {5, 5, false}, {9, 8, true}, {9, 9, false}} {
		var users []mfa.User
		for n := range test.missing + test.there {
			users = append(users, mfatest.Enrolled(fmt.Sprint("u", n), id(n), factorID(n)))
		}
		s := mfatest.NewSite(users...)
		for n := range test.there {
			s.Old(id(n), factorID(n))
		}
		if got := checked(t, reconciler(s)).WrongService(); got != test.want {
			t.Errorf("%d missing, %d there: %v", test.missing, test.there, got)
		}
	}
}

func TestReconcileLeavesFactorsOfUnknownAgeAlone(t *testing.T) {
	for _, created := range []time.Duration{-15*time.Minute + time.Second, 0, time.Hour} {
		s := mfatest.NewSite(mfatest.Fresh("u", id(1)))
		s.Old(id(1), factorID(1)).Created = s.World.Clock.Add(created)
		result, _ := repaired(t, reconciler(s), nil)
		wantLines(t, result, "orphan-factor u001 -")
	}
	s := mfatest.NewSite(mfatest.Fresh("u", id(1)))
	s.Old(id(1), factorID(1)).Created = time.Time{}
	result, _ := repaired(t, reconciler(s), nil)
	wantLines(t, result, "orphan-factor u001 -")
	s.World.Factors[id(1)][0].Created = s.World.Clock.Add(-15 * time.Minute)
	result, _ = repaired(t, reconciler(s), nil)
	wantLines(t, result, "orphan-factor u001 !")
}

func TestReconcileEntitiesThatTurnOutToBeSomebodys(t *testing.T) {
	s := mfatest.NewSite(mfatest.Enrolled("u", id(1), factorID(2)))
	s.Old(id(2), factorID(2)) // the factor of the row, under a uuid that the user no longer has
	result, _ := repaired(t, reconciler(s, reconcile.OrphanEntity), limit(9))
	wantLines(t, result, "orphan-entity 002 -")

	s = mfatest.NewSite()
	s.Old(id(2), factorID(2))
	s.Before = func(_ int, op, _ string) error {
		if op == "UUIDOwners" {
			s.World.Users["v"] = mfatest.Fresh("v", id(2)) // added since the users were read
		}
		return nil
	}
	wantLines(t, checked(t, reconciler(s, reconcile.OrphanEntity)))

	// A factor that was not shown is not deleted.
	s = mfatest.NewSite()
	s.Old(id(2), factorID(2))
	r := reconciler(s, reconcile.OrphanEntity)
	result = checked(t, r)
	s.Old(id(2), factorID(3))
	result.PlanRepairs(nil).Apply(t.Context(), repairer(r), nil)
	if got := s.World.SIDs(id(2)); !slices.Equal(got, []string{factorID(3)}) {
		t.Error(got)
	}
}
