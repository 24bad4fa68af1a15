package audit

import "testing"

func TestElsewhere(t *testing.T) {
	here := Here{Databases: []Database{{"::1", 5432, "uzerp"}, {"127.0.0.1", 5432, "uzerp"}}, Service: &Service{SID: "VA1"}}
	own, copied := &Database{"127.0.0.1", 5432, "uzerp"}, &Database{"127.0.0.1", 5433, "uzerp"}
	for name, test := range map[string]struct {
		here             Here
		database         *Database
		service          *Service
		elsewhere, known bool
	}{
		"here":                      {here, own, &Service{SID: "VA1"}, false, true},
		"another database":          {here, copied, &Service{SID: "VA1"}, true, true},
		"another database, none":    {here, copied, nil, true, true},
		"another service":           {here, own, &Service{SID: "VA2"}, true, true},
		"an emulator":               {here, own, &Service{SID: "VA1", Address: "http://127.0.0.1:1"}, true, true},
		"an account":                {here, own, &Service{}, false, true},
		"an account of an emulator": {here, nil, &Service{Address: "http://127.0.0.1:1"}, true, true},
		"an older version":          {here, nil, nil, false, false},
		"nothing is set":            {Here{}, own, &Service{SID: "VA1"}, false, false},
		"no service is set":         {Here{Databases: here.Databases}, copied, &Service{SID: "VA1"}, true, true},
	} {
		if elsewhere, known := test.here.Elsewhere(Record{Database: test.database, Service: test.service}); elsewhere != test.elsewhere || known != test.known {
			t.Errorf("%s: %v, %v", name, elsewhere, known)
		}
	}
}
