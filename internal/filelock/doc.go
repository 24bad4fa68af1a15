// Package filelock has the lock by which processes of this program take turns at a file or a directory.
//
// Its law: a lock belongs to an open file, so it ends when that file is closed or the process dies, and leaves nothing
// behind; nobody waits without an end; where the system has no such lock, taking it fails.
package filelock
