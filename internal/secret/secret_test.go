package secret_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"uzerp-mfa/internal/secret"
)

func TestSecretShowsNothing(t *testing.T) {
	s := secret.New("hunter2")
	type holder struct {
		Exported secret.Secret
		Pointer  *secret.Secret
		hidden   secret.Secret
	}
	h := holder{Exported: s, Pointer: &s, hidden: s}
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		fmt.Sprint(s), fmt.Sprintf("%s %v %+v %#v %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%+v %#v", h, h), string(asJSON), s.LogValue().String(), s.String(),
	} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e74657232") {
			t.Errorf("shows the secret: %s", shown)
		}
	}
	if s.Reveal() != "hunter2" || !s.IsSet() || (secret.Secret{}).IsSet() {
		t.Error("does not keep the secret")
	}
}
