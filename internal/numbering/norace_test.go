//go:build !race

package numbering_test

// share says that all numbers are compared.
const share = 1
