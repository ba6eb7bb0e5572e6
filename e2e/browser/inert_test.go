package browser_test

import (
	"strings"
)

// anatomy is what a page is made of, apart from its text.
type anatomy struct {
	// Parts are its elements and their attributes, as "tag" and "tag attribute".
	Parts []string
	// Bad are handlers of events, and addresses that lead out of the site.
	Bad []string
	// Unseen are texts with characters that cannot be seen, or that deceive.
	Unseen []string
}

// dissect tells what a page is made of. Links lead to the site itself, and to those sites
// that our own templates name.
const dissect = `(() => {
	const parts = new Set(), bad = [], unseen = [];
	const hidden = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u00AD\u061C\u115F\u180E\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFF9-\uFFFB]|[\u{E0000}-\u{E0FFF}]/u;
	const leads = ['href', 'src', 'srcset', 'action', 'formaction', 'xlink:href', 'poster', 'data', 'ping', 'background', 'cite', 'manifest'];
	const known = ['attack.mitre.org', 'nvd.nist.gov', 'github.com', 'detonaut.example'];
	const see = (where, text) => { if (hidden.test(text)) unseen.push(where + ' ' + JSON.stringify(text.slice(0, 80))) };
	for (const e of document.querySelectorAll('*')) {
		parts.add(e.localName);
		for (const a of e.attributes) {
			parts.add(e.localName + ' ' + a.name);
			if (a.name.startsWith('on')) bad.push(e.localName + ' ' + a.name);
			if (a.name !== 'value') see(e.localName + ' ' + a.name, a.value);
			if (!leads.includes(a.name)) continue;
			let u; try { u = new URL(a.value, location.href) } catch { bad.push(e.localName + ' ' + a.name + ' ' + a.value.slice(0, 80)); continue }
			if (u.protocol === location.protocol && u.host === location.host) continue;
			if (u.protocol === 'https:' && known.includes(u.host)) continue;
			bad.push(e.localName + ' ' + a.name + ' ' + a.value.slice(0, 80));
		}
	}
	for (let w = document.createTreeWalker(document, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT), n; n = w.nextNode();) see(n.parentNode.localName, n.data);
	return {Parts: [...parts], Bad: [...new Set(bad)], Unseen: [...new Set(unseen)].slice(0, 5)};
})()`

// inert fails the test unless the page that is open has none but parts that are known, leads
// nowhere and hides nothing.
func (b *tab) inert(name string, known map[string]bool) {
	b.t.Helper()
	a := ask[anatomy](b, "%s", dissect)
	var strange []string
	for _, p := range a.Parts {
		if !known[p] {
			strange = append(strange, p)
		}
	}
	if len(strange) > 0 {
		b.t.Errorf("%s has %s, which the templates have not", name, strings.Join(strange, ", "))
	}
	if len(a.Bad) > 0 {
		b.t.Errorf("%s leads elsewhere: %q", name, a.Bad)
	}
	if len(a.Unseen) > 0 {
		b.t.Errorf("%s shows what cannot be seen: %s", name, strings.Join(a.Unseen, "; "))
	}
	for _, f := range b.wrong() {
		b.t.Errorf("%s: %s", name, f)
	}
}

// learn adds what the page that is open is made of.
func (b *tab) learn(known map[string]bool) {
	b.t.Helper()
	for _, p := range ask[anatomy](b, "%s", dissect).Parts {
		known[p] = true
	}
}
