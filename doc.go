// Package detonaut holds the words of the project: images, findings, verdicts
// and reports, exactly as they appear in the JSON of a report.
//
// It holds nouns only. It imports the standard library, does no I/O and knows
// no technology; everything else in the tree speaks in its words.
// ARCHITECTURE.md lists them.
package detonaut
