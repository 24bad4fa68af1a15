// Package mutant reads testdata/mutants/*.diff: the program with one guard taken away. Tests must notice each of them.
//
// Its law: a mutant that no longer fits the tree is an error. It is never passed over, and never applied somewhere else.
package mutant
