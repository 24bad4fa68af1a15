package notify

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/safepath"
)

// Text is what a mail says: the program's own text, or a file of the administrator's (docs/notification.md).
type Text struct {
	subject string
	changes map[Kind]string
	body    string
}

//go:embed mail.txt
var standard string

// maxText is how many bytes a text's file may have.
const maxText = 16 << 10

// heads are the lines that a text begins with, and what each is about; that of the subject is about no kind.
var heads = map[string]Kind{"Subject": "", "Reset": Removed, "Enroll": Enrolled, "Replace": Replaced, "Disable-Next-Login": Skipped}

// The fields that a text may name. Each stands in braces.
const (
	fieldPerson   = "person"
	fieldUser     = "user"
	fieldChange   = "change"
	fieldTime     = "time"
	fieldHelpdesk = "helpdesk"
	fieldContact  = "contact"
)

var fields = []string{fieldPerson, fieldUser, fieldChange, fieldTime, fieldHelpdesk, fieldContact}

var field = pattern.Lazy(`\{[^{}]*\}|[{}]`)

// Standard returns the program's own text.
func Standard() *Text {
	t, err := parseText(standard)
	if err != nil {
		panic(err) // a test reads it
	}
	return t
}

// ReadText reads a text from a file that only root can have written. It fails with errs.Config.
func ReadText(path string) (*Text, error) { return readText(path, safepath.Trust{}) }

func readText(path string, trust safepath.Trust) (*Text, error) {
	raw, err := safepath.ReadFile(path, trust, maxText)
	if err == nil {
		var t *Text
		if t, err = parseText(string(raw)); err == nil {
			return t, nil
		}
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s %s: %w", pathError.Op, pathError.Path, pathError.Err)
	}
	return nil, &errs.Error{Kind: errs.Config, Op: "the text of the mails, " + path, Err: err, Hint: ReasonText.With(path)}
}

// parseText reads a head, an empty line and a body. What is not understood is an error: a mail must not go out with half a text.
func parseText(raw string) (*Text, error) {
	if !utf8.ValidString(raw) {
		return nil, errors.New("it is not UTF-8")
	}
	raw = strings.ReplaceAll(strings.TrimPrefix(raw, "\ufeff"), "\r\n", "\n")
	if strings.ContainsFunc(raw, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		return nil, errors.New("it has a character that is no text")
	}
	head, body, ok := strings.Cut(raw, "\n\n")
	if !ok || strings.TrimSpace(body) == "" {
		return nil, errors.New("it has no body: the head ends with an empty line, and the body follows")
	}
	t := &Text{changes: map[Kind]string{}, body: strings.TrimSpace(body) + "\n"}
	if err := checkFields(body, fields); err != nil {
		return nil, fmt.Errorf("the body: %w", err)
	}
	given := map[string]bool{}
	for line := range strings.SplitSeq(head, "\n") {
		name, text, ok := strings.Cut(line, ":")
		kind, known := heads[name]
		text = strings.TrimSpace(text)
		switch {
		case !ok || !known:
			return nil, fmt.Errorf("the head has a line %q; it may have %s", cut(line), strings.Join(slices.Sorted(maps.Keys(heads)), ", "))
		case given[name]:
			return nil, fmt.Errorf("the head has %s twice", name)
		case text == "" || utf8.RuneCountInString(text) > 500:
			return nil, fmt.Errorf("%s has no text, or more than 500 characters", name)
		}
		given[name] = true
		may := []string{fieldUser, fieldTime, fieldHelpdesk, fieldContact}
		if err := checkFields(text, may); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if name == "Subject" {
			t.subject = text
		} else {
			t.changes[kind] = text
		}
	}
	for _, name := range slices.Sorted(maps.Keys(heads)) {
		if !given[name] {
			return nil, fmt.Errorf("the head has no line %s", name)
		}
	}
	for _, needed := range []string{fieldChange, fieldTime, fieldContact} {
		if !strings.Contains(body, "{"+needed+"}") {
			return nil, fmt.Errorf("the body lacks {%s}: the user must learn what was done, when, and whom to ask", needed)
		}
	}
	return t, nil
}

func checkFields(text string, may []string) error {
	for _, found := range field().FindAllString(text, -1) {
		if name := strings.Trim(found, "{}"); name == "" || !slices.Contains(may, name) {
			return fmt.Errorf("there is no field %q here; it may have {%s}", found, strings.Join(may, "}, {"))
		}
	}
	return nil
}

// fill puts the values into a text. A value is put in once: braces in it stay as they are.
func fill(text string, values map[string]string) string {
	return field().ReplaceAllStringFunc(text, func(found string) string { return values[strings.Trim(found, "{}")] })
}

// shown returns a text that somebody else chose, as a mail may have it: one line, not too long, and without the marks that a
// mail program would make a link of.
func shown(s string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.M, unicode.N) || strings.ContainsRune(" .-_'’@+,()&", r) {
			return r
		}
		return '?'
	}, strings.TrimSpace(strings.ToValidUTF8(s, "?")))
	return cut(clean)
}

// From is who sends the mails.
type From struct {
	Address  string // as deliverable returns it
	Helpdesk string
	Contact  string
}

// message returns a mail with its header, as sendmail reads it: with line feeds alone. Only the sender, the subject of the
// text, and an address of deliverable get into the header.
func (t *Text) message(from From, to string, about notice) []byte {
	values := map[string]string{
		fieldPerson: shown(orElse(about.person, about.username)), fieldUser: shown(about.username),
		fieldTime: about.at.UTC().Format("2 January 2006, 15:04") + " UTC", fieldHelpdesk: from.Helpdesk, fieldContact: from.Contact,
	}
	values[fieldChange] = fill(t.changes[about.kind], values)
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\n", name, value) }
	sender := mail.Address{Name: from.Helpdesk, Address: from.Address}
	header("From", folded(sender.String()))
	header("To", to)
	header("Subject", folded(mime.QEncoding.Encode("utf-8", fill(t.subject, values))))
	header("Date", about.at.UTC().Format(time.RFC1123Z))
	header("Message-ID", "<"+strings.ToLower(rand.Text())+from.Address[strings.LastIndexByte(from.Address, '@'):]+">")
	header("Auto-Submitted", "auto-generated") // no holiday answers
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteByte('\n')
	var body bytes.Buffer
	qp := quotedprintable.NewWriter(&body)
	_, _ = qp.Write([]byte(fill(t.body, values))) // a buffer takes everything
	_ = qp.Close()
	b.Write(bytes.ReplaceAll(body.Bytes(), []byte("\r\n"), []byte("\n")))
	return b.Bytes()
}

// folded puts each encoded word on a line of its own: a line of a header has at most 998 bytes.
func folded(value string) string { return strings.ReplaceAll(value, "?= =?", "?=\n =?") }

// orElse returns a, or b if a is blank.
func orElse(a, b string) string {
	if strings.TrimSpace(a) != "" {
		return a
	}
	return b
}
