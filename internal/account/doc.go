// Package account says who a number or a name is on this machine: the user's name, home directory and groups.
//
// Its law: there is one way to find that out, however the program was built. What /etc/passwd and /etc/group have counts. What
// they do not have, as users of LDAP and SSSD, is asked of /usr/bin/getent, for a limited time. Its answer is judged: it can't
// give a name or a number that the machine's own files give to somebody else, and never root's rights. Who a process is says
// the kernel, with a number, and never a name from the environment. A number without a known name is shown as "uid 12345".
package account
