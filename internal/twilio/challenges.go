package twilio

import (
	"context"
	"errors"
	"iter"
	"time"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

const (
	challengePageSize = 100
	maxChallengePages = 100 // Twilio takes 100 codes a day for a factor (§1.3): a longer list is taken for one that never ends
)

// The times that a challenge can have: TOTP came to Verify in 2021, and Twilio's clock may be ahead of its last answer.
var firstChallenge = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	maxAhead = 24 * time.Hour
	disorder = time.Minute // how far two neighbours of the list may be out of order
)

// Challenges returns the challenges of an identity, newest first: of one factor, or of all of them if factorSID is empty. A
// page is asked for only when the loop needs it, because Twilio has no filter for dates (§8): leave the loop when they are
// old enough. There are none if Twilio doesn't know the entity. How long Twilio keeps them is not known.
//
// An error ends the list and comes last; what came before it is true. It is mfa.ErrNotPermitted if the credentials may do
// other things, but not this.
func (c *Client) Challenges(ctx context.Context, identity, factorSID string) iter.Seq2[mfa.Challenge, error] {
	return func(yield func(mfa.Challenge, error) bool) {
		o := c.begin(ctx, "list the challenges", verifyservice.MayListChallenges)
		if err := c.listChallenges(o, identity, factorSID, func(ch mfa.Challenge) bool { return yield(ch, nil) }); err != nil {
			yield(mfa.Challenge{}, err)
		}
	}
}

// listChallenges calls yield for each challenge until that returns false.
func (c *Client) listChallenges(o *call, identity, factorSID string, yield func(mfa.Challenge) bool) error {
	params := (&verify.ListChallengeParams{}).SetOrder("desc").SetPageSize(challengePageSize)
	problems := []string{validIdentity(identity)}
	if factorSID != "" {
		problems = append(problems, validFactor(factorSID))
		params.SetFactorSid(factorSID)
	}
	if err := o.check(problems...); err != nil {
		return err
	}
	page, err := o.api().PageChallenge(c.service, identity, params, "", "")
	if err != nil {
		gone, err := o.failed(err)
		if gone {
			return nil
		}
		return err
	}
	l := challengeList{owner: owner{c.service, identity}, factor: factorSID, latest: c.Now().Add(maxAhead), seen: map[string]bool{}}
	path := "/v2/Services/" + c.service + "/Entities/" + identity + "/Challenges"
	enough := false
	err = readPages(o, page, path, maxChallengePages, func(p *verify.ListChallengeResponse) (*string, error) {
		all, err := l.page(p)
		for _, ch := range all {
			if !yield(ch) {
				enough = true
				return nil, nil // ends the list
			}
		}
		return p.Meta.NextPageUrl, err
	})
	if enough {
		return nil
	}
	return err
}

// challengeList checks the pages of one list.
type challengeList struct {
	owner  owner
	factor string
	latest time.Time // when the next challenge can have been made at the latest
	seen   map[string]bool
}

// page returns the new challenges of one page, and with an error those before the one that can't be believed. If the list
// were not in the order that was asked for, a reader who stops at an old challenge would miss newer ones.
func (l *challengeList) page(p *verify.ListChallengeResponse) ([]mfa.Challenge, error) {
	// Otherwise {} would be taken for an empty list.
	if p.Challenges == nil || p.Meta.Key != "challenges" {
		return nil, errors.New("is not a list of challenges")
	}
	var all []mfa.Challenge
	for i := range p.Challenges {
		raw := &p.Challenges[i]
		if raw.FactorType != nil && *raw.FactorType != typeTOTP {
			continue
		}
		ch, err := l.owner.challenge(raw, l.factor)
		switch {
		case err != nil:
			return all, err
		case ch.Created.Before(firstChallenge):
			return all, errors.New("has a challenge without the time of its creation")
		case ch.Created.After(l.latest):
			return all, errors.New("has a challenge of the future, or is not in the order that was asked for")
		case !ch.Responded.IsZero() && (ch.Responded.Before(ch.Created.Add(-disorder)) || ch.Responded.After(ch.Created.Add(maxAhead))):
			return all, errors.New("has a challenge with an impossible time of its response")
		}
		l.latest = ch.Created.Add(disorder)
		if l.seen[ch.SID] {
			continue // others were deleted while the list was read
		}
		l.seen[ch.SID] = true
		all = append(all, ch)
	}
	return all, nil
}
