// Package caller verifies who is calling: a code goes to the phone that uzERP has on file, and the caller reads it out.
//
// Its laws: the caller chooses nothing. The number is the one main mobile, or where there is none the one main phone; a
// mobile that can't be read is never replaced by the landline, and of two nobody guesses.
//
// A text is one number beyond doubt, or it is refused. The library that knows the world's numbering plans finds a number
// in nearly any text, guesses what is missing and drops what it can't use. Here it gets digits only, of a text that is
// written like one number, and its answer counts only if it made nothing up: prefix and number together are the digits
// that stand there. No text and no whole number is in an error.
package caller
