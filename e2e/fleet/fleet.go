// Package fleet is the proof of fleets: servers, workers, a database and a store of objects, of
// which each fails in its turn, and nothing is lost or done twice.
package fleet
