package vuln

import (
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/matcher"
	"github.com/anchore/grype/grype/matcher/dpkg"
	"github.com/anchore/grype/grype/matcher/rpm"
	"github.com/anchore/grype/grype/matcher/stock"
	"github.com/anchore/grype/grype/version"
	syft "github.com/anchore/syft/syft/pkg"
)

// matchers are those of grype's command, as it sets them when nobody says otherwise.
// CPEs are used for what is of no ecosystem; Maven is not asked what a jar is.
func matchers() []match.Matcher {
	return matcher.NewDefaultMatchers(matcher.Config{
		Stock: stock.MatcherConfig{UseCPEs: true},
		Dpkg:  dpkg.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyZero},
		Rpm:   rpm.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyAuto},
	})
}

// ignored are the matches that grype's command leaves out: holes of the kernel, in
// packages that have only its headers.
func ignored() (rules []match.IgnoreRule) {
	for _, headers := range []match.IgnoreRulePackage{
		{Name: "kernel-headers", UpstreamName: "kernel", Type: string(syft.RpmPkg)},
		{Name: "linux(-.*)?-headers-.*", UpstreamName: "linux.*", Type: string(syft.DebPkg)},
		{Name: "linux-libc-dev", UpstreamName: "linux", Type: string(syft.DebPkg)},
		{Name: "linux-kbuild-.*", UpstreamName: "linux.*", Type: string(syft.DebPkg)},
	} {
		rules = append(rules, match.IgnoreRule{Package: headers, MatchType: match.ExactIndirectMatch})
	}
	return rules
}
