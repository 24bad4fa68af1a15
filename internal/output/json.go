package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteJSON writes v to w as one JSON document, indented by two blanks, with a line feed at the end. It writes in one
// piece, and nothing if any part of v can't be encoded.
//
// <, > and & stay plain: this is not HTML. What Escape would not show is written as \uXXXX. Every JSON reader turns that
// back, so nothing is lost. A Go string that is not UTF-8, which JSON can't carry, has U+FFFD and \xHH for each bad byte, and
// no two strings give the same text. ReadName turns that back.
//
// It fails with the errors of encoding/json and of w.
func WriteJSON(w io.Writer, v any) error { return writeJSON(w, v, "  ") }

// JSONLine writes v to w as one line of JSON, for the format jsonl. The rest is as in WriteJSON.
func JSONLine(w io.Writer, v any) error { return writeJSON(w, v, "") }

func writeJSON(w io.Writer, v any, indent string) error {
	text, err := textJSON(v, "", indent)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// A JSONList writes a document with one list item by item, as WriteJSON writes it whole. It holds no item, so that a list may have any
// length. If the command fails on the way, what is written is no whole document.
type JSONList struct {
	w          io.Writer
	head, tail string
	between    string
}

// NewJSONList returns what writes document on w. Its list must be empty, and what comes last in it: the items are to come. Nothing is
// written before the first of them.
func NewJSONList(w io.Writer, document any) (*JSONList, error) {
	text, err := textJSON(document, "", "  ")
	if err != nil {
		return nil, err
	}
	at := strings.LastIndex(text, "[]") // a text before it may have such a pair, too
	if at < 0 {
		return nil, fmt.Errorf("a document without an empty list: %T", document)
	}
	return &JSONList{w: w, head: text[:at], tail: text[at+2:], between: "[\n" + listIndent}, nil
}

// listIndent stands before each line of an item.
const listIndent = "    "

// Item writes an item of the list.
func (l *JSONList) Item(v any) error {
	text, err := textJSON(v, listIndent, "  ")
	if err == nil {
		_, err = io.WriteString(l.w, l.head+l.between+strings.TrimSuffix(text, "\n"))
		l.head, l.between = "", ",\n"+listIndent
	}
	return err
}

// Close writes what comes behind the items.
func (l *JSONList) Close() error {
	ended := "\n  ]"
	if l.head != "" {
		ended = l.head + "[]"
	}
	_, err := io.WriteString(l.w, ended+l.tail)
	return err
}

func textJSON(v any, prefix, indent string) (string, error) {
	b, err := encodeJSON(v, prefix, indent)
	if err != nil {
		return "", err
	}
	if mayLose(b.Bytes()) {
		if b, err = encodeJSON(legibleJSON(v), prefix, indent); err != nil {
			return "", err
		}
	}
	text := b.String()
	if isVisibleLines(text) { // as almost every document
		return text, nil
	}
	// In JSON, runes beyond ASCII stand only inside strings and never after a backslash. So each can be replaced without
	// parsing.
	return escapeAs(text, jsonForm), nil
}

// isVisibleLines reports whether text has nothing but line feeds and visible ASCII, of which jsonForm changes nothing.
func isVisibleLines(text string) bool {
	for i := range len(text) {
		if (text[i] < ' ' || text[i] > '~') && text[i] != '\n' {
			return false
		}
	}
	return true
}

func encodeJSON(v any, prefix, indent string) (*bytes.Buffer, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, indent)
	err := enc.Encode(v)
	return &b, err
}
