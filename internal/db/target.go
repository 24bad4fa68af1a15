package db

// Targets returns the servers that the settings lead to, and the database on each, without asking any of them: the
// settings may name several servers. It fails with errs.Config.
func (c Config) Targets() ([]Address, error) {
	s, err := c.parse()
	if err != nil {
		return nil, err
	}
	var targets []Address
	for _, h := range s.libpq.Hosts {
		targets = append(targets, Address{Host: h.Dialed(), Port: h.Port, Database: s.libpq.Database})
	}
	return targets, nil
}
