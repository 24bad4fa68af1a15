package phpsession

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"time"

	"uzerp-mfa/internal/pattern"
)

// Format is one of PHP's forms of a session file: a value of session.serialize_handler.
type Format string

// The formats that are read.
const (
	PHP       Format = "php"           // name|value name|value ...
	Serialize Format = "php_serialize" // one array
	Binary    Format = "php_binary"    // the length of the name in one byte, the name, the value, ...
)

// known are the formats of which it is known how they look. What igbinary writes is told apart by its first bytes.
var known = []Format{PHP, Serialize, Binary, "igbinary"}

// The errors of Parse.
var (
	ErrIgbinary  = errors.New("the session is written by igbinary, which is not read here")
	ErrMalformed = errors.New("this is no session that PHP has written")
	ErrTooLarge  = errors.New("the session is larger than what is read here")
	// ErrUnclear means that PHP may read a session here, and that only PHP knows whose it is: a reference means something in
	// or behind an object that its class has written, or the server's settings name a format that is not known here.
	ErrUnclear = errors.New("whose session this is only PHP knows")
)

// Session is what a session says about a login.
type Session struct {
	// User is who gave the right password in this session; "" for nobody, and after a logout.
	User string
	// LoggedIn reports whether that user is logged in. A User who is not is at the page that asks for a code or enrols.
	LoggedIn bool
	// Company is the number of the company that the user works in, "" if it is not known.
	Company string
	// Started is the first page view, LastActive the last click of a user who was logged in. Zero means not known.
	Started, LastActive time.Time
	// Handler is the class of the login handler that this browser keeps, "" if none is known.
	Handler string
	// OfUzerp reports whether the session has what uzERP writes into each session, also into that of a visitor who has only
	// seen the login page. Programs that share the directory have sessions of their own there.
	OfUzerp bool
}

// Parse reads a session. configured are the formats that the server's settings name, the most likely one first: what can be
// read as one of these is read so, as PHP itself does. Other formats are tried after them. Parse keeps nothing of content.
// It fails with ErrIgbinary, ErrMalformed, ErrTooLarge or ErrUnclear. An empty file is a session in which nothing happened.
func Parse(content []byte, configured ...Format) (Session, error) {
	switch {
	case len(content) == 0:
		return Session{}, nil
	case len(content) > MaxSize:
		return Session{}, ErrTooLarge
	case isIgbinary(content):
		return Session{}, ErrIgbinary
	}
	// The first name in a session is the program's, and never a visitor's: a file that begins as an array is one.
	if wholeArray().Match(content[:min(len(content), 32)]) {
		configured = slices.Concat([]Format{Serialize}, configured)
	}
	failure := ErrMalformed
	for _, format := range configured {
		switch s, err := parseAs(format, content); {
		case !slices.Contains(known, format):
			failure = ErrUnclear // unless it is in a format that is known, after all
		case !errors.Is(err, ErrMalformed):
			return s, err
		}
	}
	var found Session
	fits := 0
	for _, format := range known {
		if slices.Contains(configured, format) {
			continue
		}
		if s, err := parseAs(format, content); !errors.Is(err, ErrMalformed) {
			found, failure = s, err
			fits++
		}
	}
	if fits > 1 { // nobody knows which one is meant
		return Session{}, ErrUnclear
	}
	return found, failure
}

// MaxSize is how many bytes a session that Parse reads may have. uzERP's have some 300 kB, most of it permissions. PHP with its
// usual memory_limit of 128M can't read one of this size (docs/facts/uzerp.md §7).
const MaxSize = 64 << 20

var wholeArray = pattern.Lazy(`^a:[0-9]+:\{`)

func isIgbinary(content []byte) bool {
	return bytes.HasPrefix(content, []byte{0, 0, 0, 1}) || bytes.HasPrefix(content, []byte{0, 0, 0, 2})
}

// The names that uzERP gives to what it keeps in a session.
const (
	keyUser       = "username"
	keyLoggedIn   = "loggedin"
	keyCompany    = "EGS_COMPANY_ID"
	keyStarted    = "started"
	keyLastActive = "last_active"
	keyClasses    = "injectorclass"
)

func isKey(name []byte) bool {
	switch string(name) {
	case keyUser, keyLoggedIn, keyCompany, keyStarted, keyLastActive, keyClasses:
		return true
	}
	return false
}

