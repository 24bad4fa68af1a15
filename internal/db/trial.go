package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

// trialLock is the first key of the advisory lock that a switch on trial holds: "uzer" in ASCII. The second one is the
// end of the trial.
const trialLock int64 = 0x757a6572

// confirmLock is the first key of the advisory lock of a session that confirms a trial. The second one is the trial's.
const confirmLock = trialLock + 1

// confirmPatience is how long the guard of a trial may take to see that it is confirmed. It looks every second. Only tests
// change it.
var confirmPatience = 30 * time.Second

// trialGrace is how long the server lets the session of a mark live after the end of the trial. In that time everybody
// sees that the trial is over, and that its guard has not switched back. Only tests change it.
var trialGrace = 10 * time.Minute

// trialTries is how often a key is tried that was free a moment before.
const trialTries = 20

// markRow is a row of queries/look_for_trial.sql.
type markRow struct {
	Key  int64 `db:"key"`
	Over bool  `db:"over"`
	sessionRow
}

// sessionRow is a row of queries/lock_holders.sql, and part of one of look_for_trial.sql.
type sessionRow struct {
	PID         int    `db:"pid"`
	Role        string `db:"role"`
	Application string `db:"application"`
	Address     string `db:"address"`
	Table       string `db:"table"`
}

func toMark(row pgx.CollectableRow) (injector.Mark, error) {
	r, err := pgx.RowToStructByName[markRow](row)
	return injector.Mark{Key: r.Key, Over: r.Over, Until: time.Unix(r.Key, 0).UTC(), Holder: injector.Session(r.sessionRow)}, err
}

func toSession(row pgx.CollectableRow) (injector.Session, error) {
	r, err := pgx.RowToStructByName[sessionRow](row)
	return injector.Session(r), err
}

// heldKey is the row of queries/hold_trial.sql.
type heldKey struct {
	Key    int64 `db:"key"`
	Locked bool  `db:"locked"`
}

// HoldTrial implements injector.Writer. It uses one connection, with an open transaction that has read nothing of
// uzERP's, until release is called. So it works behind a pooler too, and every version of PostgreSQL can end it.
func (db *DB) HoldTrial(ctx context.Context, limit time.Duration) (key int64, release func(), err error) {
	var held *pgxpool.Conn
	err = db.pool.lendFor(ctx, func(conn *pgxpool.Conn) (keep bool, err error) {
		if err := db.findTables(ctx, conn.Conn()); err != nil {
			return false, err
		}
		key, err = db.holdTrial(ctx, conn.Conn(), limit)
		held = conn
		return err == nil, err
	})
	if err != nil {
		return 0, nil, db.translate(ctx, "mark the switch as on trial", err)
	}
	return key, held.Release, nil // the pool closes a connection whose transaction is open
}

// holdTrial leaves its transaction open if it returns no error.
func (db *DB) holdTrial(ctx context.Context, conn *pgx.Conn, limit time.Duration) (key int64, err error) {
	tx, err := db.begin(ctx, conn, "begin isolation level read committed")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			db.rollback(ctx, tx)
		}
	}()
	var mark heldKey
	for try := 0; try < trialTries && !mark.Locked; try++ {
		got, err := collect(ctx, db, tx, "hold_trial", pgx.StrictNamedArgs{"class": trialLock, "seconds": limit.Seconds()},
			pgx.RowToStructByName[heldKey])
		if err != nil {
			return 0, err
		}
		mark = got[0]
	}
	if !mark.Locked {
		return 0, errs.New(errs.Refused, "other sessions hold every lock that would mark the trial",
			"an administrator sees in pg_locks which sessions hold advisory locks, and ends them")
	}
	marks, err := db.marks(ctx, tx, trialLock)
	if err != nil {
		return 0, err
	}
	for _, m := range marks {
		if m.Key != mark.Key && m.Forbids() != nil {
			return 0, m.Forbids()
		}
	}
	_, err = collect(ctx, db, tx, "limit_trial", pgx.StrictNamedArgs{
		"idle":        strconv.FormatInt((limit + trialGrace).Milliseconds(), 10),
		"application": "uzerp-mfa trial until " + time.Unix(mark.Key, 0).UTC().Format(time.RFC3339),
	}, pgx.RowTo[string])
	return mark.Key, err
}

// marks returns the marks of all switches on trial, or of those that confirm one: first those whose time is not over, the
// longest first.
func (db *DB) marks(ctx context.Context, s session, class int64) ([]injector.Mark, error) {
	return collect(ctx, db, s, "look_for_trial", pgx.StrictNamedArgs{"class": class, "schema": schemaOf(s)}, toMark)
}

