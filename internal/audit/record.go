package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"uzerp-mfa/internal/invisible"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pattern"
)

// SchemaVersion is the schema version of every line. It changes when a key changes its meaning or is removed.
const SchemaVersion = 1

// Genesis stands in the first line of a log, where other lines have the hash of the line before.
const Genesis = "0000000000000000000000000000000000000000000000000000000000000000"

// maxLine is how many bytes a line may have, its line feed included.
const maxLine = 64 << 10

// Result says what a line records.
type Result string

// The results. All of them except ResultIntent are outcomes.
const (
	ResultIntent  Result = "intent"  // about to be changed
	ResultDone    Result = "done"    // changed
	ResultRefused Result = "refused" // the state forbade it; nothing was changed
	ResultFailed  Result = "failed"  // an error; nothing was changed
	ResultUnknown Result = "unknown" // an error; nobody knows whether something was changed
)

// Results returns every result, for flags and help.
func Results() []Result {
	return []Result{ResultIntent, ResultDone, ResultRefused, ResultFailed, ResultUnknown}
}

func (r Result) valid() bool {
	for _, known := range Results() {
		if r == known {
			return true
		}
	}
	return false
}

// Values are columns and what they hold: text, a truth value, a number, or nil for NULL. A nil map means "not known" or
// "no such row". The keys are written in alphabetical order, so that equal values become equal bytes.
type Values map[string]any

// UserValues returns a user's row as it is logged: the three mfa columns and the uuid.
func UserValues(r mfa.Row) Values {
	return Values{"mfa_sid": plain(r.SID), "mfa_enrolled": plain(r.Enrolled), "mfa_enabled": plain(r.Enabled), "uuid": plain(r.UUID)}
}

// ClassValues returns an injector class as it is logged.
func ClassValues(className string) Values { return Values{"class_name": className} }

