package reconcile_test

import (
	"testing"

	"uzerp-mfa/internal/errs"
)

const (
	uuidA = "22222222-2222-4222-8222-222222222222"
	sidA  = "YF0000000000000000000000000000000a"
	sidB  = "YF0000000000000000000000000000000b"
	sidC  = "YF0000000000000000000000000000000c"
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
