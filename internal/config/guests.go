package config

import "github.com/detonaut/detonaut/internal/reach"

// Guests says what is reached for others than the operator, beside the internet: for who
// submits images, and who is told of reports.
type Guests struct {
	// Registries are hosts, addresses and networks at which submitted images may be, and the
	// servers that these registries refer to: see [reach.Options].
	Registries []string `yaml:"registries"`
	// Logins are the registries ("host[:port]") to which the credentials of docker login are
	// shown, so that who submits sees what these may see.
	Logins []string `yaml:"logins"`
	// Receivers are those of webhooks, written as Registries are.
	Receivers []string `yaml:"receivers"`
}

func (g Guests) validate(bad func(key, format string, args ...any)) {
	for key, allow := range map[string][]string{"guests.registries": g.Registries, "guests.receivers": g.Receivers} {
		for _, one := range allow {
			if _, err := reach.New(reach.Options{Allow: []string{one}}); err != nil {
				bad(key, "%q is no host, HOST:PORT, *.NAME, address or network", one)
			}
		}
	}
}
