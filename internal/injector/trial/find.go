package trial

import (
	"context"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

// Find returns the mark of the switch that is on trial, and the rows as they are now. Its error is of errs.Refused if none is, if
// its time is over, or if nothing is switched yet.
func Find(ctx context.Context, store injector.Reader) (injector.Mark, []injector.Class, error) {
	mark, err := store.OnTrial(ctx)
	switch {
	case err != nil:
		return injector.Mark{}, nil, err
	case mark == nil:
		return injector.Mark{}, nil, errs.NewWith(errs.Refused, "no switch is on trial: it is confirmed already, or taken back", ReasonNoTrial.With())
	case mark.Over:
		return injector.Mark{}, nil, errs.NewWith(errs.Refused, "the time of the trial is over: "+mark.String(), ReasonNoTrial.With())
	}
	classes, err := store.InjectorClasses(ctx, injector.Names())
	if err == nil && injector.IsOff(classes) {
		err = errs.NewWith(errs.Refused, "two-factor login is off: the switch on trial is not made yet, or was taken back", ReasonNoTrial.With())
	}
	return *mark, classes, err
}
