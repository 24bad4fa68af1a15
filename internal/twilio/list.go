package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

const (
	pageSize = 100 // as many TOTP factors as an entity may have (§0.9), so one page is usually enough
	maxPages = 50
)

// ListFactors returns the TOTP factors of an identity in the order of creation, and none if Twilio doesn't know the
// entity. twilio-go's own List and Stream are not used: they follow next_page_url to any host and leak a goroutine
// (§3.2).
func (c *Client) ListFactors(ctx context.Context, identity string) ([]mfa.Factor, error) {
	o := c.begin(ctx, "list the factors", verifyservice.MayListFactors)
	if err := o.check(validIdentity(identity)); err != nil {
		return nil, err
	}
	page, err := o.api().PageFactor(c.service, identity, (&verify.ListFactorParams{}).SetPageSize(pageSize), "", "")
	if err != nil {
		gone, err := o.failed(err)
		if gone {
			return nil, nil
		}
		return nil, err
	}
	var all []mfa.Factor
	err = readPages(o, page, "/v2/Services/"+c.service+"/Entities/"+identity+"/Factors", maxPages, func(p *verify.ListFactorResponse) (*string, error) {
		got, err := (owner{c.service, identity}).factors(p)
		all = append(all, got...)
		return p.Meta.NextPageUrl, err
	})
	if err != nil {
		return nil, err
	}
	return inOrder(all), nil
}

// readPages reads the list at path from its first page to its end. take checks a page and returns its next_page_url.
// A list that can't be read to its end is an error.
func readPages[P any](o *call, page *P, path string, limit int, take func(*P) (*string, error)) error {
	for read := map[string]bool{}; ; {
		url, err := take(page)
		if err != nil {
			return o.distrust(err)
		}
		next := text(url)
		if next == "" {
			return nil
		}
		if read[next] || len(read) == limit {
			return o.distrust(errors.New("leads in a circle"))
		}
		read[next] = true
		if page, err = nextPage[P](o, next, path); err != nil {
			return err
		}
	}
}

// factors checks one page and returns its TOTP factors.
func (w owner) factors(page *verify.ListFactorResponse) ([]mfa.Factor, error) {
	// Otherwise {} would be taken for an empty list.
	if page.Factors == nil || page.Meta.Key != "factors" {
		return nil, errors.New("is not a list of factors")
	}
	var all []mfa.Factor
	for i := range page.Factors {
		f := &page.Factors[i]
		if f.FactorType != nil && *f.FactorType != typeTOTP {
			continue
		}
		got, err := w.factor(f, "")
		if err != nil {
			return nil, err
		}
		all = append(all, got)
	}
	return all, nil
}

// inOrder sorts factors by creation, because Twilio promises no order (§7), and removes duplicates: if a factor is made
// while the list is read, the pages shift and another factor comes twice.
func inOrder(all []mfa.Factor) []mfa.Factor {
	slices.SortStableFunc(all, func(a, b mfa.Factor) int { return a.Created.Compare(b.Created) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(f mfa.Factor) bool {
		twice := seen[f.SID]
		seen[f.SID] = true
		return twice
	})
}

// nextPage reads a further page of the list at path. It refuses a next_page_url that points anywhere else.
func nextPage[P any](o *call, next, path string) (*P, error) {
	u, ok := apiURL(next)
	if !ok || u.Path != path {
		return nil, o.distrust(errors.New("has a next page that is not part of the list"))
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, o.distrust(errors.New("has a next page that is not part of the list"))
	}
	resp, err := o.SendRequest(http.MethodGet, "https://"+apiHost+path, query, nil)
	if err != nil {
		err = o.fail(err)
		if notFound(err) {
			return nil, o.distrust(errors.New("has a next page that does not exist"))
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	page := new(P)
	if err := json.NewDecoder(resp.Body).Decode(page); err != nil {
		return nil, o.fail(err)
	}
	return page, nil
}