// OnTrial implements injector.Reader.
func (db *DB) OnTrial(ctx context.Context) (*injector.Mark, error) {
	var found *injector.Mark
	err := db.runOnTables(ctx, "look for a switch on trial", func(conn *pgx.Conn) error {
		marks, err := db.marks(ctx, conn, trialLock)
		if len(marks) > 0 {
			found = &marks[0]
		}
		return err
	})
	return found, err
}

// checkTrial returns why s must not be made now: another switch is on trial, or the mark of its own trial is gone.
func (db *DB) checkTrial(ctx context.Context, tx pgx.Tx, s injector.SwitchPlan) error {
	if s.Regardless {
		return nil
	}
	marks, err := db.marks(ctx, tx, trialLock)
	if err != nil {
		return err
	}
	own := s.Trial == 0
	for _, m := range marks {
		switch {
		case s.Trial != 0 && m.Key == s.Trial && !m.Over:
			own = true
		case m.Forbids() != nil:
			return m.Forbids()
		}
	}
	if !own {
		return errs.New(errs.Refused, "the process that would switch back has lost its session; nothing was switched", "run it again")
	}
	return nil
}

// Confirmed implements injector.Writer.
func (db *DB) Confirmed(ctx context.Context, key int64) (yes bool, err error) {
	err = db.runOnTables(ctx, "look whether the switch is confirmed", func(conn *pgx.Conn) error {
		marks, err := db.marks(ctx, conn, confirmLock)
		yes = slices.ContainsFunc(marks, func(m injector.Mark) bool { return m.Key == key })
		return err
	})
	return yes, err
}

// ConfirmTrial implements injector.Writer. It holds a lock, as HoldTrial does, until the mark of the trial is gone.
func (db *DB) ConfirmTrial(ctx context.Context, key int64) error {
	classes, err := db.InjectorClasses(ctx, injector.Names())
	if err != nil {
		return err
	}
	var held *pgxpool.Conn
	err = db.pool.lendFor(ctx, func(conn *pgxpool.Conn) (keep bool, err error) {
		if err := db.findTables(ctx, conn.Conn()); err != nil {
			return false, err
		}
		held = conn
		err = db.holdConfirmation(ctx, conn.Conn(), key)
		return err == nil, err
	})
	if err != nil {
		return db.translate(ctx, "confirm the switch", err)
	}
	defer held.Release() // the pool closes a connection whose transaction is open
	if err := db.awaitGuard(ctx, key); err != nil {
		return err
	}
	now, err := db.InjectorClasses(ctx, injector.Names())
	if err != nil {
		return &errs.Error{Kind: errs.KindOf(err), Op: "confirm the switch", Err: fmt.Errorf("%w: %w", err, errs.ErrLostReply), Hint: errs.HintOf(err)}
	}
	if !slices.Equal(classes, now) {
		return errs.New(errs.Refused, "the switch was taken back, or another one was made, before it could be confirmed", "")
	}
	return nil
}

// holdConfirmation leaves its transaction open if it returns no error.
func (db *DB) holdConfirmation(ctx context.Context, conn *pgx.Conn, key int64) (err error) {
	tx, err := db.begin(ctx, conn, "begin isolation level read committed")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			db.rollback(ctx, tx)
		}
	}()
	got, err := collect(ctx, db, tx, "hold_confirmation", pgx.StrictNamedArgs{"class": confirmLock, "key": key}, pgx.RowTo[bool])
	if err != nil {
		return err
	}
	if !got[0] {
		return errs.New(errs.Refused, "another session is about to confirm this trial", "look again in a moment")
	}
	_, err = collect(ctx, db, tx, "limit_trial", pgx.StrictNamedArgs{
		"idle": strconv.FormatInt((2 * confirmPatience).Milliseconds(), 10), "application": "uzerp-mfa confirms a trial",
	}, pgx.RowTo[string])
	return err
}

// awaitGuard waits until the mark with the key is gone.
func (db *DB) awaitGuard(ctx context.Context, key int64) error {
	const pause = 200 * time.Millisecond
	for begin := time.Now(); ; {
		mark, err := db.OnTrial(ctx)
		switch {
		case err == nil && (mark == nil || mark.Key != key):
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), errs.ErrLostReply)
		case time.Since(begin) > confirmPatience:
			return errs.New(errs.Unavailable, "the process that would switch back does not answer, so the switch is not confirmed",
				"answer the question at the terminal where the trial was begun")
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}
