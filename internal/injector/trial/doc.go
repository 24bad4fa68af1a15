// Package trial makes a switch of the login handler that is taken back unless somebody confirms that a login works.
//
// Its law: a switch is taken back without anybody's help. Another process, the guard, does that. It is started before
// anything is switched, has its own session, and is connected to the database already. It switches back when its
// standard input ends or the time is over, even if the terminal, the connection or the process that started it is
// gone. Only the word keep on its standard input stops it.
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
	HoldTrial(ctx context.Context) (release func(), err error)
}

// The words that the two processes send to each other, each as a line. Before these the guard gets its order.
const (
	wordReady  = "ready"  // guard: connected, waiting
	wordKeep   = "keep"   // to the guard: a login works
	wordKept   = "kept"   // guard: the switch stays
	wordUndone = "undone" // guard: switched back
)

// guardPatience is how long to wait for a word from the guard. Only tests change it.
var guardPatience = 30 * time.Second

const (
	undoRetry = 2 * time.Second
	undoLimit = 24 * time.Hour
)

// order is the first line that the guard gets, as JSON.
type order struct {
	Changes []injector.ClassChange `json:"changes"`
	Seconds float64                `json:"seconds"`
}
