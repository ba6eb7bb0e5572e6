// Package survey is the proof of surveys: one of ten thousand repositories, of which everything
// is known, says exactly that.
package survey
