// Package filelock has the lock that lets only one process of this program at a time change a file or a directory.
//
// Its law: a lock belongs to an open file. It ends when that file is closed or the process dies, and leaves nothing
// behind. Waiting for it always ends. On a system without such locks, taking one fails.
package filelock
