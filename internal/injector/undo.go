package injector

import (
	"slices"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
)

// PlanUndo returns the plan that takes back a switch. classes are all rows of Names, as they are now.
//
// It does not touch a row that somebody has changed since the switch, and none at all if the login handler is no longer
// the one that was switched to: then somebody has decided meanwhile. A row that the switch added stays, because the old
// handler does not use it, and our role may not delete rows. If the authentication gateway has become one that could let
// anybody in, the error is of errs.Refused, as for every other switch.
func PlanUndo(classes []Class, made SwitchPlan) (SwitchPlan, error) {
	s := SwitchPlan{Was: classes, Regardless: true}
	for _, m := range made.Changes {
		switch asMade := slices.ContainsFunc(classes, func(c Class) bool { return c.ID == m.ID && c.Name == m.Name && c.ClassName == m.After }); {
		case m.ID == 0:
		case asMade:
			s.Changes = append(s.Changes, ClassChange{ID: m.ID, Name: m.Name, Before: m.After, After: m.Before})
		case m.Name == LoginHandler:
			return SwitchPlan{Was: classes, Regardless: true}, nil
		}
	}
	gateway := checkGateway(s.active(AuthenticationGateway), made.Current(AuthenticationGateway))
	if s.Needed() && gateway.Severity == finding.Error {
		return SwitchPlan{}, errs.NewWith(errs.Refused, "not switched back: "+gateway.Message, gateway.Fix)
	}
	return s, nil
}
