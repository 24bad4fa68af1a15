// Package errs has the one error type of this program.
//
// Its law: it imports no other package of this program. An error gets its kind where it arises, and only cmd/exit.go
// turns the kind into an exit code. No code looks at the text of an error to find out what it is. A hint that names a
// command of this program has a Reason instead of a text: cmd/hints.go has the text.
package errs

import "errors"

// Kind says what an error means to the person or script that ran the command (docs/exit-codes.md).
type Kind int

const (
	Failure      Kind = iota // anything unclassified
	Usage                    // a bad flag or argument, or nobody could be asked to confirm
	Partial                  // some of several users failed
	Config                   // settings or credentials missing, unreadable or rejected
	NotFound                 // no such user, factor or service
	Refused                  // the present state forbids it
	Unavailable              // the database or Twilio did not answer; safe to run again
	Declined                 // the answer at the prompt was no
	Findings                 // a check ran and found problems
	CodeRejected             // the one-time code is wrong, too old or used up
	Interrupted              // Ctrl-C or SIGTERM
)

// Error is the one error type of this program. Its text begins in lower case, has no full stop and holds no secret.
type Error struct {
	Kind Kind
	Op   string // what was being done, for example "fetch the Verify service"; may be empty
	Hint Hint   // what to do next; may be empty
	Err  error  // never the error of a parser that quotes its input
}

// Error returns "op: cause".
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

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind k with a message and a plain hint. Either may be empty.
func New(k Kind, message, hint string) *Error { return NewWith(k, message, Plain(hint)) }

// NewWith is New with any hint.
func NewWith(k Kind, message string, hint Hint) *Error {
	return &Error{Kind: k, Err: errors.New(message), Hint: hint}
}

// KindOf returns the kind of the outermost *Error in err's chain, or Failure if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Failure
}

// HintOf returns the hint of the outermost *Error in err's chain that has one, or an empty hint.
func HintOf(err error) Hint {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if !e.Hint.Empty() {
			return e.Hint
		}
	}
	return Hint{}
}

// ErrChanged is in the chain of the error of a compare-and-set if the row is no longer as it was read.
var ErrChanged = errors.New("changed meanwhile by somebody else")

// ErrLostReply is in the chain of the error of a call that changes something, if the call was sent and its answer never
// came or made no sense. Nobody knows then whether the change was made.
var ErrLostReply = errors.New("no usable answer; it may have taken effect")
