package output

import (
	"bytes"
	"encoding/json"
	"io"
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
	b, err := encodeJSON(v, indent)
	if err != nil {
		return err
	}
	if mayLose(b.Bytes()) {
		if b, err = encodeJSON(legibleJSON(v), indent); err != nil {
			return err
		}
	}
	// In JSON, runes beyond ASCII stand only inside strings and never after a backslash. So each can be replaced without
	// parsing.
	_, err = io.WriteString(w, escapeAs(b.String(), jsonForm))
	return err
}

func encodeJSON(v any, indent string) (*bytes.Buffer, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return &b, err
}
