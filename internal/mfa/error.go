package mfa

import "errors"

// Kind says what an error means to the person or script that ran the command. Adapters choose it where the
// error arises; cmd/exit.go alone turns it into an exit code.
type Kind int

const (
	KindFailure      Kind = iota // anything unclassified
	KindUsage                    // a bad flag or argument, or nobody there to confirm
	KindPartial                  // of several users some failed
	KindConfig                   // settings or credentials missing, unreadable or rejected
	KindNotFound                 // no such user, factor or service
	KindRefused                  // the present state forbids it
	KindUnavailable              // the database or Twilio did not answer; safe to run again
	KindDeclined                 // answered no at the prompt
	KindFindings                 // a check ran and found problems
	KindCodeRejected             // the one-time code is wrong, too old or used up
	KindInterrupted              // Ctrl-C or SIGTERM
)

// Error is the one error type of this program. Its text is lower case, has no full stop and holds no secret.
type Error struct {
	Kind Kind
	Op   string // what was being done, for example "fetch the Verify service"; may be empty
	Hint string // the useful next step, a command where there is one; may be empty
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

// NewError makes an error of kind k with a plain message and a hint, either of which may be empty.
func NewError(k Kind, message, hint string) *Error {
	return &Error{Kind: k, Err: errors.New(message), Hint: hint}
}

// KindOf gives the kind of the outermost *Error in err's chain, and KindFailure where there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindFailure
}

// HintOf gives the hint of the outermost *Error in err's chain that has one.
func HintOf(err error) string {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if e.Hint != "" {
			return e.Hint
		}
	}
	return ""
}

// ErrChanged is in the chain of the error that a compare-and-set gives when the row is no longer what was read.
var ErrChanged = errors.New("changed meanwhile by somebody else")

// ErrLostReply is in the chain of the error of a changing call that was sent and whose answer never came or made
// no sense: it may or may not have taken effect.
var ErrLostReply = errors.New("no usable answer; it may have taken effect")

// ErrAttemptsUsedUp is in the chain of the error for a factor or challenge that takes no more codes.
var ErrAttemptsUsedUp = errors.New("no more attempts")

// ErrNoService is in the chain of an error of KindNotFound that means the whole Verify service and not one factor in it.
var ErrNoService = errors.New("no such Verify service")

// ErrNoVerification is in the chain of an error of KindNotFound that means: no code is waiting for this number. It was
// accepted already, or it expired, or it was given up after five wrong answers, or none was sent.
var ErrNoVerification = errors.New("no code is waiting for this number")

// factorGone tells whether err means that Twilio answered and has no such factor.
func factorGone(err error) bool {
	return err != nil && KindOf(err) == KindNotFound && !errors.Is(err, ErrNoService)
}