func parseAs(format Format, content []byte) (Session, error) {
	p := &parser{data: content}
	found := map[string]int{} // where the values of the names stand; of a name that occurs twice the last one counts, as in PHP
	var err error
	switch format {
	case PHP:
		err = p.php(found)
	case Serialize:
		err = p.serialized(found)
	case Binary:
		err = p.binary(found)
	default: // another extension's, such as igbinary or msgpack
		err = ErrMalformed
	}
	if err != nil {
		return Session{}, err
	}
	return p.session(found)
}

// php reads name|value until the end.
func (p *parser) php(found map[string]int) error {
	for p.at < len(p.data) {
		n := bytes.IndexByte(p.data[p.at:], '|')
		if n < 0 {
			return ErrMalformed
		}
		name := p.data[p.at : p.at+n]
		p.at += n + 1
		if err := p.entry(name, found); err != nil {
			return err
		}
	}
	return nil
}

// binary reads the length of a name, the name and its value until the end. PHP takes no notice of the highest bit of the
// length (measured with PHP 8.2).
func (p *parser) binary(found map[string]int) error {
	for p.at < len(p.data) {
		n := int(p.data[p.at] & 0x7f)
		if p.at+1+n > len(p.data) {
			return ErrMalformed
		}
		name := p.data[p.at+1 : p.at+1+n]
		p.at += 1 + n
		if err := p.entry(name, found); err != nil {
			return err
		}
	}
	return nil
}

// serialized reads one array. What stands behind it does not count for PHP either.
func (p *parser) serialized(found map[string]int) error {
	if !p.has('a') {
		return ErrMalformed
	}
	n, err := p.head() // it is the first value that a reference can mean
	for ; err == nil && n > 0; n-- {
		var name key
		if name, err = p.key(); err == nil {
			err = p.entry(name.text, found)
		}
	}
	if err == nil && !p.skip("}") {
		err = ErrMalformed
	}
	return err
}

func (p *parser) entry(name []byte, found map[string]int) error {
	if isKey(name) {
		found[string(name)] = p.at
	}
	return p.value()
}

var (
	number   = pattern.Lazy(`^-?[0-9]{1,18}$`)
	phpClass = pattern.Lazy(`^\\?[A-Za-z_][A-Za-z0-9_]{0,99}(\\[A-Za-z_][A-Za-z0-9_]{0,99}){0,9}$`)
)

// maxUser is how many bytes a user's name may have. uzERP's column has no limit, its pages have.
const maxUser = 1024

// session takes what is known of the values at these places.
func (p *parser) session(found map[string]int) (Session, error) {
	var s Session
	values := map[string]scalar{}
	for name, at := range found {
		v, err := p.scalarAt(at)
		if err != nil {
			return Session{}, err
		}
		values[name] = v
	}
	if user := values[keyUser]; user.kind == 's' {
		if len(user.text) > maxUser {
			return Session{}, ErrUnclear
		}
		s.User = string(user.text)
	}
	loggedIn := values[keyLoggedIn]
	s.LoggedIn = s.User != "" && loggedIn.kind == 'b' && string(loggedIn.text) == "1"
	if company := values[keyCompany]; (company.kind == 'i' || company.kind == 's') && number().Match(company.text) {
		s.Company = string(company.text)
	}
	s.Started, s.LastActive = instant(values[keyStarted]), instant(values[keyLastActive])
	if at, ok := found[keyClasses]; ok {
		_, s.OfUzerp = p.arrayAt(at)
		// Each company has its own; -1 is that of the login page.
		if v, err := p.scalarAt(p.element(p.element(at, "-1"), "LoginHandler")); err == nil && v.kind == 's' && phpClass().Match(v.text) {
			s.Handler = string(v.text)
		}
	}
	s.OfUzerp = s.OfUzerp || s.LoggedIn
	return s, nil
}

// instant returns a time in seconds since 1970, or zero.
func instant(v scalar) time.Time {
	if v.kind != 'i' {
		return time.Time{}
	}
	n, err := strconv.ParseInt(string(v.text), 10, 64)
	if err != nil || n <= 0 || n > 1<<36 {
		return time.Time{}
	}
	return time.Unix(n, 0)
}
