package inventory

import (
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cataloging/pkgcataloging"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/pkg/cataloger/ai"
	"github.com/anchore/syft/syft/pkg/cataloger/alpine"
	"github.com/anchore/syft/syft/pkg/cataloger/apple"
	"github.com/anchore/syft/syft/pkg/cataloger/arch"
	"github.com/anchore/syft/syft/pkg/cataloger/binary"
	"github.com/anchore/syft/syft/pkg/cataloger/bitnami"
	"github.com/anchore/syft/syft/pkg/cataloger/conda"
	"github.com/anchore/syft/syft/pkg/cataloger/cpp"
	"github.com/anchore/syft/syft/pkg/cataloger/debian"
	"github.com/anchore/syft/syft/pkg/cataloger/dotnet"
	"github.com/anchore/syft/syft/pkg/cataloger/gentoo"
	"github.com/anchore/syft/syft/pkg/cataloger/golang"
	"github.com/anchore/syft/syft/pkg/cataloger/homebrew"
	"github.com/anchore/syft/syft/pkg/cataloger/java"
	"github.com/anchore/syft/syft/pkg/cataloger/javascript"
	"github.com/anchore/syft/syft/pkg/cataloger/kernel"
	"github.com/anchore/syft/syft/pkg/cataloger/lua"
	"github.com/anchore/syft/syft/pkg/cataloger/nix"
	"github.com/anchore/syft/syft/pkg/cataloger/perl"
	"github.com/anchore/syft/syft/pkg/cataloger/php"
	"github.com/anchore/syft/syft/pkg/cataloger/python"
	"github.com/anchore/syft/syft/pkg/cataloger/r"
	"github.com/anchore/syft/syft/pkg/cataloger/redhat"
	"github.com/anchore/syft/syft/pkg/cataloger/ruby"
	"github.com/anchore/syft/syft/pkg/cataloger/rust"
	"github.com/anchore/syft/syft/pkg/cataloger/snap"
	"github.com/anchore/syft/syft/pkg/cataloger/wordpress"
)

// catalogers are those that syft uses for an image: they list what is installed, not
// what is declared. A test compares the list with syft's own.
func catalogers(c pkgcataloging.Config) []pkg.Cataloger {
	return []pkg.Cataloger{
		// Of distributions.
		alpine.NewDBCataloger(),
		arch.NewDBCataloger(),
		debian.NewDBCataloger(),
		gentoo.NewPortageCataloger(),
		homebrew.NewCataloger(),
		nix.NewCataloger(c.Nix),
		redhat.NewDBCataloger(),
		snap.NewCataloger(),
		// Of languages.
		cpp.NewConanInfoCataloger(),
		dotnet.NewDotnetDepsBinaryCataloger(c.Dotnet),
		dotnet.NewDotnetPackagesLockCataloger(),
		golang.NewGoModuleBinaryCataloger(c.Golang),
		java.NewArchiveCataloger(c.JavaArchive),
		java.NewJvmDistributionCataloger(),
		java.NewNativeImageCataloger(),
		javascript.NewPackageCataloger(),
		lua.NewPackageCataloger(),
		perl.NewCpanInstalledCataloger(),
		php.NewComposerInstalledCataloger(),
		php.NewInterpreterCataloger(),
		php.NewPearCataloger(),
		python.NewInstalledPackageCataloger(),
		r.NewPackageCataloger(),
		ruby.NewInstalledGemSpecCataloger(),
		rust.NewAuditBinaryCataloger(),
		// Of programs, and of what people pack.
		ai.NewGGUFCataloger(),
		ai.NewSafeTensorsCataloger(),
		apple.NewAppBundleCataloger(),
		binary.NewClassifierCataloger(c.Binary),
		binary.NewELFPackageCataloger(),
		binary.NewPEPackageCataloger(),
		bitnami.NewCataloger(),
		conda.NewCondaMetaCataloger(),
		kernel.NewLinuxKernelCataloger(c.LinuxKernel),
		wordpress.NewWordpressPluginCataloger(),
	}
}

// inArchives is the only cataloger that looks inside of archives, as in syft.
const inArchives = "java-archive-cataloger"

// ofDatabases are the catalogers of large files that are one package database.
var ofDatabases = []string{"rpm-db-cataloger", "nix-cataloger"}

// settings are those of syft's command, without the network and without the package
// caches of this machine. Symbols of Go programs are kept, because vulnerabilities of
// a module that is linked in may be in a package that is not.
func settings() pkgcataloging.Config {
	c := pkgcataloging.DefaultConfig()
	c.Golang = c.Golang.WithCaptureSymbols(cataloging.SymbolScopeAll).WithSearchLocalModCacheLicenses(false).
		WithSearchLocalVendorLicenses(false).WithSearchRemoteLicenses(false)
	c.JavaArchive.UseNetwork, c.JavaArchive.UseMavenLocalRepository = false, false
	return c
}
