// Package million is a benchmark: what is asked of a store in which are a million reports, and of
// a site that shows it.
package million
