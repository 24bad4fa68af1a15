package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

// trialLock is the first key of the advisory lock that a switch on trial holds: "uzer" in ASCII. The second one is the
// end of the trial.
const trialLock int64 = 0x757a6572

// confirmLock is the first key of the advisory lock of a session that confirms a trial. The second one is the trial's.
const confirmLock = trialLock + 1

// keptLock is the first key of the advisory lock of a guard that leaves its switch, and has seen that somebody confirms it. The
// second one is the trial's.
const keptLock = trialLock + 2

// confirmPatience is how long the guard of a trial may take to answer a confirmation. It looks every second. Only tests
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
	release, err = db.keepOpen(ctx, func(tx *transaction) error {
		key, err = db.markTrial(ctx, tx, limit)
		return err
	})
	return key, release, db.translate(ctx, "mark the switch as on trial", err)
}

// keepOpen begins a transaction and leaves it open if hold returns no error. release rolls it back and waits until that is done,
// so that nobody meets its locks later; a second call does nothing.
func (db *DB) keepOpen(ctx context.Context, hold func(*transaction) error) (release func(), err error) {
	err = db.pool.lendFor(ctx, func(conn *pgxpool.Conn) (keep bool, err error) {
		if err := db.findTables(ctx, conn.Conn()); err != nil {
			return false, err
		}
		tx := &transaction{conn: conn.Conn(), start: begin}
		if err := hold(tx); err != nil {
			db.rollback(ctx, tx)
			return false, err
		}
		release = sync.OnceFunc(func() {
			db.rollback(ctx, tx)
			conn.Release()
		})
		return true, nil
	})
	return release, err
}

// markTrial takes the lock that marks a switch as on trial, and returns its key.
func (db *DB) markTrial(ctx context.Context, tx *transaction, limit time.Duration) (key int64, err error) {
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
func (db *DB) checkTrial(ctx context.Context, tx *transaction, s injector.SwitchPlan) error {
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
	return db.heldFor(ctx, "look whether the switch is confirmed", confirmLock, key)
}

// heldFor reports whether a session that could write the switch holds the lock of the class with the key.
func (db *DB) heldFor(ctx context.Context, op string, class, key int64) (yes bool, err error) {
	err = db.runOnTables(ctx, op, func(conn *pgx.Conn) error {
		marks, err := db.marks(ctx, conn, class)
		yes = slices.ContainsFunc(marks, func(m injector.Mark) bool { return m.Key == key })
		return err
	})
	return yes, err
}

// SignKept implements injector.Writer. The sign has a session of its own, so it stands even if that of the mark was ended.
func (db *DB) SignKept(ctx context.Context, key int64) (release func(), err error) {
	release, err = db.hold(ctx, keptLock, key, "uzerp-mfa keeps a switch")
	return release, db.translate(ctx, "say that the switch stays", err)
}

// ConfirmTrial implements injector.Writer. It holds a lock, as HoldTrial does, until the guard has answered.
func (db *DB) ConfirmTrial(ctx context.Context, key int64) error {
	classes, err := db.InjectorClasses(ctx, injector.Names())
	if err != nil {
		return err
	}
	release, err := db.hold(ctx, confirmLock, key, "uzerp-mfa confirms a trial")
	if err != nil {
		return db.translate(ctx, "confirm the switch", err)
	}
	defer release()
	return db.awaitGuard(ctx, key, classes)
}

// hold takes the lock of the class with the key, in a transaction that stays open until release is called.
func (db *DB) hold(ctx context.Context, class, key int64, application string) (release func(), err error) {
	return db.keepOpen(ctx, func(tx *transaction) error { return db.holdLock(ctx, tx, class, key, application) })
}

// holdLock takes the lock last. Others may see the lock at once, so nothing that could still fail comes after it.
func (db *DB) holdLock(ctx context.Context, tx *transaction, class, key int64, application string) error {
	_, err := collect(ctx, db, tx, "limit_trial", pgx.StrictNamedArgs{
		"idle": strconv.FormatInt((2 * confirmPatience).Milliseconds(), 10), "application": application,
	}, pgx.RowTo[string])
	if err != nil {
		return err
	}
	got, err := collect(ctx, db, tx, "hold_confirmation", pgx.StrictNamedArgs{"class": class, "key": key}, pgx.RowTo[bool])
	switch {
	case is[*pgconn.PgError](err):
		return err
	case err != nil:
		return notKnown(db.translate(ctx, "confirm the switch", err))
	case !got[0]:
		return errs.New(errs.Refused, "another session is about to confirm this trial", "look again in a moment")
	}
	return nil
}

// awaitGuard waits for the sign of the guard that the switch stays. That the mark of the trial is gone is no such sign: its
// session may have been ended, or the guard. classes are the rows that are confirmed.
func (db *DB) awaitGuard(ctx context.Context, key int64, classes []injector.Class) error {
	const pause = 200 * time.Millisecond
	for begin := time.Now(); ; {
		kept, err := db.heldFor(ctx, "look whether the switch stays", keptLock, key)
		if err == nil {
			var now []injector.Class
			now, err = db.InjectorClasses(ctx, injector.Names()) // after the look for the sign
			switch {
			case err == nil && !slices.Equal(classes, now):
				return errs.New(errs.Refused, "the switch was taken back, or another one was made, before it could be confirmed", "")
			case err == nil && kept:
				return nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return notKnown(ctx.Err())
		case time.Since(begin) > confirmPatience:
			return notKnown(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// notKnown returns the error of a confirmation that the guard has not answered. It may still see it, or have seen it. cause is
// why nothing could be seen, or nil.
func notKnown(cause error) error {
	err := fmt.Errorf("the process that would switch back has not said that the switch stays: %w", errs.ErrLostReply)
	kind := errs.Unavailable
	if cause != nil {
		err, kind = fmt.Errorf("%w (%w)", err, cause), errs.KindOf(cause)
	}
	return &errs.Error{Kind: kind, Op: "confirm the switch", Err: err, Hint: injector.ReasonNotKnownKept.With()}
}