func plain[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// Record is one line. The order of the fields is the order of the keys; Hash is the last.
type Record struct {
	SchemaVersion int       `json:"schema_version"` // set by Append
	ID            string    `json:"id"`             // shared by an intent and its outcome; set by Append if it is empty
	Time          time.Time `json:"time"`           // set by Append
	Actor         Actor     `json:"actor"`
	Database      *Database `json:"database"`       // nil if the command used none, and in lines of older versions
	Service       *Service  `json:"service"`        // the same
	Command       string    `json:"command"`        // the command's name, "user reset"; no arguments: one may be a code
	Target        string    `json:"target"`         // a user, or an injector class
	Self          bool      `json:"self,omitempty"` // the target is the operator's own user
	Before        Values    `json:"before"`
	After         Values    `json:"after"` // in an intent: what is meant to be there
	Reason        string    `json:"reason"`
	Ticket        string    `json:"ticket"`
	VerifiedBy    string    `json:"verified_by,omitempty"` // how else the caller was verified: call-back, in-person, manager:NAME
	Result        Result    `json:"result"`
	Message       string    `json:"message"`
	Torn          string    `json:"torn,omitempty"`    // set by Append: SHA-256 of what a crash left before this line
	Follows       string    `json:"follows,omitempty"` // set by Append in the first line of a file: the head of the file before
	Prev          string    `json:"prev"`              // set by Append: the hash of the line before
	Hash          string    `json:"hash"`              // set by Append
}

var commandName = pattern.Lazy(`^[a-z]+(-[a-z]+)*( [a-z]+(-[a-z]+)*)*$`)

// check returns an error for a record that must not be logged. That is a mistake in this program, not of its users.
func (r Record) check() error {
	if !commandName().MatchString(r.Command) {
		return errors.New("audit: the command must be a name without arguments")
	}
	if !r.Result.valid() {
		return fmt.Errorf("audit: there is no result %q", r.Result)
	}
	for _, values := range []Values{r.Before, r.After} {
		for name, v := range values {
			switch v.(type) {
			case nil, bool, string, int, int64, float64:
			default: // a Secret, for instance
				return fmt.Errorf("audit: the value of %q is a %T", name, v)
			}
		}
	}
	return nil
}

// sanitized returns the record with texts that JSON can carry: a byte that is not UTF-8 becomes four characters like
// \xff.
func (r Record) sanitized() Record {
	for _, s := range []*string{&r.ID, &r.Actor.User, &r.Actor.SudoUser, &r.Actor.SSHClient, &r.Actor.Host,
		&r.Reason, &r.Ticket, &r.VerifiedBy, &r.Message} {
		*s = invisible.Bytes(*s)
	}
	r.Target = recorded(r.Target)
	if r.Database != nil {
		r.Database = &Database{invisible.Bytes(r.Database.Host), r.Database.Port, invisible.Bytes(r.Database.Name)}
	}
	if r.Service != nil {
		r.Service = &Service{invisible.Bytes(r.Service.SID), invisible.Bytes(r.Service.Address)}
	}
	r.Before, r.After = r.Before.sanitized(), r.After.sanitized()
	return r
}

func (v Values) sanitized() Values {
	if v == nil {
		return nil
	}
	clean := Values{}
	for name, value := range v {
		if s, ok := value.(string); ok {
			value = invisible.Bytes(s)
		}
		clean[invisible.Bytes(name)] = value
	}
	return clean
}

// likeByte matches what could be read in a target as a byte that is not UTF-8.
var likeByte = pattern.Lazy(`\\+x[89a-f][0-9a-f]`)

// recorded returns a target as the log has it: as invisible.Bytes does, but no two give the same. A backslash stands twice before
// such a byte, and before what could be read as one. What is found under a user's name is evidence, and no other user's.
func recorded(target string) string {
	if !strings.Contains(target, `\`) {
		return invisible.Bytes(target)
	}
	var b strings.Builder
	begin := 0 // of the text since the last byte that is not UTF-8
	end := func(i int) {
		b.WriteString(likeByte().ReplaceAllStringFunc(target[begin:i], func(found string) string {
			return found[:strings.LastIndexByte(found, '\\')+1] + found
		}))
	}
	for i := 0; i < len(target); {
		r, n := utf8.DecodeRuneInString(target[i:])
		if r == utf8.RuneError && n == 1 {
			end(i)
			b.WriteString(target[begin+len(strings.TrimRight(target[begin:i], `\`)) : i])
			fmt.Fprintf(&b, `\x%02x`, target[i])
			begin = i + 1
		}
		i += n
	}
	end(len(target))
	return b.String()
}

// named is the opposite of recorded.
func named(target string) string {
	return likeByte().ReplaceAllStringFunc(target, func(found string) string {
		backslashes := strings.LastIndexByte(found, '\\') + 1
		if backslashes%2 == 0 {
			return found[backslashes/2:]
		}
		b, _ := hex.DecodeString(found[backslashes+1:])
		return found[:backslashes/2] + string(b)
	})
}

// hashStart and hashEnd enclose the hash at the end of a line. Inside a JSON string the quotes of hashStart would have
// backslashes, so no text that a user typed looks like it.
const (
	hashStart  = `,"hash":"`
	hashEnd    = `"}`
	hashLength = 2 * sha256.Size
)

// encode sets the hash and returns the line, with its line feed.
//
// The hash is that of the line without its last key: all bytes before `,"hash":`, and a closing brace. So a program can
// check it without decoding and encoding JSON, which no two programs do alike.
func encode(r *Record) ([]byte, error) {
	r.Hash = ""
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, err
	}
	body := bytes.TrimSuffix(escapeInvisible(b.Bytes()), []byte(hashStart+hashEnd+"\n"))
	r.Hash = hashOf(body)
	return append(body, hashStart+r.Hash+hashEnd+"\n"...), nil
}

// hashOf returns the hash of a line; body is the part before hashStart.
func hashOf(body []byte) string {
	h := sha256.New()
	h.Write(body)
	h.Write([]byte("}"))
	return hex.EncodeToString(h.Sum(nil))
}

// cutHash splits a line, given without its line feed, into the part before hashStart and the hash. ok is false if the
// line doesn't end as every record does.
func cutHash(line []byte) (body []byte, hash string, ok bool) {
	n := len(line) - len(hashStart) - hashLength - len(hashEnd)
	if n < 0 || !bytes.HasPrefix(line[n:], []byte(hashStart)) || !bytes.HasSuffix(line, []byte(hashEnd)) {
		return nil, "", false
	}
	hash = string(line[n+len(hashStart) : len(line)-len(hashEnd)])
	return line[:n], hash, ValidHash(hash)
}

// ValidHash reports whether s has the form of a hash: 64 hexadecimal digits in lower case.
func ValidHash(s string) bool {
	return len(s) == hashLength && strings.Trim(s, "0123456789abcdef") == ""
}

// lineStart is how every line begins.
const lineStart = `{"schema_version":1,"id":"`

// looksTorn reports whether line can be the beginning of a record whose writer died. Zeros may follow it: some file
// systems leave them after a power cut.
func looksTorn(line []byte) bool {
	line = bytes.TrimRight(line, "\x00")
	return len(line) < maxLine && !json.Valid(line) &&
		(bytes.HasPrefix(line, []byte(lineStart)) || bytes.HasPrefix([]byte(lineStart), line))
}

// decode decodes a line. It doesn't check the hash, and its errors quote nothing from the line.
func decode(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, errors.New("not a JSON object of this log")
	}
	if r.SchemaVersion != SchemaVersion || !r.Result.valid() || r.Time.IsZero() {
		return Record{}, errors.New("not a record of schema version 1")
	}
	return r, nil
}

// escapeInvisible writes invisible characters as \uXXXX, for people who read the file with tail. Beyond ASCII such
// characters occur in JSON only inside strings, so nothing has to be parsed. Within ASCII only
// DEL is left: encoding/json has escaped the others.
func escapeInvisible(line []byte) []byte {
	out := make([]byte, 0, len(line)+len(hashStart)+hashLength+len(hashEnd)) // and the hash that follows
	for i, w := 0, 0; i < len(line); i += w {
		var r rune
		r, w = utf8.DecodeRune(line[i:])
		switch {
		case r == '\n' || !invisible.Is(r):
			out = append(out, line[i:i+w]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
