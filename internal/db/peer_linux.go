package db

import (
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// checkPeer fails if the server at the other end of a socket does not run as the user of that name.
func checkPeer(conn net.Conn, name string) error {
	socket, ok := conn.(*net.UnixConn)
	if name == "" || !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if account, err := user.LookupId(strconv.FormatUint(uint64(peer.Uid), 10)); err != nil || account.Username != name {
		return wrongPeer{}
	}
	return nil
}
