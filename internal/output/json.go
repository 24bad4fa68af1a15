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
// back, so nothing is lost. The one exception is a Go string that is not UTF-8, which JSON can't carry: encoding/json
// puts U+FFFD for each bad byte.
//
// It fails with the errors of encoding/json and of w.
func WriteJSON(w io.Writer, v any) error { return writeJSON(w, v, "  ") }

// JSONLine writes v to w as one line of JSON, for the format jsonl. The rest is as in WriteJSON.
func JSONLine(w io.Writer, v any) error { return writeJSON(w, v, "") }

func writeJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	// In JSON, runes beyond ASCII stand only inside strings and never after a backslash. So each can be replaced without
	// parsing.
	_, err := io.WriteString(w, escapeAs(b.String(), jsonForm))
	return err
}
