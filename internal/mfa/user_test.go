package mfa_test

import (
	"encoding/json"
	"testing"

	"uzerp-mfa/internal/mfa"
)

// The expected states are those of docs/facts/uzerp.md §3, for every combination of the four columns.
func TestState(t *testing.T) {
	good, bad := new(sidA), []*string{nil, new(""), new("YF123"), new("XX0000000000000000000000000000000a"), new(sidA + "0"), new(sidA + "\n")}
	for _, enrolled := range []*bool{nil, new(false), new(true)} {
		for _, enabled := range []*bool{nil, new(false), new(true)} {
			for _, uuid := range []*string{nil, new(uuidA)} {
				for _, sid := range append(bad, good, new("YF0000000000000000000000000000000A")) {
					r := mfa.Row{UUID: uuid, SID: sid, Enrolled: enrolled, Enabled: enabled}
					wellFormed := sid != nil && (*sid == sidA || *sid == "YF0000000000000000000000000000000A")
					isEnrolled := enrolled != nil && *enrolled
					var want mfa.State
					switch {
					case isEnrolled && enabled != nil && !*enabled:
						want = mfa.StateSkipNextLogin
					case uuid == nil:
						want = mfa.StateBroken
					case !isEnrolled:
						want = mfa.StateNotEnrolled
					case !wellFormed:
						want = mfa.StateBroken
					default:
						want = mfa.StateEnrolled
					}
					if got := r.State(); got != want {
						t.Errorf("%s: %s, want %s", show(r), got, want)
					}
					if got, want := r.Whole(), isEnrolled && uuid != nil && wellFormed; got != want {
						t.Errorf("%s: whole %v, want %v", show(r), got, want)
					}
				}
			}
		}
	}
}

func show(r mfa.Row) string {
	b, _ := json.Marshal(r)
	return string(b)
}

func TestAccess(t *testing.T) {
	for access, want := range map[*bool]bool{nil: false, new(false): false, new(true): true} {
		if got := (mfa.User{AccessEnabled: access}).Access(); got != want {
			t.Errorf("access %v: %v", access, got)
		}
	}
}
