package phpsession

import (
	"bytes"
	"strings"
)

// parser reads PHP's serialized values: it checks their form to the last byte, and builds none of them. It remembers only
// where each of them begins, because a reference names a value by its number.
type parser struct {
	data   []byte
	at     int
	values []int32 // where each value begins, by its number less one
	known  int     // how many of these have a certain number, if certain is set
	cut    bool    // an object with a form of its own was read: only it knows how many values it has inside
	open   []int   // how many elements are still to come, of each array and object that is open
}

// maxDepth is how deep values may be nested. PHP itself reads no more.
const maxDepth = 4096

// value reads one value with all that it has inside.
func (p *parser) value() error {
	p.open = p.open[:0]
	for {
		n, err := p.head()
		if err != nil {
			return err
		}
		if n >= 0 {
			if len(p.open) == maxDepth {
				return ErrMalformed
			}
			p.open = append(p.open, n)
		}
		for len(p.open) > 0 && p.open[len(p.open)-1] == 0 {
			if !p.skip("}") {
				return ErrMalformed
			}
			p.open = p.open[:len(p.open)-1]
		}
		if len(p.open) == 0 {
			return nil
		}
		p.open[len(p.open)-1]--
		if _, err := p.key(); err != nil {
			return err
		}
	}
}

// head reads a value, or the beginning of one that has others inside. Then it returns how many, each after its key, else
// -1.
func (p *parser) head() (inside int, err error) {
	begin := p.at
	if p.at+1 >= len(p.data) {
		return 0, ErrMalformed
	}
	kind := p.data[p.at]
	if kind != 'R' { // a reference is not a value of its own
		p.number(begin)
	}
	inside = -1
	ok := false
	switch kind {
	case 'N':
		ok = p.skip("N;")
	case 'b', 'i', 'd', 's', 'S':
		_, ok = p.scalar()
	case 'R', 'r':
		_, ok = p.reference()
	case 'a':
		if ok = p.skip("a:"); ok {
			inside, ok = p.count(":{")
		}
	case 'O':
		if ok = p.skip("O:") && p.quoted(":"); ok {
			inside, ok = p.count(":{")
		}
	case 'C': // an object that has written itself, in a form that only its class knows
		if ok = p.skip("C:") && p.quoted(":"); ok {
			var n int
			if n, ok = p.count(":{"); ok {
				ok = p.jump(n) && p.skip("}")
			}
		}
		if !p.cut {
			p.cut, p.known = true, len(p.values)
		}
	case 'E':
		ok = p.skip("E:") && p.quoted(";")
	}
	if !ok {
		return 0, ErrMalformed
	}
	return inside, nil
}

func (p *parser) number(begin int) {
	if !p.cut {
		p.values = append(p.values, int32(begin)) //nolint:gosec // a file has at most MaxSize bytes
	}
}

func (p *parser) has(kind byte) bool { return p.at < len(p.data) && p.data[p.at] == kind }

func (p *parser) skip(text string) bool {
	if !bytes.HasPrefix(p.data[p.at:], []byte(text)) {
		return false
	}
	p.at += len(text)
	return true
}

func (p *parser) jump(n int) bool {
	if n > len(p.data)-p.at {
		return false
	}
	p.at += n
	return true
}

// count reads a number of bytes or elements, and what must follow it. There can't be more of them than bytes.
func (p *parser) count(then string) (n int, ok bool) {
	begin := p.at
	for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
		n = 10*n + int(p.data[p.at]-'0')
		if n > len(p.data) {
			return 0, false
		}
		p.at++
	}
	return n, p.at > begin && p.skip(then)
}

// quoted skips the length of a name, the name in quotes, and what must follow it. It is a class, or one with its case.
func (p *parser) quoted(then string) bool {
	n, ok := p.count(`:"`)
	begin := p.at
	return ok && n > 0 && p.jump(n) && !bytes.ContainsFunc(p.data[begin:p.at], notInNames) && p.skip(`"`+then)
}

// notInNames reports whether PHP allows no such character in the name of a class. Bytes beyond ASCII are allowed.
func notInNames(c rune) bool {
	return c < 0x7f && !strings.ContainsRune(`abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_\:`, c)
}

// scalar is a value without others inside.
type scalar struct {
	kind byte   // b, i, d, s; 0 for what is none of these
	text []byte // of a text what is between the quotes, of others the digits
}

// scalar reads a truth value, a number or a text.
func (p *parser) scalar() (v scalar, ok bool) {
	v.kind = p.data[p.at]
	p.at++
	if !p.skip(":") {
		return v, false
	}
	begin := p.at
	switch v.kind {
	case 'b':
		ok = p.skip("0") || p.skip("1")
	case 'i':
		ok = p.integer()
	case 'd':
		ok = p.float()
	case 's':
		n, counted := p.count(`:"`)
		begin = p.at
		if !counted || !p.jump(n) {
			return v, false
		}
		v.text = p.data[begin:p.at]
		return v, p.skip(`";`)
	case 'S': // with escapes; nothing that PHP itself writes
		v.kind = 's'
		v.text, ok = p.escaped()
		return v, ok
	}
	v.text = p.data[begin:p.at]
	return v, ok && p.skip(";")
}

