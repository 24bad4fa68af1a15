package notify

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/safepath"
)

func TestAddresses(t *testing.T) {
	long := strings.Repeat("a", 64)
	for field, want := range map[string]string{ // what a mail goes to; for what it can't go to ! and words of the reason
		"alice@example.com":                             "alice@example.com",
		" Alice@Example.COM\r\n":                        "Alice@example.com",
		"Alice Archer <alice@example.com>":              "alice@example.com",
		`"Archer, A." <a@example.com>, b@example.com`:   "a@example.com b@example.com",
		"a@example.com; b@example.com c@example.com":    "a@example.com b@example.com c@example.com",
		"a@example.com, A@EXAMPLE.com":                  "a@example.com",
		"alice@example.com (at home)":                   "alice@example.com",
		"o'neil+x=y@example.com":                        "o'neil+x=y@example.com",
		"root@localhost":                                "root@localhost",
		"a@bücher.example":                              "a@xn--bcher-kva.example",
		"a@München.example":                             "a@xn--mnchen-3ya.example",
		"a@例え.テスト":                                      "a@xn--r8jz45g.xn--zckzah",
		"a@почта.рф":                                    "a@xn--80a1acny.xn--p1ai",
		"jürgen@example.com":                            "!beyond ASCII",
		"":                                              "!no e-mail address of the user",
		"  ":                                            "!no e-mail address of the user",
		"alice":                                         "!no e-mail address",
		"@example.com":                                  "!no e-mail address",
		"alice@":                                        "!no domain",
		"alice@exam_ple.com":                            "!no domain",
		"alice@-example.com":                            "!no domain",
		"alice@[192.0.2.1]":                             "!no domain",
		"-oQ/tmp@example.com":                           "!taken for an option",
		"-fx@example.com, b@example.com":                "!taken for an option b@example.com",
		`"a b"@example.com`:                             "!no plain",
		`"-x"@example.com`:                              "!taken for an option",
		"|/bin/sh@example.com":                          "!no plain",
		"a%b@example.com":                               "!no plain",
		"a!b@example.com":                               "!no plain",
		"a..b@example.com":                              "!no",
		"a@example.com\nBcc: thief@example.com":         "!nobody sees",
		"a@example.com\r\nBcc: thief@example.com":       "!nobody sees",
		"a@example.com\x00":                             "!nobody sees",
		"a@example.com\u2028b@example.com":              "!nobody sees",
		"a\u200b@example.com":                           "!nobody sees",
		"\xff@example.com":                              "!nobody sees",
		`Alice <alice@example.com`:                      "!no e-mail address",
		`"alice@example.com`:                            "!no e-mail address",
		"a@example.com,":                                "a@example.com",
		long + "@example.com":                           long + "@example.com",
		long + "a@example.com":                          "!no plain",
		"a@" + strings.Repeat(long[:50]+".", 6) + "com": "!too long",
		strings.Repeat("x", 1001):                       "!too long",
		"a@x, b@x, c@x, d@x, e@x, f@x, g@x, h@x, i@x, j@x, k@x, l@x": "a@x b@x c@x d@x e@x f@x g@x h@x i@x j@x !more than 10",
	} {
		got := addresses([]string{field})
		wants := strings.Fields(want)
		if i := strings.Index(want, "!"); i >= 0 {
			wants = strings.Fields(want[:i])
		}
		bad := 0
		for _, a := range got {
			switch {
			case a.err == nil && !slices.Contains(strings.Fields(want), a.to):
				t.Errorf("%q: a mail to %q", field, a.to)
			case a.err != nil:
				bad++
				if !strings.Contains(want, "!") || !containsAnyReason(want, a.err.Error()) {
					t.Errorf("%q: %v, want %q", field, a.err, want)
				}
			}
		}
		if good := len(got) - bad; good < len(wants) || bad > 1 {
			t.Errorf("%q: %v, want %q", field, got, want)
		}
	}
}

// containsAnyReason reports whether what stands behind the ! in want begins a part of the reason.
func containsAnyReason(want, reason string) bool {
	_, words, _ := strings.Cut(want, "!")
	if i := strings.Index(words, " b@"); i >= 0 {
		words = words[:i]
	}
	return strings.Contains(reason, words)
}

func FuzzAddresses(f *testing.F) {
	f.Add("alice@example.com")
	f.Add(`"a, b" <a@b>; c@d`)
	f.Add("a@bücher.example\r\nBcc: x@y")
	f.Fuzz(func(t *testing.T, field string) {
		for _, a := range addresses([]string{field}) {
			if a.err == nil && (strings.HasPrefix(a.to, "-") || strings.ContainsFunc(a.to, func(r rune) bool { return r <= ' ' || r > '~' }) ||
				strings.ContainsAny(a.to, `"(),:;<>[\]|!%`) || strings.Count(a.to, "@") != 1 || len(a.to) > 254) {
				t.Errorf("%q: %q", field, a.to)
			}
		}
	})
}

