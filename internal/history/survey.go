package history

import (
	"fmt"

	"uzerp-mfa/internal/errs"
)

// Survey says of many users of whom somebody else may have the password.
type Survey struct {
	Asked   int       // how many users there are
	Found   []History // those of whom somebody may have the password
	Early   int       // how many more may be so in some minutes
	Unknown []History // those about whom Twilio could not be asked: nobody knows whether all is well
	err     error     // why, of one of them
}

// NewSurvey goes through the histories.
func NewSurvey(all []History) Survey {
	s := Survey{Asked: len(all)}
	for _, h := range all {
		switch found := h.Suspect(); {
		case found != nil && !found.TooEarly:
			s.Found = append(s.Found, h)
		case found != nil:
			s.Early++
		}
		if twilio := h.Source(FromTwilio); !twilio.Read() {
			s.Unknown = append(s.Unknown, h)
			if s.err == nil || errs.KindOf(twilio.Err) == errs.Unavailable && errs.KindOf(s.err) != errs.Unavailable {
				s.err = twilio.Err
			}
		}
	}
	return s
}

// Outcome returns an error of errs.Findings if somebody was found, or else the error because of which not all could be asked
// about: that is never an all-clear. It is nil only if all is well.
func (s Survey) Outcome() error {
	unasked := fmt.Sprintf("Twilio could not be asked about %d of %s", len(s.Unknown), users(s.Asked))
	switch {
	case len(s.Found) > 0:
		message := "somebody else may have the password of " + users(len(s.Found))
		if len(s.Unknown) > 0 {
			message += "; and " + unasked
		}
		return errs.NewWith(errs.Findings, message, ReasonSuspicious.With())
	case len(s.Unknown) > 0:
		return &errs.Error{Kind: errs.KindOf(s.err), Op: unasked + ", so nobody knows whether all is well", Err: s.err, Hint: errs.HintOf(s.err)}
	}
	return nil
}

func users(n int) string {
	if n == 1 {
		return "1 user"
	}
	return fmt.Sprintf("%d users", n)
}

// Outcome returns the error that a look at these histories ends with after all was shown: a server did not answer, or no source
// at all could be read.
func Outcome(all []History) error {
	for _, h := range all {
		if err := h.Failure(); err != nil {
			return &errs.Error{Kind: errs.KindOf(err), Op: "the history is not complete", Err: err, Hint: errs.HintOf(err)}
		}
	}
	for _, h := range all {
		for _, c := range h.Coverage {
			if c.Err != nil && !h.Readable() {
				return &errs.Error{Kind: errs.KindOf(c.Err), Op: "no source could be read", Err: c.Err, Hint: errs.HintOf(c.Err)}
			}
		}
	}
	return nil
}
