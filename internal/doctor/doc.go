// Package doctor checks a whole installation: Gather asks, Examine judges the answers.
//
// Its law: an error is an answer, and never the end; but nothing more is asked of a side that doesn't answer. A check that
// lacks what it needs is skipped and names that; it never passes. Nothing is changed.
package doctor
