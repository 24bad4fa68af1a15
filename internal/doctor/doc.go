// Package doctor checks a whole installation: Gather asks, Examine judges the answers.
//
// Its laws: An error is an answer, and never ends the checks. But after one side (database or Twilio) did not answer,
// it is not asked again. A check that lacks what it needs never passes: it is skipped and says what is missing.
// Nothing is changed.
package doctor