// read returns a mail as a mail program reads it.
func read(t *testing.T, message []byte) (header mail.Header, body string) {
	t.Helper()
	if bytes.Contains(message, []byte("\r")) {
		t.Errorf("a carriage return: %q", message)
	}
	for line := range bytes.Lines(message) {
		if len(line) > 900 || bytes.ContainsFunc(line, func(r rune) bool { return r > '~' || r < ' ' && r != '\n' }) {
			t.Errorf("a line that not every mail system takes: %q", line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatalf("%v: %q", err, message)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(text)
}

// Whatever stands in uzERP, a mail has the same headers, one recipient, and no link.
func TestMessage(t *testing.T) {
	from := From{Address: "desk@example.com", Helpdesk: "Büro für \"IT\", Müller & Söhne", Contact: "Durchwahl 12 — ☎"}
	text := Standard()
	text.subject = "uzERP: {user} – geändert"
	for _, name := range []string{
		"alice", "Ärger Öl", "a\r\nBcc: thief@example.com\r\n\r\nhello", "a\nb", "=?utf-8?q?x?=", "a\x00\x1b[31m", "\xff\xfe", "{contact}", "",
		"http://evil.example/x", "<b>x</b>", strings.Repeat("漢", 5000), "a\u202eb", "🙂", ".", "From me",
	} {
		about := notice{username: name, person: name, kind: Replaced, at: time.Date(2026, 11, 26, 23, 59, 0, 0, time.FixedZone("x", 3600))}
		header, body := read(t, text.message(from, "alice@example.com", about))
		for key := range header {
			if !slices.Contains([]string{"From", "To", "Subject", "Date", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type",
				"Content-Transfer-Encoding"}, key) || len(header[key]) != 1 {
				t.Errorf("%q: header %s: %q", name, key, header[key])
			}
		}
		to, err := header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != "alice@example.com" {
			t.Errorf("%q: To is %v, %v", name, to, err)
		}
		sender, err := header.AddressList("From")
		if err != nil || len(sender) != 1 || sender[0].Address != from.Address || sender[0].Name != from.Helpdesk {
			t.Errorf("%q: From is %v, %v", name, sender, err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if err != nil || !strings.HasPrefix(subject, "uzERP: ") || !strings.HasSuffix(subject, " – geändert") {
			t.Errorf("%q: the subject is %q, %v", name, subject, err)
		}
		if !strings.Contains(body, "Codes of the old one do not work any more.") || !strings.Contains(body, "26 November 2026, 22:59 UTC") ||
			!strings.Contains(body, from.Contact) || strings.Contains(body, "://") || strings.ContainsAny(body, "<>\x1b\u202e") ||
			strings.Contains(body, "{") && name != "{contact}" {
			t.Errorf("%q: %s", name, body)
		}
	}
}

func TestParseText(t *testing.T) {
	Standard()
	head := "Subject: s\nReset: r\nEnroll: e\nReplace: p\nDisable-Next-Login: d\n"
	body := "\n{change} {time} {contact}\n"
	for text, want := range map[string]string{ // "" is a text
		head + body: "",
		strings.ReplaceAll("\ufeff"+head+body, "\n", "\r\n"):        "",
		strings.Replace(head, "r\n", "r {user} {time}\n", 1) + body: "",
		head + "\n{change} {time} {contact} {code}":                 `no field "{code}"`,
		head + "\n{change} {time} {contact} {":                      `no field "{"`,
		head + "\n{change} {time} {contact} {}":                     `no field "{}"`,
		head + "\n{change} {contact}":                               "lacks {time}",
		head + "\n{time} {contact}":                                 "lacks {change}",
		head + "\n{change} {time}":                                  "lacks {contact}",
		head:                                                        "no body",
		head + "\n \n":                                              "no body",
		"":                                                          "no body",
		strings.Replace(head, "Reset: r\n", "", 1) + body:           "no line Reset",
		strings.Replace(head, "Reset: r", "Reset:", 1) + body:       "Reset has no text",
		strings.Replace(head, "r\n", "{change}\n", 1) + body:        `no field "{change}"`,
		strings.Replace(head, "s\n", "{person}\n", 1) + body:        `no field "{person}"`,
		"Bcc: thief@example.com\n" + head + body:                    `a line "Bcc: thief@example.com"`,
		"subject: s\n" + head + body:                                `a line "subject: s"`,
		"Subject: s\n" + head + body:                                "Subject twice",
		" x\n" + head + body:                                        `a line " x"`,
		head + body + "\x1b":                                        "no text",
		head + body + "\xff":                                        "not UTF-8",
		"Subject: " + strings.Repeat("x", 501) + head[10:] + body:   "more than 500",
	} {
		_, err := parseText(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Only a file that nobody else could have written is a text.
func TestReadText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.txt")
	if _, err := readText(path, safepath.Ourselves()); errs.KindOf(err) != errs.Config {
		t.Error(err)
	}
	for mode, want := range map[os.FileMode]errs.Kind{0o644: errs.Failure, 0o666: errs.Config} {
		if err := os.WriteFile(path, []byte(standard), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := readText(path, safepath.Ourselves()); (err == nil) != (want == errs.Failure) || err != nil && errs.KindOf(err) != want {
			t.Errorf("%o: %v", mode, err)
		}
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadText(path); errs.KindOf(err) != errs.Config {
			t.Errorf("a file of our own: %v", err)
		}
	}
}

// docs/notification.md shows the text that is sent.
func TestTextIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/notification.md")
	if err != nil || !strings.Contains(string(page), "```\n"+standard+"```\n") {
		t.Errorf("docs/notification.md has another text than mail.txt, or none: %v", err)
	}
}
