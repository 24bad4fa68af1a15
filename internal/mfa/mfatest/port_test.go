package mfatest_test

import (
	"testing"

	"uzerp-mfa/internal/db/storetest"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// The users in memory keep the rules of the database.
func TestUsersPort(t *testing.T) {
	t.Run("World", func(t *testing.T) {
		storetest.Run(t, func(_ *testing.T, users ...mfa.User) storetest.Store { return mfatest.NewWorld(users...) })
	})
	t.Run("Site", func(t *testing.T) {
		storetest.Run(t, func(_ *testing.T, users ...mfa.User) storetest.Store { return mfatest.NewSite(users...) })
	})
}
