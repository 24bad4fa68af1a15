package installation

// AuditsLogins reports whether uzERP writes lines about pages into its database, and successful logins into its log: its
// setting AUDIT_LOGIN, which is on by default (docs/facts/uzerp.md §7). It fails if only PHP could read the value.
func (i *Installation) AuditsLogins() (bool, error) {
	value, _, ok, err := i.Setting("AUDIT_LOGIN")
	if err != nil {
		return false, err
	}
	return !ok || value != "" && value != "0", nil // what PHP takes for true
}
