package twilio

import (
	"context"
	"errors"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/sidform"
	"uzerp-mfa/internal/verifyservice"
)

const (
	entityPageSize = 500  // Twilio allows 1000 (§1); 500 of some 1 KB each stay far below maxBody
	maxEntityPages = 4000 // two million entities: a longer list is taken for one that never ends
)

// ListEntities returns every entity of the service once, in no particular order. It returns the whole list or an error.
// But an entity may still be missing from the list: if others are made or deleted while the list is read, it may move
// from one page to another. So an entity that is missing here need not be gone.
func (c *Client) ListEntities(ctx context.Context) ([]mfa.Entity, error) {
	o := c.begin(ctx, "list the entities", verifyservice.MayListEntities)
	page, err := o.api().PageEntity(c.service, (&verify.ListEntityParams{}).SetPageSize(entityPageSize), "", "")
	if err != nil {
		gone, err := o.failed(err)
		if gone { // the service exists, so its list of entities must exist, too
			return nil, o.distrust(errors.New("knows the service but not its entities"))
		}
		return nil, err
	}
	var all []mfa.Entity
	seen := map[string]bool{}
	err = readPages(o, page, "/v2/Services/"+c.service+"/Entities", maxEntityPages, func(p *verify.ListEntityResponse) (*string, error) {
		// Otherwise {} would be taken for an empty list.
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

// entity checks one entity of the list. Its identity may have any form, because another application may have made it.
func (c *Client) entity(e *verify.VerifyV2Entity) (mfa.Entity, error) {
	got := mfa.Entity{SID: text(e.Sid), Identity: text(e.Identity)}
	switch {
	case text(e.ServiceSid) != c.service:
		return mfa.Entity{}, elsewhere("service", sidform.Service, e.ServiceSid)
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
