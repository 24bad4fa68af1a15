// Package caller verifies who is calling: a code goes to the phone that uzERP has on file, and the caller reads it out.
//
// Its laws: The caller chooses nothing. The code goes to the one main mobile, or to the one main phone if there is no
// main mobile. If the mobile can't be read, the phone is not used instead. If there are two, neither is used.
//
// A number verifies nobody if it was changed lately, or if it is another user's too. A code verifies nobody unless this
// program alone has sent it, to this user: what the audit log doesn't know was not sent.
//
// A text must be one phone number without any doubt, or it is refused. The library for the world's phone numbers
// finds a number in nearly every text: it guesses what is missing and drops what it can't use. So this package gives
// it only the digits, and only of a text that is written like one number. Its answer counts only if prefix and number
// together are exactly these digits. An error never contains the text or a whole number.
package caller
