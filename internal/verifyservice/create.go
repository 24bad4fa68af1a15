package verifyservice

import (
	"context"
	"errors"
	"fmt"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Request is a Verify service to be made.
type Request struct {
	FriendlyName string // what an SMS or a call says the code is for
	Issuer       string // what authenticator apps show beside the code
}

// Create makes a service. A signal does not end what is begun: an answer that is missed is a service that nobody
// knows of. It is never repeated: where the answer was lost it fails with errs.Failure, for it is not safe to run again.
func Create(ctx context.Context, services Creator, r Request) (Service, error) {
	if ctx.Err() != nil {
		return Service{}, ctx.Err()
	}
	making, cancel := mfa.Uninterrupted(ctx)
	defer cancel()
	made, err := services.CreateService(making, r.FriendlyName, r.Issuer)
	if errors.Is(err, errs.ErrLostReply) {
		return Service{}, &errs.Error{Kind: errs.Failure, Err: err, Hint: errs.Plain(fmt.Sprintf(
			"look in Twilio's console, under Verify, Services, for %q: if it is there, use its SID; running the command again would make another", r.FriendlyName))}
	}
	return made, err
}

// CheckNobodyEnrolled refuses (errs.Refused) to let uzERP use a new service while somebody is enrolled: their factors are in
// another one, so none of their codes would be accepted any more, whatever service uzERP uses now.
func CheckNobodyEnrolled(p mfa.Place) error {
	if p.Enrolled == 0 {
		return nil
	}
	return errs.NewWith(errs.Refused, fmt.Sprintf("%d of %d users of the database %q are enrolled: their factors are in another service, and with a new one they could not log in", p.Enrolled, p.Users, p.Database),
		ReasonUsersEnrolled.With())
}
