// Package doctor judges a whole installation: what others gathered goes in, checks come out. It asks nobody and prints
// nothing. A check that lacks what it needs is skipped and names that; it never passes.
package doctor
