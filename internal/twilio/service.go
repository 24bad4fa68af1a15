package twilio

import (
	"context"
	"errors"

	"uzerp-mfa/internal/mfa"
)

// FetchService gives the Verify service; KindNotFound if there is none, or none that these credentials may see.
func (c *Client) FetchService(ctx context.Context) (mfa.VerifyService, error) {
	o := c.begin(ctx, "fetch the Verify service")
	got, err := o.api().FetchService(c.service)
	if err != nil {
		if f, ok := errors.AsType[*fault](err); ok && f.kind == mfa.KindNotFound {
			f.words = "no such Verify service"
			f.causes = append(f.causes, mfa.ErrNoService)
			f.hint = "check TWILIO_SERVICE_SID, and that it belongs to the account of " + c.credentials
		}
		return mfa.VerifyService{}, o.fail(err)
	}
	if text(got.Sid) != c.service {
		return mfa.VerifyService{}, o.distrust("names another service")
	}
	var totp struct {
		Issuer *string `json:"issuer"`
	}
	if remarshal(got.Totp, &totp) != nil {
		return mfa.VerifyService{}, o.distrust("has TOTP settings of another shape than documented")
	}
	c.proven.Store(true)
	return mfa.VerifyService{SID: c.service, FriendlyName: text(got.FriendlyName), Issuer: text(totp.Issuer)}, nil
}

// failed is the error of a call about an entity or a factor, and whether that is gone. A "not found" stands only if
// the service itself can be fetched: Twilio gives the same 404 and code 20404 for an unknown entity as for a
// service SID with a typing error, and callers change things because something was not found.
func (o *call) failed(err error) (gone bool, _ error) {
	if err = o.fail(err); !notFound(err) {
		return false, err
	}
	if unproven := o.c.prove(o.ctx); unproven != nil {
		return false, unproven
	}
	return true, err
}

// prove fetches the service once in the client's life.
func (c *Client) prove(ctx context.Context) error {
	if c.proven.Load() {
		return nil
	}
	select {
	case c.proving <- struct{}{}:
		defer func() { <-c.proving }()
	case <-ctx.Done():
		return c.begin(ctx, "fetch the Verify service").fail(stopped(ctx))
	}
	if c.proven.Load() {
		return nil
	}
	_, err := c.FetchService(ctx)
	return err
}
