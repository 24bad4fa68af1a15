package php

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"uzerp-mfa/internal/pattern"
)

// singleQuoted returns the value of a string in single quotes, where only \\ and \' are escapes.
func singleQuoted(body []byte) string { return singleEscapes.Replace(string(body)) }

var singleEscapes = strings.NewReplacer(`\\`, `\`, `\'`, `'`)

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'e': 0x1b, 'f': '\f', '\\': '\\', '$': '$'}

// doubleQuoted returns the value of a string in double quotes (quote is '"') or of a heredoc (quote is 0, and \" is no
// escape). ok is false if the string contains a variable, or an \u{…} that PHP refuses.
func doubleQuoted(body []byte, quote byte) (value string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(body); {
		c := body[i]
		next := byte(0)
		if i+1 < len(body) {
			next = body[i+1]
		}
		if c == '$' && (isLabelStart(next) || next == '{') || c == '{' && next == '$' {
			return "", false
		}
		if c != '\\' || i+1 == len(body) {
			b.WriteByte(c)
			i++
			continue
		}
		text, length, ok := escape(body[i+1:], quote)
		if !ok {
			return "", false
		}
		b.WriteString(text)
		i += 1 + length
	}
	return b.String(), true
}

// escape reads what follows a backslash, and returns the text that it stands for and its length. If it is no escape,
// the text stays as it is, with the backslash.
func escape(rest []byte, quote byte) (text string, length int, ok bool) {
	c := rest[0]
	if escaped, known := escapes[c]; known {
		return string([]byte{escaped}), 1, true
	}
	switch {
	case c == quote:
		return string([]byte{c}), 1, true
	case '0' <= c && c <= '7':
		n := digits(rest, 3, func(c byte) bool { return '0' <= c && c <= '7' })
		code, _ := strconv.ParseUint(string(rest[:n]), 8, 16)
		return string([]byte{byte(code)}), n, true
	case c == 'x' && digits(rest[1:], 2, isHex) > 0:
		n := digits(rest[1:], 2, isHex)
		code, _ := strconv.ParseUint(string(rest[1:1+n]), 16, 8)
		return string([]byte{byte(code)}), 1 + n, true
	case c == 'u' && len(rest) > 1 && rest[1] == '{':
		end := bytes.IndexByte(rest, '}')
		if end < 0 {
			return "", 0, false
		}
		code, err := strconv.ParseUint(string(rest[2:end]), 16, 32)
		if err != nil || code > utf8.MaxRune || 0xd800 <= code && code <= 0xdfff {
			return "", 0, false // PHP writes surrogates as they are, but nobody means to write one
		}
		return string(rune(code)), end + 1, true
	}
	return `\` + string([]byte{c}), 1, true
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// digits counts the leading characters that is accepts, up to limit.
func digits(text []byte, limit int, is func(byte) bool) int {
	n := 0
	for n < limit && n < len(text) && is(text[n]) {
		n++
	}
	return n
}

var (
	integerForm = pattern.Lazy(`^(?:0[xX][0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0[bB][01]+(?:_[01]+)*|0[oO]?_?[0-7]+(?:_[0-7]+)*|0|[1-9][0-9]*(?:_[0-9]+)*)$`)
	decimalForm = pattern.Lazy(`^(?:[0-9]+(?:_[0-9]+)*)?(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?$`)
)

// numberText returns a number as PHP turns it into text.
func numberText(literal string, negative bool) (string, bool) {
	digits := strings.ReplaceAll(literal, "_", "")
	var value float64
	switch {
	case integerForm().MatchString(literal) && tooLarge(digits):
		value = math.Inf(1)
	case integerForm().MatchString(literal):
		integer, ok := new(big.Int).SetString(digits, 0) // base 0 reads 0x, 0b, 0o and 017 as PHP does
		if !ok {
			return "", false
		}
		if integer.IsInt64() { // -9223372036854775808 is a float in PHP, as its digits alone are too large
			if negative {
				integer.Neg(integer)
			}
			return integer.String(), true
		}
		value, _ = new(big.Float).SetInt(integer).Float64()
	case strings.ContainsAny(literal, ".eE") && decimalForm().MatchString(literal):
		var err error
		if value, err = strconv.ParseFloat(digits, 64); err != nil && !math.IsInf(value, 0) {
			return "", false
		}
	default:
		return "", false
	}
	if negative {
		value = -value
	}
	return floatText(value), true
}

// tooLarge reports whether a number has so many digits that it is more than the largest float, in any base. To read such
// a number exactly would take too long.
func tooLarge(digits string) bool {
	if len(digits) > 1 && digits[0] == '0' && strings.IndexByte("xbo", digits[1]|0x20) >= 0 {
		digits = digits[2:]
	}
	return len(strings.TrimLeft(digits, "0")) > 1024 // as many as the largest float has in base 2
}

// floatText returns a float as PHP turns it into text with precision = 14. That is PHP's default, and the value in
// every php.ini.
func floatText(value float64) string {
	const precision = 14
	switch {
	case math.IsInf(value, 1):
		return "INF"
	case math.IsInf(value, -1):
		return "-INF"
	}
	text := strconv.FormatFloat(value, 'e', precision-1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	n, _ := strconv.Atoi(exponent)
	mantissa = strings.TrimRight(mantissa, "0")
	if n < -4 || n >= precision {
		if strings.HasSuffix(mantissa, ".") {
			mantissa += "0"
		}
		sign := "+"
		if n < 0 {
			sign, n = "-", -n
		}
		return mantissa + "E" + sign + strconv.Itoa(n)
	}
	decimals := len(mantissa) - strings.IndexByte(mantissa, '.') - 1 - n
	return strconv.FormatFloat(value, 'f', max(0, decimals), 64)
}
