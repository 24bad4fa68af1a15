//go:build race

package numbering_test

// share says that one in so many numbers is compared. The race detector makes all of them take minutes.
const share = 16
