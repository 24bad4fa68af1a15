package db_test

import (
	"testing"
	"time"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
)

// A trial keeps every other switch away, of this process and of others, until it ends.
func TestTrial(t *testing.T) {
	mine, url := sample(t)
	other := open(t, db.Config{ConnString: url})
	both := map[string]*db.DB{"the same process": mine, "another process": other}
	for round := range 2 { // a trial that has ended leaves nothing behind
		for name, d := range both {
			err := d.CheckNoTrial(t.Context())
			for wait := time.Millisecond; err != nil && wait < 10*time.Second; wait *= 2 { // the server ends a session when it gets to it
				time.Sleep(wait)
				err = d.CheckNoTrial(t.Context())
			}
			if err != nil {
				t.Fatalf("round %d, %s: %v", round, name, err)
			}
		}
		release, err := mine.HoldTrial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // to look, and to try, takes nothing away
			for name, d := range both {
				if err := d.CheckNoTrial(t.Context()); errs.KindOf(err) != errs.Refused {
					t.Errorf("%s may switch: %v", name, err)
				}
				if also, err := d.HoldTrial(t.Context()); errs.KindOf(err) != errs.Refused {
					t.Errorf("%s may try: %v", name, err)
					if err == nil {
						also()
					}
				}
			}
		}
		release()
	}
}
