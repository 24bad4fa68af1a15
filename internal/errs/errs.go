// Package errs has the one error type of this program.
//
// Its law: it imports nobody. An error gets its kind where it arises; only cmd/exit.go makes an exit code of it; nobody
// tells errors apart by their text. A hint that names a command of this program has a Reason instead of a text:
// cmd/hints.go has the text.
package errs

import "errors"

// Kind says what an error means to the person or script that ran the command. Adapters choose it where the
// error arises; cmd/exit.go alone turns it into an exit code.
type Kind int

const (
	Failure      Kind = iota // anything unclassified
	Usage                    // a bad flag or argument, or nobody there to confirm
	Partial                  // of several users some failed
	Config                   // settings or credentials missing, unreadable or rejected
	NotFound                 // no such user, factor or service
	Refused                  // the present state forbids it
	Unavailable              // the database or Twilio did not answer; safe to run again
	Declined                 // answered no at the prompt
	Findings                 // a check ran and found problems
	CodeRejected             // the one-time code is wrong, too old or used up
	Interrupted              // Ctrl-C or SIGTERM
)

// Error is the one error type of this program. Its text is lower case, has no full stop and holds no secret.
type Error struct {
	Kind Kind
	Op   string // what was being done, for example "fetch the Verify service"; may be empty
	Hint Hint   // the useful next step; may be empty
	Err  error  // never the error of a parser that quotes its input
}

// Error gives "op: cause".
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Op
	case e.Op == "":
		return e.Err.Error()
	default:
		return e.Op + ": " + e.Err.Error()
	}
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind k with a message and a plain hint, either of which may be empty.
func New(k Kind, message, hint string) *Error { return NewWith(k, message, Plain(hint)) }

// NewWith is New with any hint.
func NewWith(k Kind, message string, hint Hint) *Error {
	return &Error{Kind: k, Err: errors.New(message), Hint: hint}
}

// KindOf gives the kind of the outermost *Error in err's chain, and Failure where there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Failure
}

// HintOf returns the hint of the outermost *Error in err's chain that has one.
func HintOf(err error) Hint {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if !e.Hint.Empty() {
			return e.Hint
		}
	}
	return Hint{}
}

// ErrChanged is in the chain of the error that a compare-and-set gives when the row is no longer what was read.
var ErrChanged = errors.New("changed meanwhile by somebody else")

// ErrLostReply is in the chain of the error of a changing call that was sent and whose answer never came or made
// no sense: it may or may not have taken effect.
var ErrLostReply = errors.New("no usable answer; it may have taken effect")
