package sandbox

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Phones are the emulated phones of a sandbox's users.
type Phones struct{ address string }

// FindPhones returns the phones of the emulator at address. It fails with errs.Config if address is not on loopback, so
// that no request goes to another machine.
func FindPhones(address string) (Phones, error) {
	if !strings.HasPrefix(address, "http://127.0.0.1:") {
		return Phones{}, errNoSandbox()
	}
	return Phones{address: strings.TrimSuffix(address, "/") + emulator.ControlPrefix}, nil
}

func errNoSandbox() error {
	return errs.NewWith(errs.Config, "there is no sandbox here", ReasonNotInside.With())
}

// Code returns the code that the authenticator app of a user shows now. It fails with errs.NotFound if no app has an
// account of that name.
func (p Phones) Code(ctx context.Context, username string) (string, error) {
	return p.ask(ctx, "code?"+url.Values{"account": {mfa.FriendlyName(username)}}.Encode(),
		errs.NewWith(errs.NotFound, fmt.Sprintf("the app has no account %q", username), ReasonNoAccount.With(username)))
}

// Message returns the code of the last text message or call to a number. It fails with errs.NotFound if there was none.
func (p Phones) Message(ctx context.Context, to caller.Phone) (string, error) {
	return p.ask(ctx, "message?"+url.Values{"to": {to.E164.Reveal()}}.Encode(),
		errs.NewWith(errs.NotFound, "no code was sent to "+to.Masked, ReasonNoMessage.With()))
}

func (p Phones) ask(ctx context.Context, what string, notFound error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.address+what, nil)
	if err != nil {
		return "", errNoSandbox()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", errNoSandbox()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	switch {
	case err != nil || response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound:
		return "", errNoSandbox()
	case response.StatusCode == http.StatusNotFound:
		return "", notFound
	}
	return strings.TrimSpace(string(body)), nil
}
