package measure

import (
	"regexp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// Bounds of what is looked at of what a run printed, in bytes: a report has no more, and what is said of
// more in one line is no complaint.
const (
	maxOutput = 16 << 10
	maxLine   = 512
)

// A saying is what programs say that were given nothing, in English, in lower case, in one line.
type saying struct {
	// Words are those of which one is in a line that is worth a closer look.
	words []string
	form  *regexp.Regexp
}

func (s *saying) in(line string) bool {
	return slices.ContainsFunc(s.words, func(w string) bool { return strings.Contains(line, w) }) && s.form.MatchString(line)
}

// docs/study.md has them in words.
var (
	// unset are what languages say of a variable that is not there.
	unset = saying{
		[]string{"not set", "unbound", "keyerror", "key not found"},
		regexp.MustCompile(`parameter (?:null or )?not set|unbound variable|keyerror: '[a-z0-9_]+'|key not found: "[a-z0-9_]+"`),
	}
	lacking = saying{
		[]string{"set", "specif", "provid", "defin", "configure", "given", "found", "required", "missing", "mandatory", "empty"},
		regexp.MustCompile(`must be (?:set|provided|specified|defined|configured|given)|(?:is|was|are|were) not (?:found|given)` +
			`|\b(?:isn't|wasn't|aren't|not) (?:set|specified|provided|defined|configured)|\b(?:missing|undefined|unset|required|mandatory)\b|(?:is|are) empty` +
			`|(?:you (?:must|need to|have to)|please) (?:specify|set|provide|define|configure)|(?:cannot|can't|may not|must not) be empty`),
	}
	// settings are what is lacking then; variable is a name as those of the environment are:
	// APP_SECRET_KEY, $TOKEN, TOKEN=. Names of errors look so, too: isError.
	settings = saying{
		[]string{"config", "setting", "propert", "option", "credential", "password", "token", "api key", "license", "secret", "environment variable"},
		regexp.MustCompile(`\b(?:config(?:uration)?|setting|property|properties|option|credential|password|token|api key|license|secret|environment variable)s?\b`),
	}
	variable = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\$\{?[A-Z][A-Z0-9]+\b|\b[A-Z]{3,}=`)
	isError  = regexp.MustCompile(`^(?:ERR|ER|E|ERROR|SIG|UV|HTTP|SSL|TLS|WARN)_|_NOT_|_ERROR$`)

	unopened = saying{
		[]string{"no such file", "not found", "not exist", "open", "find", "load", "read", "access"},
		regexp.MustCompile(`no such file or directory|not found|does not exist|(?:cannot|can't|could not|unable to|failed to) (?:open|find|load|read|access)`),
	}
	// mounted are names of files that whoever runs the image is to mount.
	mounted = saying{
		[]string{".", "config"},
		regexp.MustCompile(`\.(?:conf|config|cfg|cnf|ini|ya?ml|toml|json|properties|env|xml|pem|crt|cert|key|p12|jks|kubeconfig)\b|\bconfig(?:uration)? file|docker\.sock`),
	}

	service = saying{
		[]string{"connect", "econnrefused", "enotfound", "host", "resol", "name ", "getaddrinfo", "servname", "reach"},
		regexp.MustCompile(`connection refused|econnrefused|enotfound|no such host|name or service not known|name does not resolve|could not resolve|unknown ?host|` +
			`getaddrinfo|temporary failure in name resolution|nodename nor servname|(?:could not|cannot|can't|unable to|failed to) (?:connect|reach)|connection (?:failed|timed out)`),
	}

	usage = saying{
		[]string{"usage", "arg", "operand", "command", "flag", "help"},
		regexp.MustCompile(`^\W{0,4}(?:[\w./-]{1,40}: )?usage(?: of .{1,60})?(?::|$)|^\W{0,4}usage: |(?:required|missing|too few|not enough|no|expected) (?:[a-z-]{1,20} )?(?:arguments?|args|operands?|commands?|subcommands?|flags?)\b|` +
			`arguments? (?:is|are) required|requires? (?:at least|exactly) \w{1,5} arg|(?:try|see|use|run) '[^']{1,60}(?:--help|-h| help)'`),
	}
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
	said := complaints(r.Run.Output)
	lonely := len(peers(r.Run)) > 0
	switch run.Class {
	case ClassFailed, ClassBroke:
		for _, need := range []Need{NeedSetting, NeedFile, NeedService, NeedArgument} {
			if said[need] || need == NeedService && lonely {
				return need
			}
		}
	case ClassFinished:
		if said[NeedArgument] {
			return NeedArgument
		}
	case ClassWaits, ClassRuns:
		if lonely && !run.Serves() && !run.Local {
			return NeedService
		}
	default: // it worked, or how it ended says nothing
	}
	return ""
}

// complaints are what the lines of an output complain of.
func complaints(output string) map[Need]bool {
	said := map[Need]bool{}
	for line := range strings.Lines(output[:min(len(output), maxOutput)]) {
		line = strings.TrimRight(line[:min(len(line), maxLine)], "\r\n")
		small := strings.ReplaceAll(strings.ToLower(line), "unexpected token", "")
		said[NeedSetting] = said[NeedSetting] || unset.in(small) || lacking.in(small) && (settings.in(small) || names(line))
		said[NeedFile] = said[NeedFile] || unopened.in(small) && mounted.in(small)
		said[NeedService] = said[NeedService] || service.in(small)
		said[NeedArgument] = said[NeedArgument] || usage.in(small)
	}
	return said
}

// names tells whether a line has the name of a variable.
func names(line string) bool {
	return slices.ContainsFunc(variable.FindAllString(line, 8), func(name string) bool { return !isError.MatchString(name) })
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
