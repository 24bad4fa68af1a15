package audit

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// longestText is how many bytes of a text stay where a record would be too long.
const longestText = 512

// shortened returns the record with short texts, for a line that would be too long. Nobody may keep a change from being
// made by a huge user name, or by a huge value in the row. What the operator typed stays: a reason that is too long is
// refused.
func (r Record) shortened() Record {
	r.Target, r.Message = shorten(r.Target), shorten(r.Message)
	r.Before, r.After = r.Before.shortened(), r.After.shortened()
	return r
}

func (v Values) shortened() Values {
	if v == nil {
		return nil
	}
	short := Values{}
	for name, value := range v {
		if s, ok := value.(string); ok {
			value = shorten(s)
		}
		short[shorten(name)] = value
	}
	return short
}

// shorten returns the beginning of a long text, its length, and the SHA-256 of all of it: two texts that differ
// anywhere stay different.
func shorten(s string) string {
	if len(s) <= longestText {
		return s
	}
	return fmt.Sprintf("%s… [%d bytes, SHA-256 %x]", strings.ToValidUTF8(s[:longestText], ""), len(s), sha256.Sum256([]byte(s)))
}
