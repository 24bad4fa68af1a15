package twilio

import (
	"context"
	"errors"
	"slices"
	"sync"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// What an API key may do can't be read (§9). So a call is made for something that does not exist: Twilio answers "not found" to
// those who may make it, and 70051 to others.

// SIDs that nothing has: Twilio makes them at random. Nobody has the identity either.
const (
	noFactor = "YF00000000000000000000000000000000"
	noCode   = "VE00000000000000000000000000000000"
	nobody   = "00000000-0000-0000-0000-000000000000"
)

// tryOut is a call for something that does not exist, to see whether the credentials may make it.
type tryOut struct {
	op   string // for errors
	call func(o *call, identity string) error
}

// tryOuts has how each permission is tried. What makes something new, or bills, can't be tried without doing it.
var tryOuts = map[verifyservice.Permission]tryOut{
	verifyservice.MayDeleteFactor: {"ask whether factors may be deleted", func(o *call, identity string) error {
		return o.api().DeleteFactor(o.c.service, identity, noFactor)
	}},
	verifyservice.MayUpdateFactor: {"ask whether factors may be verified", func(o *call, identity string) error {
		_, err := o.api().UpdateFactor(o.c.service, identity, noFactor, (&verify.UpdateFactorParams{}).SetAuthPayload("000000"))
		return err
	}},
	verifyservice.MayCheckVerification: {"ask whether codes that were sent may be checked", func(o *call, _ string) error {
		_, err := o.api().CreateVerificationCheck(o.c.service, (&verify.CreateVerificationCheckParams{}).SetVerificationSid(noCode).SetCode("000000"))
		return err
	}},

	// These only read.
	verifyservice.MayReadVerification: {"ask whether codes that were sent may be looked at", func(o *call, _ string) error {
		_, err := o.api().FetchVerification(o.c.service, noCode)
		return err
	}},
	verifyservice.MayListEntities: {"ask whether the entities may be listed", func(o *call, _ string) error {
		_, err := o.api().PageEntity(o.c.service, (&verify.ListEntityParams{}).SetPageSize(1), "", "")
		return err
	}},
	verifyservice.MayListFactors: {"ask whether factors may be listed", func(o *call, identity string) error {
		_, err := o.api().PageFactor(o.c.service, identity, (&verify.ListFactorParams{}).SetPageSize(1), "", "")
		return err
	}},
	verifyservice.MayReadFactor: {"ask whether factors may be fetched", func(o *call, identity string) error {
		_, err := o.api().FetchFactor(o.c.service, identity, noFactor)
		return err
	}},
	verifyservice.MayListChallenges: {"ask whether challenges may be listed", func(o *call, identity string) error {
		_, err := o.api().PageChallenge(o.c.service, identity, (&verify.ListChallengeParams{}).SetPageSize(1), "", "")
		return err
	}},
}

// Allowed asks whether the credentials may verify and delete factors of this identity, as far as the calls name it. Nothing is
// asked if the credentials are the account's own, which may do everything.
//
// It fails with mfa.ErrNotPermitted. Another error than "not found" says nothing about permissions, and is returned too.
func (c *Client) Allowed(ctx context.Context, identity string, calls ...mfa.FactorCall) error {
	for _, wanted := range calls {
		permission := verifyservice.MayUpdateFactor
		if wanted == mfa.CallDelete {
			permission = verifyservice.MayDeleteFactor
		}
		if err := c.may(ctx, permission, identity); err != nil {
			return err
		}
	}
	return nil
}

// MayCheck implements caller.Verifications, in the way of Allowed.
func (c *Client) MayCheck(ctx context.Context) error {
	err := c.may(ctx, verifyservice.MayReadVerification, nobody)
	if err == nil {
		err = c.may(ctx, verifyservice.MayCheckVerification, nobody)
	}
	return err
}

// may asks once in the client's life whether the credentials have a permission.
func (c *Client) may(ctx context.Context, permission verifyservice.Permission, identity string) error {
	if _, known := c.allowed.Load(permission); known || !c.isKey {
		return nil
	}
	try := tryOuts[permission]
	o := c.begin(ctx, try.op, permission)
	o.idle = true
	err := o.check(validIdentity(identity))
	if err == nil {
		err = try.call(o, identity)
	}
	if _, ours := errors.AsType[*errs.Error](err); err != nil && !ours {
		err = o.fail(err)
	}
	if err != nil && !notFound(err) {
		return err
	}
	c.allowed.Store(permission, true)
	return nil
}

// looks are the permissions that reading shows, beside that for the service.
var looks = []verifyservice.Permission{verifyservice.MayListEntities, verifyservice.MayListFactors, verifyservice.MayReadFactor,
	verifyservice.MayListChallenges, verifyservice.MayReadVerification}

// Access asks what the credentials may do, and only reads. It is for an API key whose service could be fetched. What only a change
// shows stays unknown.
func (c *Client) Access(ctx context.Context) (verifyservice.Access, error) {
	answers := make([]error, len(looks))
	var all sync.WaitGroup
	for i, p := range looks {
		all.Go(func() { answers[i] = c.may(ctx, p, nobody) })
	}
	all.Wait()
	access := verifyservice.Access{Has: []verifyservice.Permission{verifyservice.MayReadService}}
	for i, err := range answers {
		switch {
		case err == nil:
			access.Has = append(access.Has, looks[i])
		case errors.Is(err, mfa.ErrNotPermitted):
			access.Lacks = append(access.Lacks, looks[i])
		default:
			return verifyservice.Access{}, err
		}
	}
	for _, p := range verifyservice.Permissions() {
		if p != verifyservice.MayReadService && !slices.Contains(looks, p) {
			access.Unknown = append(access.Unknown, p)
		}
	}
	return access, nil
}
