package db

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

// trialLock is the key of the advisory lock that a switch on trial holds: "uzerpmfa" in ASCII. The server releases the
// lock when the session ends, for whatever reason.
const trialLock int64 = 0x757a6572706d6661

func onTrial() error {
	return errs.NewWith(errs.Refused, "a switch is on trial and would take back what is switched now", injector.ReasonSwitchOnTrial.With())
}

// HoldTrial implements injector.Writer. It uses one connection until release is called.
func (db *DB) HoldTrial(ctx context.Context) (release func(), err error) {
	op := "mark the switch as on trial"
	var held *pgxpool.Conn
	err = db.pool.lendFor(ctx, func(conn *pgxpool.Conn) (keep bool, err error) {
		locked, err := db.tryLock(ctx, conn.Conn(), "hold_trial")
		if err == nil && !locked {
			err = onTrial()
		}
		held = conn
		return err == nil, err
	})
	if err != nil {
		return nil, db.translate(ctx, op, err)
	}
	return func() {
		_ = held.Conn().Close(context.WithoutCancel(ctx)) // the end of the session certainly releases the lock
		held.Release()
	}, nil
}

// CheckNoTrial implements injector.Reader.
func (db *DB) CheckNoTrial(ctx context.Context) error {
	return db.run(ctx, "look for a switch on trial", func(conn *pgx.Conn) error {
		free, err := db.tryLock(ctx, conn, "look_for_trial")
		if err == nil && !free {
			err = onTrial()
		}
		return err
	})
}

func (db *DB) tryLock(ctx context.Context, conn *pgx.Conn, query string) (bool, error) {
	got, err := collect(ctx, db, conn, query, pgx.StrictNamedArgs{"key": trialLock}, pgx.RowTo[bool])
	return err == nil && got[0], err
}
