package audit

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// longestText is how many bytes of a text stay where a record would be too long.
const longestText = 512

// shortening is one way to make a line shorter. Nobody may keep a change from being made, or its outcome from being
// recorded, by a huge text: a user name, a value in the row, or what the operator typed.
type shortening struct {
	longest int  // how many bytes of a text stay
	all     bool // also the texts that say who did it, where and why
}

// shortenings are tried in this order, until the line is short enough.
var shortenings = []shortening{{longestText, false}, {longestText, true}, {longestText / 8, true}}

// shortened returns the record with short texts.
func (r Record) shortened(s shortening) Record {
	texts := []*string{&r.Target, &r.Message}
	if s.all {
		texts = append(texts, &r.Actor.User, &r.Actor.SudoUser, &r.Actor.SSHClient, &r.Actor.Host, &r.Reason, &r.Ticket, &r.VerifiedBy)
		if d := r.Database; d != nil {
			r.Database = &Database{shorten(d.Host, s.longest), d.Port, shorten(d.Name, s.longest)}
		}
		if v := r.Service; v != nil {
			r.Service = &Service{shorten(v.SID, s.longest), shorten(v.Address, s.longest)}
		}
	}
	for _, text := range texts {
		*text = shorten(*text, s.longest)
	}
	r.Before, r.After = r.Before.shortened(s.longest), r.After.shortened(s.longest)
	return r
}

func (v Values) shortened(longest int) Values {
	if v == nil {
		return nil
	}
	short := Values{}
	for name, value := range v {
		if s, ok := value.(string); ok {
			value = shorten(s, longest)
		}
		short[shorten(name, longest)] = value
	}
	return short
}

// shorten returns the beginning of a text of more than longest bytes, its length, and the SHA-256 of all of it: two texts that differ
// anywhere stay different.
func shorten(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	return fmt.Sprintf("%s… [%d bytes, SHA-256 %x]", strings.ToValidUTF8(s[:longest], ""), len(s), sha256.Sum256([]byte(s)))
}