func (p *parser) digits() bool {
	begin := p.at
	for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
		p.at++
	}
	return p.at > begin
}

func (p *parser) integer() bool {
	_ = p.skip("-") || p.skip("+")
	return p.digits()
}

func (p *parser) float() bool {
	if p.skip("NAN") || p.skip("INF") || p.skip("-INF") || p.skip("+INF") {
		return true
	}
	_ = p.skip("-") || p.skip("+")
	whole, part := p.digits(), false
	if p.skip(".") {
		part = p.digits()
	}
	if !whole && !part {
		return false
	}
	if p.skip("e") || p.skip("E") {
		return p.integer()
	}
	return true
}

// escaped reads the rest of a text in which a backslash and two hexadecimal digits are a byte.
func (p *parser) escaped() (text []byte, ok bool) {
	n, ok := p.count(`:"`)
	if !ok {
		return nil, false
	}
	for range n {
		switch {
		case p.at >= len(p.data):
			return nil, false
		case p.data[p.at] != '\\':
			text = append(text, p.data[p.at])
			p.at++
		default:
			if p.at+2 >= len(p.data) {
				return nil, false
			}
			high, low := hexDigit(p.data[p.at+1]), hexDigit(p.data[p.at+2])
			if high < 0 || low < 0 {
				return nil, false
			}
			text = append(text, byte(high<<4|low))
			p.at += 3
		}
	}
	return text, p.skip(`";`)
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

// key is the key of an element: a number or a text.
type key struct{ text []byte }

func (p *parser) key() (key, error) {
	if !p.has('i') && !p.has('s') && !p.has('S') {
		return key{}, ErrMalformed
	}
	v, ok := p.scalar()
	if !ok {
		return key{}, ErrMalformed
	}
	return key{v.text}, nil
}

// reference reads a reference, and returns where the value begins that it means; -1 if nobody but PHP knows.
func (p *parser) reference() (target int, ok bool) {
	kind, begin := p.data[p.at], p.at
	p.at++
	if !p.skip(":") {
		return 0, false
	}
	n, ok := p.count(";")
	switch {
	case !ok || n == 0:
		return 0, false
	case p.cut && n > p.known:
		return -1, true
	case n > len(p.values):
		return 0, false
	}
	if target = int(p.values[n-1]); target == begin {
		return 0, false // itself
	}
	switch p.data[target] {
	case 'O', 'C', 'E', 'r':
		return target, true
	default:
		return target, kind == 'R' // r means an object
	}
}

// resolve returns where the value at this place really begins: where a reference leads to. It returns -1 if that is not
// known, or is no value.
func (p *parser) resolve(at int) int {
	if at < 0 || at >= len(p.data) || p.data[at] != 'R' {
		return at
	}
	defer p.back(p.at)
	p.at = at
	target, ok := p.reference()
	if !ok {
		return -1
	}
	return target // it is no reference itself: those have no number
}

func (p *parser) back(at int) { p.at = at }

// scalarAt returns the value at this place. What is no scalar has the kind 0. It fails with ErrUnclear if nobody but PHP knows
// the value.
func (p *parser) scalarAt(at int) (scalar, error) {
	at = p.resolve(at)
	if at < 0 {
		return scalar{}, ErrUnclear
	}
	switch p.data[at] {
	case 'b', 'i', 'd', 's', 'S':
	default:
		return scalar{}, nil
	}
	defer p.back(p.at)
	p.at = at
	v, ok := p.scalar()
	if !ok {
		return scalar{}, ErrMalformed
	}
	return v, nil
}

// arrayAt returns where the first key of the array at this place stands.
func (p *parser) arrayAt(at int) (first int, ok bool) {
	at = p.resolve(at)
	if at < 0 || p.data[at] != 'a' {
		return -1, false
	}
	defer p.back(p.at)
	p.at = at + len("a:")
	_, ok = p.count(":{")
	return p.at, ok
}

// element returns where the value of this key stands in the array at this place, or -1. All of data is checked already.
func (p *parser) element(at int, name string) int {
	first, ok := p.arrayAt(at)
	if !ok {
		return -1
	}
	reread := &parser{data: p.data, at: first, cut: true} // cut: it gives no numbers, and takes no offence at a reference
	found := -1
	for !reread.has('}') {
		k, err := reread.key()
		if err != nil {
			return -1
		}
		if string(k.text) == name {
			found = reread.at
		}
		if reread.value() != nil {
			return -1
		}
	}
	return found
}
