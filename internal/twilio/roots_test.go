package twilio

import (
	"bytes"
	"slices"
	"testing"
)

func TestMissingRoots(t *testing.T) {
	all := []string{"Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4"}
	first := amazonRoots[:bytes.Index(amazonRoots[1:], []byte("-----BEGIN"))+1]
	for name, tc := range map[string]struct {
		file []byte
		want []string
	}{
		"all": {amazonRoots, nil}, "the first alone": {first, all[1:]}, "none": {[]byte("# none\n"), all}, "an empty file": {[]byte{}, all},
	} {
		got, err := MissingRootsIn(tc.file)
		must(t, err)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
