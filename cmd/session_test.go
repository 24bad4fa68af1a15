package cmd

import (
	"testing"

	"uzerp-mfa/internal/session"
)

// Nobody is told that no session is open if not all is known.
func TestAsFarAsRead(t *testing.T) {
	for _, tt := range []struct {
		listing session.Listing
		want    string
	}{
		{session.Listing{Places: []session.Place{{Path: "/s"}}}, ""},
		{session.Listing{Places: []session.Place{{Path: "/s"}}, NotRead: []session.NotRead{{Path: "/x", Why: session.Settings}}}, ", as far as could be read"},
		{session.Listing{Places: []session.Place{{Path: "/s"}}, NotRead: []session.NotRead{{Path: "/s", Why: session.TooLarge}}}, ", as far as could be read"},
	} {
		if got := asFarAsRead(tt.listing); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.listing, got, tt.want)
		}
	}
}
