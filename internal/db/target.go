package db

// Targets returns the servers that the settings lead to, and the database on each, without asking any of them: the
// settings may name several servers. It fails with errs.Config.
func (c Config) Targets() ([]Address, error) {
	s, err := c.parse()
	if err != nil {
		return nil, err
	}
	config := s.pool.ConnConfig
	name := config.Database
	if name == "" {
		name = config.User // as the server does
	}
	targets := []Address{{Host: config.Host, Port: int(config.Port), Database: name}}
	for _, f := range config.Fallbacks {
		targets = append(targets, Address{Host: f.Host, Port: int(f.Port), Database: name})
	}
	return targets, nil
}
