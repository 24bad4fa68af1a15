// Package filelock has the lock that lets only one process of this program at a time change a file or a directory.
//
// Its laws: a lock belongs to an open file. It ends when that file is closed or the process dies. Waiting for it always
// ends. Everybody who can open a file can lock it, so what many may read is not locked itself: an empty file beside it is,
// which only its writers can open (Open, Share). On a system without such locks, taking one fails.
package filelock
