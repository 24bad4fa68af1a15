package db

import (
	"net"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/account"
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
	if server, err := account.ByUID(int(peer.Uid)); err != nil || server.Name != name {
		return wrongPeer{}
	}
	return nil
}
