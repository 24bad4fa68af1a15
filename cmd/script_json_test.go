package cmd_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// The commands of scripts that check JSON. testdata/script/README.md explains them.

func cmdSchema(ts *testscript.TestScript, args []string) {
	checkSchema(ts, append(args[1:], "-o", "json"), 0, ts.ReadFile(args[0]), "")
}

func cmdJSON(ts *testscript.TestScript, args []string) {
	var document any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &document); err != nil {
		ts.Fatalf("not one JSON document: %v", err)
	}
	at := document
	for key := range strings.SplitSeq(args[1], ".") {
		switch v := at.(type) {
		case map[string]any:
			next, ok := v[key]
			if !ok {
				ts.Fatalf("no key %q in %v", key, v)
			}
			at = next
		case []any:
			if key == "length" {
				at = float64(len(v))
				continue
			}
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(v) {
				ts.Fatalf("no element %s in %v", key, v)
			}
			at = v[i]
		default:
			ts.Fatalf("%q: nothing inside %v", key, at)
		}
	}
	got, err := json.Marshal(at)
	ts.Check(err)
	var want any
	if err := json.Unmarshal([]byte(args[2]), &want); err != nil {
		want = args[2]
	}
	wanted, err := json.Marshal(want)
	ts.Check(err)
	if !bytes.Equal(got, wanted) {
		ts.Fatalf("%s is %s, want %s", args[1], got, wanted)
	}
}
