package twilio

import (
	"context"
	"errors"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/sidform"
)

const (
	entityPageSize = 500  // Twilio takes up to 1000 (§1); so many of some 1 KB stay far below maxBody
	maxEntityPages = 4000 // two million entities: a list that is longer never ends
)

// ListEntities gives every entity of the service, each once, in no promised order. The list comes whole or not at all;
// but Twilio does not promise that an entity made or deleted meanwhile shifts no other from one page to the next, so that
// one is missing here is no proof that it is gone.
func (c *Client) ListEntities(ctx context.Context) ([]mfa.Entity, error) {
	o := c.begin(ctx, "list the entities")
	page, err := o.api().PageEntity(c.service, (&verify.ListEntityParams{}).SetPageSize(entityPageSize), "", "")
	if err != nil {
		gone, err := o.failed(err)
		if gone { // the service is there, so its list of entities is too
			return nil, o.distrust("knows the service but not its entities")
		}
		return nil, err
	}
	var all []mfa.Entity
	seen := map[string]bool{}
	err = readPages(o, page, "/v2/Services/"+c.service+"/Entities", maxEntityPages, func(p *verify.ListEntityResponse) (*string, error) {
		// {} would otherwise pass for a list of none.
		if p.Entities == nil || p.Meta.Key != "entities" {
			return nil, errors.New("is not a list of entities")
		}
		for i := range p.Entities {
			e, err := c.entity(&p.Entities[i])
			if err != nil {
				return nil, err
			}
			if !seen[e.SID] {
				seen[e.SID] = true
				all = append(all, e)
			}
		}
		return p.Meta.NextPageUrl, nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// entity checks one entity of the list. Its identity may have any form: another application may have made it.
func (c *Client) entity(e *verify.VerifyV2Entity) (mfa.Entity, error) {
	got := mfa.Entity{SID: text(e.Sid), Identity: text(e.Identity)}
	switch {
	case text(e.ServiceSid) != c.service:
		return mfa.Entity{}, errors.New("names another service")
	case !sidform.Entity.Valid(got.SID):
		return mfa.Entity{}, errors.New("has no valid entity SID")
	case got.Identity == "":
		return mfa.Entity{}, errors.New("has an entity without identity")
	}
	if e.DateCreated != nil {
		got.Created = e.DateCreated.UTC()
	}
	return got, nil
}
