package measure

import (
	"regexp"
	"strings"

	"github.com/detonaut/detonaut"
)

// maxOutput is how much of what a run printed is looked at, in bytes: a report has no more.
const maxOutput = 16 << 10

// Complaints of programs that were given nothing, in English, in lower case but for the names of
// variables. docs/study.md has them in words.
var (
	missing = `(?:must be (?:set|provided|specified|defined|configured|given)|(?:is|was|are|were) (?:not|n't) (?:set|provided|specified|defined|configured|found|given)` +
		`|isn't set|not (?:set|specified|provided|defined|configured)|(?:is|are) (?:required|missing|mandatory|undefined|unset|empty)|\bmissing\b|\bundefined\b|\bunset\b|\brequired\b` +
		`|you (?:must|need to|have to) (?:specify|set|provide|define|configure)|please (?:specify|set|provide|define|configure)|(?:cannot|can't|may not|must not) be empty)`

	// variable is a name as those of the environment are: APP_SECRET_KEY, $TOKEN, TOKEN=. Names of
	// errors look so, too: isError.
	variable = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\$\{?[A-Z][A-Z0-9]+\b|\b[A-Z]{3,}=`)
	isError  = regexp.MustCompile(`^(?:ERR|ER|E|ERROR|SIG|UV|HTTP|SSL|TLS|WARN)_|_NOT_|_ERROR$`)
	// unset are what languages say of a variable that is not there.
	unset   = regexp.MustCompile(`parameter (?:null or )?not set|unbound variable|keyerror: '[a-z0-9_]+'|key not found: "[a-z0-9_]+"|environment variable[^\n]{0,80}` + missing + `|` + missing + `[^\n]{0,80}environment variable`)
	setting = regexp.MustCompile(`(?:config(?:uration)?(?: option| key| value| parameter)?|setting|property|option|credentials?|password|token|api key|license(?: key)?|secret)s?\b[^\n]{0,60}` + missing +
		`|` + missing + `[^\n]{0,60}\b(?:config(?:uration)?|setting|property|credentials?|password|token|api key|license|secret)s?\b`)
	complaint = regexp.MustCompile(missing)

	file = regexp.MustCompile(`(?:no such file or directory|not found|does not exist|cannot (?:open|find|load|read|access)|can't (?:open|find|load|read|access)|could not (?:open|find|load|read)|unable to (?:open|find|load|read)|failed to (?:open|find|load|read))`)
	// configured are names of files that whoever runs the image is to mount.
	configured = regexp.MustCompile(`\.(?:conf|config|cfg|cnf|ini|ya?ml|toml|json|properties|env|xml|pem|crt|cert|key|p12|jks|kubeconfig)\b|\bconfig(?:uration)? file|docker\.sock`)

	service = regexp.MustCompile(`connection refused|econnrefused|enotfound|no such host|name or service not known|name does not resolve|could not resolve|unknown host|unknownhost|` +
		`getaddrinfo|temporary failure in name resolution|nodename nor servname|(?:could not|cannot|can't|unable to|failed to) (?:connect|reach)|connection (?:failed|timed out)`)

	usage = regexp.MustCompile(`(?m)^\W{0,4}(?:[\w./-]{1,40}: )?usage(?: of [^\n]{1,60})?(?::|$)|^\W{0,4}usage: |(?:required|missing|too few|not enough|no|expected) (?:[a-z-]{1,20} )?(?:arguments?|args|operands?|commands?|subcommands?|flags?)\b|` +
		`arguments? (?:is|are) required|requires? (?:at least|exactly) \w{1,5} arg|try '[^'\n]{1,60} (?:--help|-h)'|(?:see|use|run) '[^'\n]{1,60}(?:--help|-h| help)'`)
)

// needOf tells what an image misses that was started with nothing but its name.
//
// It is looked for where something is wrong: a run that ended by itself and was not content, one that
// goes on without being of use to anybody, and for the way it is used also one that told it and was
// content. Of several complaints the first of setting, file, service and argument holds: programs
// that miss a setting often tell how they are used, too.
func needOf(r *detonaut.Report, run *Run) Need {
	if run == nil {
		if r.Run == nil && len(r.Image.Config.Entrypoint) == 0 && len(r.Image.Config.Cmd) == 0 && r.Image.Digest != "" {
			return NeedArgument
		}
		return ""
	}
	output := r.Run.Output[:min(len(r.Run.Output), maxOutput)]
	small := strings.ToLower(output)
	switch run.Class {
	case ClassFailed, ClassBroke:
		switch {
		case setsNothing(output, small):
			return NeedSetting
		case filesNothing(small):
			return NeedFile
		case service.MatchString(small) || len(peers(r.Run)) > 0:
			return NeedService
		case usage.MatchString(small):
			return NeedArgument
		}
	case ClassFinished:
		if usage.MatchString(small) {
			return NeedArgument
		}
	case ClassWaits, ClassRuns:
		if !run.Serves() && !run.Local && len(peers(r.Run)) > 0 {
			return NeedService
		}
	default: // it worked, or how it ended says nothing
	}
	return ""
}

// setsNothing tells whether a line complains of a setting.
func setsNothing(output, small string) bool {
	if unset.MatchString(small) || setting.MatchString(small) {
		return true
	}
	for line := range strings.Lines(output) {
		if !complaint.MatchString(strings.ToLower(line)) {
			continue
		}
		for _, name := range variable.FindAllString(line, 8) {
			if !isError.MatchString(name) {
				return true
			}
		}
	}
	return false
}

// filesNothing tells whether a line complains of a file that is to be mounted.
func filesNothing(small string) bool {
	for line := range strings.Lines(small) {
		if file.MatchString(line) && configured.MatchString(line) {
			return true
		}
	}
	return false
}

// peers are the names of one label that a run asked for, as services of a composition have them.
func peers(r *detonaut.Run) (all []string) {
	for _, name := range r.Names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if name != "" && name != "localhost" && !strings.ContainsAny(name, ".:/") {
			all = append(all, name)
		}
	}
	return all
}
