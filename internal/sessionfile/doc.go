// Package sessionfile reads and removes the files in which PHP keeps sessions. It implements the ports of session.
//
// Its laws:
//
//   - The web server's user owns these files and may exchange any of them at any moment. So each is opened by its name in a
//     directory that was judged, judged on the open descriptor, and removed by its name in that directory. Nothing outside
//     of it is opened or removed, and no link is followed.
//   - What is removed was read a moment before, under PHP's own lock, and is a session of that user. Only if its user is logged in
//     and requests keep it busy all the time is it removed without the lock: else a thief could keep it for ever.
//   - A session's id and a file's content are in no result and in no error. The id is a key to the session.
package sessionfile
