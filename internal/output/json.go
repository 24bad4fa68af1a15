package output

import (
	"bytes"
	"encoding/json"
	"io"
)

// WriteJSON writes v to w as one JSON document, indented by two blanks and ended by a line feed. It is written in
// one piece and only if all of v could be encoded.
//
// <, > and & stay plain: this is no HTML. What Escape would not show is spelled \uXXXX, which every JSON reader turns
// back: nothing is lost. The one exception is a Go string that is not UTF-8, which JSON cannot carry: encoding/json
// puts U+FFFD for each bad byte.
//
// It fails with the errors of encoding/json and of w.
func WriteJSON(w io.Writer, v any) error { return writeJSON(w, v, "  ") }

// JSONLine writes v to w as one line of JSON, for the format jsonl. All else is as in WriteJSON.
func JSONLine(w io.Writer, v any) error { return writeJSON(w, v, "") }

func writeJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	// Runes beyond ASCII occur in JSON only inside strings and never after a backslash, so each can be respelled
	// without parsing.
	_, err := io.WriteString(w, escapeAs(b.String(), jsonForm))
	return err
}
