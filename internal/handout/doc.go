// Package handout keeps the pages with which users who are not in the room set up their apps: one directory with a page for
// each user, and a list of what was made.
//
// Its laws: nobody but the directory's owner and root can read or change what is there, and what others have put there is not
// touched. A page is whole or not there. It is in the list before it is there, so after a crash too the list says whose each
// page is. The list has no secret.
package handout
