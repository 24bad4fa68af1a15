// Package operator says who runs this program as root through sudo, doas or pkexec.
//
// Its law: nothing is guessed. Each of those programs sets its own variables, and a caller can't change them. But it
// may let a caller keep the variables of the others. So all of them are read, and where they name different users there
// is an error, and no choice. Somebody who has a shell as root can change every variable, and is root anyway.
package operator
