package detonaut_test

// The rules of the house, as ARCHITECTURE.md tells them. "make check" runs
// every TestHouse.

const (
	module      = "github.com/detonaut/detonaut"
	maxFile     = 450 // lines, tests apart
	maxFunction = 75
	maxMain     = 60
)

// layers are the floors of the house, the lowest first. A package imports its
// own floor and those below. The longest prefix counts; what is on no floor is
// wired by hand in doors and alone below.
var layers = [][]string{
	{"chamber/address", "chamber/artifact", "chamber/content", "chamber/plan", "chamber/version"},
	{"chamber/tape"},
	{""}, // the root: the words
	{"docs", "rules"},
	{"internal/behavior", "internal/config", "internal/detonate", "internal/doctor", "internal/fetch", "internal/har", "internal/image", "internal/lock", "internal/reach", "internal/report", "internal/rulebook", "internal/rulepack", "internal/static", "internal/store", "internal/telemetry", "internal/verdict", "internal/zipaes"},
	{"internal/pipeline"},
	{"internal/server", "internal/survey", "internal/worker"},
	{"actors", "cmd", "e2e", "internal/golden", "internal/testenv"},
}

// doors are the only packages that may import a heavy dependency.
var doors = map[string][]string{
	"github.com/regclient/regclient":          {"internal/image"},
	"github.com/erofs/go-erofs":               {"internal/image"},
	"github.com/google/go-containerregistry":  {"internal/image", "actors/cast", "e2e"},
	"github.com/google/cel-go":                {"internal/behavior", "internal/static/malware"},
	"go.yaml.in/yaml/v3":                      {"internal/behavior", "internal/config", "internal/rulebook", "internal/static/malicious", "internal/static/malware", "internal/static/suppress", "internal/verdict", "rules"},
	"github.com/spf13/cobra":                  {"cmd/detonaut"},
	"github.com/anchore/grype":                {"internal/static/vuln"},
	"github.com/anchore/syft":                 {"internal/static/inventory", "internal/static/vuln"},
	"github.com/glebarez/go-sqlite":           {"internal/static/inventory", "internal/static/memory", "internal/store/sqlite"},
	"github.com/anchore/stereoscope":          {"internal/static/inventory"},
	"github.com/bmatcuk/doublestar/v4":        {"internal/static/inventory", "internal/static/suppress"},
	"github.com/CycloneDX/cyclonedx-go":       {"internal/report"},
	"github.com/spdx/tools-golang":            {"internal/report"},
	"github.com/github/go-spdx/v2":            {"internal/report"},
	"github.com/anchore/packageurl-go":        {"internal/report", "internal/static"},
	"github.com/santhosh-tekuri/jsonschema":   {"internal/report"},                        // tests only
	"github.com/yuin/goldmark":                {"internal/report", "internal/server/web"}, // in the first tests only
	"gorm.io/gorm":                            {"internal/static/vuln"},
	"github.com/zricethezav/gitleaks/v8":      {"internal/static/secret"},
	"github.com/spf13/viper":                  {"internal/static/secret"},
	"github.com/dmitryikh/leaves":             {"internal/static/malware/score"},
	"github.com/nwaples/rardecode/v2":         {"internal/static/malware/archive"},
	"github.com/pierrec/lz4/v4":               {"internal/static/malware/archive"},
	"golang.org/x/crypto":                     {"chamber/network"},
	"github.com/danielgtaylor/huma/v2":        {"internal/server/api"},
	"github.com/coreos/go-oidc/v3":            {"internal/server/person"},
	"github.com/jackc/pgx/v5":                 {"internal/store/postgres"},
	"github.com/RoaringBitmap/roaring/v2":     {"internal/store/index"},
	"github.com/pressly/goose/v3":             {"internal/store"},
	"gocloud.dev":                             {"internal/store/blob"},
	"github.com/riverqueue/river":             {"internal/store/queue", "internal/store/sqlite", "internal/store/postgres"}, // in the last two their drivers only
	"github.com/parquet-go/parquet-go":        {"internal/survey/dataset"},
	"github.com/prometheus/client_golang":     {"internal/telemetry"},
	"go.opentelemetry.io/otel":                {"internal/telemetry"},
	"github.com/distribution/distribution/v3": {"internal/testenv"},                                          // tests only
	"github.com/chromedp/chromedp":            {"e2e/browser"},                                               // tests only
	"github.com/chromedp/cdproto":             {"e2e/browser"},                                               // tests only
	"github.com/johannesboyne/gofakes3":       {"internal/testenv"},                                          // tests only
	"golang.org/x/net":                        {"chamber/decode", "chamber/network", "internal/report/page"}, // in the last tests only
	"golang.org/x/term":                       {"cmd/detonaut"},
}

// gvisor are the packages that import gVisor, without those below them: what
// parses the subject's bytes can be tested, and fuzzed, without a sandbox.
var gvisor = []string{
	"chamber/network", "chamber/runner", "chamber/sentry",
	"chamber/sentry/clock", "chamber/sentry/difference", "chamber/sentry/fileless", "chamber/sentry/furnish",
}

// alone lists packages that import the standard library only, and whatever
// else is named here. What dials for a live run is among them: it has no part
// in parsing what the subject says.
var alone = map[string][]string{
	".":                nil,
	"chamber/address":  nil,
	"chamber/artifact": nil,
	"chamber/bait":     nil,
	"chamber/content":  nil,
	"chamber/egress":   {"chamber/address", "chamber/plan", "golang.org/x/sys/unix"},
	"chamber/machine":  {"chamber/plan"},
	"chamber/plan":     nil,
	"chamber/version":  nil,
	"chamber/tape":     {"chamber/plan"},

	"chamber/sentry/meaning": {"golang.org/x/sys/unix"},
	"chamber/sentry/payload": {"chamber/address", "chamber/artifact", "chamber/content", "chamber/sentry/wire", "chamber/tape"},
	"chamber/sentry/wire":    {"chamber/artifact", "chamber/decode", "chamber/tape", "golang.org/x/sys/unix"},
}

// pure are the packages whose result follows from their arguments alone.
var pure = []string{"internal/behavior", "internal/report/page", "internal/verdict"}

// impure is what they must not touch.
var impure = []string{"os", "os/exec", "net", "net/http", "syscall", "log"}

// nameless are names that say nothing.
var nameless = []string{"util", "utils", "common", "helper", "helpers", "types", "pkg", "manager", "misc", "base", "shared"}
