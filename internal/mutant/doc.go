// Package mutant reads testdata/mutants/*.diff. Each is the program with one guard taken away, and a test must notice
// it.
//
// Its law: a mutant that no longer fits the tree is an error. It is never skipped, and never applied in another place.
package mutant
