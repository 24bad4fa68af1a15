// Package trial makes a switch of the login handler that is taken back unless somebody confirms that a login works.
//
// Its law: a switch is taken back without anybody's help. Another process, the guard, does that. It is started before
// anything is switched, has its own session, and is connected to the database already. It switches back when its
// standard input ends or the time is over, even if the terminal, the connection or the process that started it is
// gone. Only the word keep on its standard input stops it.
//
// A session of the database that could write the switch too can confirm it. The guard then asks the process that started it,
// because its operator may just have said no. When the answer is keep, it first says kept to that process, and then signs in
// the database. So each end has heard that the switch stays only if nobody takes it back any more, whatever dies when.
//
// The guard believes nobody. It reads the rows and plans the switch itself, with the same checks, and what it takes back
// is only what it has read itself. Both processes run on one machine: if that machine is gone, nobody takes the switch
// back, but nothing stands in the way of another switch either, once the time is over.
package trial

import (
	"context"
	"time"

	"uzerp-mfa/internal/injector"
)

// Store is what both processes need of uzERP's database. injector.Writer implements it.
type Store interface {
	InjectorClasses(ctx context.Context, names []string) ([]injector.Class, error)
	ApplySwitch(ctx context.Context, names []string, s injector.SwitchPlan) error
}

// GuardStore is what the guard needs of uzERP's database.
type GuardStore interface {
	Store
	SettledClasses(ctx context.Context, names []string) ([]injector.Class, error)
	HoldTrial(ctx context.Context, limit time.Duration) (key int64, release func(), err error)
	Confirmed(ctx context.Context, key int64) (bool, error)
	SignKept(ctx context.Context, key int64) (release func(), err error)
}

// MaxLimit is how long a trial may last.
const MaxLimit = 12 * time.Hour

// The words that the two processes send to each other, each as a line.
const (
	wordReady     = "ready"     // guard: connected, waiting; the key of its mark follows
	wordSwitching = "switching" // to the guard: from now on there may be something to take back
	wordKeep      = "keep"      // to the guard: a login works
	wordKept      = "kept"      // guard: the switch stays
	wordUndone    = "undone"    // guard: switched back
	wordConfirmed = "confirmed" // guard: somebody confirms the switch in the database; it waits for keep, or the end of its input
)

// guardPatience is how long to wait for a word from the guard. Only tests change it.
var guardPatience = 30 * time.Second

// askPatience is how long a question on a terminal may take to end once it is not asked any more. Only tests change it.
var askPatience = 5 * time.Second

const (
	confirmPoll = time.Second      // how often the guard looks whether somebody has confirmed the switch
	signLimit   = 30 * time.Second // how long the guard's sign may stand; the session that confirms needs a moment to see it
	undoRetry   = 2 * time.Second
	undoAttempt = 30 * time.Second // for one attempt: a connection that broke in silence must not stop the next
	undoLimit   = 24 * time.Hour
)
