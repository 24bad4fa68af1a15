package pgtemp

import (
	"context"
	"testing"
)

// Before PostgreSQL 15 each new database makes two checkpoints, which remove what was logged before them. A standby that still
// needs it would never start.
func TestStandbyWhileDatabasesAreMade(t *testing.T) {
	t.Parallel()
	primary := start(t, t.Context(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	made := make(chan error)
	go func() {
		for ctx.Err() == nil {
			for _, sql := range []string{"create database passing", "drop database passing"} {
				if err := execute(t.Context(), primary, sql); err != nil {
					made <- err
					return
				}
			}
		}
		made <- nil
	}()
	standby, err := primary.Standby(t.Context())
	cancel()
	if err := <-made; err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := standby.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := standby.AwaitReplay(t.Context(), primary); err != nil {
		t.Error(err)
	}
}
