package reconcile_test

import (
	"testing"

	"uzerp-mfa/internal/errs"
)

func wantKind(t *testing.T, err error, want errs.Kind) {
	t.Helper()
	if err == nil || errs.KindOf(err) != want {
		t.Fatalf("error %v of kind %v, want kind %v", err, errs.KindOf(err), want)
	}
}

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
